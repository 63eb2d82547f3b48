"""What the other series of a device say about one: zeros that do not fit to them, a turned sign, another clock.

Nothing is known of the device beforehand: which series go together, and how, is what their last weeks show.
"""

from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.plausibility.flag import Flag
from domain.plausibility.shape import DayShape, Floats, table

LINK_DAYS: Final = 42
"""Days whose points say how two series go together."""

MOST_SIBLINGS: Final = 4
"""How many of those that go together best are asked."""

_LAGS: Final = np.arange(-8, 9)  # quarters of an hour: two hours either way
_FORMS: Final = tuple(product((True, False), (True, False), (False, True)))  # of a sibling without its days and lag
_LEAST_BOTH: Final = 40
_DUST: Final = 1e-9
_LEAST_CORRELATION: Final = 0.3
_SHARP: Final = 0.1
_SURE: Final = 0.5
_MOST_CERTAIN: Final = 0.999
_TURNED: Final = 0.6
_LEAST_TURNED: Final = 0.25
_GOES_WITH: Final = 0.5  # what goes together less goes the other way round in a cloudy week, too
_CLOCK_DAYS: Final = 3
_MOVED: Final = 0.9
_STILL: Final = 0.6
_LEAST_ZEROS: Final = 8
_LEAST_SEEN: Final = 300
_LEAST_OTHER: Final = 100
_LEAST_DAYS: Final = 10
_TAIL: Final = 0.01
_MARGIN: Final = 0.04
_TELLS: Final = 0.4
_UNLIKE: Final = 0.25


class Sibling(NamedTuple):
    """A series of the same device, and how the two have gone together.

    Attributes:
        name: What evidence calls it.
        days: Its days, up to the one that is judged.
        of_series: Whether differences from quarter to quarter are taken of the series.
        of_sibling: And of the sibling.
        is_between: Whether they go together best between two lags, as a charge does with the power that fills it: what
            changes from quarter to quarter changes half in the one, half in the other.
        lag: The lag at which they go together best, an index of `_LAGS`; of the first of two.
        correlation: There, with its sign.
        sharpness: By how much less certain it is that they go together at any other lag (Fisher's z).
    """

    name: str
    days: Sequence[DayShape]
    of_series: bool
    of_sibling: bool
    is_between: bool
    lag: int
    correlation: float
    sharpness: float

    @property
    def tells_lags(self) -> bool:
        """Whether another lag would be seen."""
        return self.sharpness >= _SHARP


def siblings_of(
    days: Sequence[DayShape], others: Sequence[tuple[str, Sequence[DayShape]]], before: int
) -> tuple[Sibling, ...]:
    """Those of the other series that go together best with this one in the `LINK_DAYS` before a day.

    Args:
        days: The series.
        others: Name and days of each other series of its device.
        before: Days since 1970-01-01.
    """
    series = _moments(table(days, before - LINK_DAYS, before - 1))
    found = []
    for name, other in others:
        by_form = _correlations(series, _moments(table(other, before - LINK_DAYS, before - 1)))
        best: Sibling | None = None
        for form in _FORMS:
            strengths = _of_form(by_form, form)
            lag = int(np.argmax(np.abs(strengths)))
            certainty = _certainty(strengths)
            sharpness = float(certainty[lag] - np.delete(certainty, lag).max())
            if abs(strengths[lag]) >= _LEAST_CORRELATION and (best is None or sharpness > best.sharpness):
                best = Sibling(name, other, *form, lag, float(strengths[lag]), sharpness)
        if best is not None:
            found.append(best)
    return tuple(sorted(found, key=lambda one: -one.sharpness)[:MOST_SIBLINGS])


def unlike_zeros(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """Zeros beside which a sibling shows what it has not shown beside zeros before."""
    first = past[0].day
    zeros = table([*past, today], first, today.day, "zeros")
    now, beside, other = zeros[-1] == 1, zeros[:-1] == 1, zeros[:-1] < 1
    if now.sum() < _LEAST_ZEROS or (beside.sum(axis=1) >= _LEAST_ZEROS).sum() < _LEAST_DAYS:
        return None
    for sibling in siblings:
        means = table(sibling.days, first, today.day)
        share = max(_share_outside(values, beside, other, now) for values in (means, _differences(means)))
        if share >= _UNLIKE:
            return Flag(
                "zeros", f"zeros, and in {share:.0%} of them {sibling.name} shows what it never shows beside zeros"
            )
    return None


def turned(today: DayShape, _: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """A day that goes against a sibling with which the days before went, or the other way round."""
    for sibling in siblings:
        if not sibling.tells_lags or abs(sibling.correlation) < _GOES_WITH:
            continue
        now = _lagged([today], sibling, today.day)[sibling.lag]
        if -now * np.sign(sibling.correlation) >= max(_TURNED * abs(sibling.correlation), _LEAST_TURNED):
            return Flag(
                "sign", f"correlation {now:.2f} with {sibling.name}; {sibling.correlation:.2f} on the days before"
            )
    return None


def moved(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """Three days that go with a sibling at another lag than the days before, and with no sharper one at the same."""
    for n, sibling in enumerate(siblings):
        lag = _moved_to(today, past, sibling)
        if lag is None:
            continue
        if any(is_in_place(today, past, one) for one in siblings[:n]):
            return None
        minutes = int(_LAGS[lag] - _LAGS[sibling.lag]) * 15
        return Flag("shift", f"{abs(minutes)} minutes {'late' if minutes > 0 else 'early'} beside {sibling.name}")
    return None


def is_in_place(today: DayShape, past: Sequence[DayShape], sibling: Sibling) -> bool:
    """Whether three days go with a sibling best at the lag at which the days before did."""
    return sibling.tells_lags and int(np.argmax(_three_days(today, past, sibling))) == sibling.lag


def _three_days(today: DayShape, past: Sequence[DayShape], sibling: Sibling) -> Floats:
    return np.abs(_lagged([*past[-_CLOCK_DAYS:], today], sibling, today.day, _CLOCK_DAYS))


def _moved_to(today: DayShape, past: Sequence[DayShape], sibling: Sibling) -> int | None:
    if not sibling.tells_lags:
        return None
    strengths = _three_days(today, past, sibling)
    lag = int(np.argmax(strengths))
    if lag == sibling.lag or strengths[lag] < _STILL * abs(sibling.correlation):
        return None
    certainty = _certainty(strengths)
    return lag if certainty[lag] - certainty[sibling.lag] >= _MOVED * min(sibling.sharpness, _SURE) else None


def _lagged(days: Sequence[DayShape], sibling: Sibling, last: int, n_days: int = 1) -> Floats:
    first = last - n_days + 1
    by_form = _correlations(_moments(table(days, first, last)), _moments(table(sibling.days, first, last)))
    return _of_form(by_form, (sibling.of_series, sibling.of_sibling, sibling.is_between))


def _certainty(strengths: Floats) -> Floats:
    """Fisher's z: from 0.9 to 0.96 is as far as from 0 to 0.44, since either leaves so much less unexplained."""
    certainty: Floats = np.arctanh(np.minimum(np.abs(strengths), _MOST_CERTAIN))
    return certainty


def _of_form(by_form: Floats, form: tuple[bool, bool, bool]) -> Floats:
    of_series, of_sibling, is_between = form
    strengths: Floats = by_form[int(of_series), int(of_sibling)]
    return (strengths[:-1] + strengths[1:]) / 2 if is_between else strengths


def _correlations(a: Floats, b: Floats) -> Floats:
    """At each lag, that of a series and of a sibling moved so much later; 0 where too few are there or none differs.

    By sums of products: those of all forms and lags at once cost a fraction of what means taken at each lag do.

    Args:
        a: Of the series, by `_moments`.
        b: Of the sibling.

    Returns:
        Whether differences are taken of the series, of the sibling; by lag.
    """
    n = a.shape[1]
    lags = _LAGS.tolist()
    products = [a[:, max(lag, 0) : n + min(lag, 0)] @ b[:, max(-lag, 0) : n - max(lag, 0)].T for lag in lags]
    # By form of the series, its power, form of the sibling, its power.
    sums = np.array(products).reshape(len(lags), 2, 3, 2, 3).transpose(1, 3, 0, 2, 4)
    n_both, of_a, of_b = sums[..., 0, 0], sums[..., 2, 0], sums[..., 0, 2]
    n_least = np.maximum(n_both, 1)
    spread_a, spread_b = of_a - sums[..., 1, 0] ** 2 / n_least, of_b - sums[..., 0, 1] ** 2 / n_least
    of_both = sums[..., 1, 1] - sums[..., 1, 0] * sums[..., 0, 1] / n_least
    # What never differs leaves the dust of rounding behind.
    is_told = (n_both >= _LEAST_BOTH) & (spread_a > _DUST * of_a) & (spread_b > _DUST * of_b)
    return np.where(is_told, of_both / np.sqrt(np.where(is_told, spread_a * spread_b, 1)), 0.0)


def _moments(means: Floats) -> Floats:
    """What correlations are sums of: `_powers` of the values, and of their differences from quarter to quarter."""
    return np.concatenate([_powers(means), _powers(_differences(means))])


def _powers(values: Floats) -> Floats:
    """What correlations are sums of: whether a value is there, it, and its square; from their mean, in their spread."""
    flat = values.ravel()
    is_there = ~np.isnan(flat)
    found = flat[is_there]
    powers = np.zeros((3, len(flat)))
    if len(found) and (spread := float(np.ptp(found))) > 0:
        powers[1, is_there] = (found - found.mean()) / spread
    powers[0], powers[2] = is_there, powers[1] ** 2
    return powers


def _differences(means: Floats) -> Floats:
    return np.diff(means.ravel(), prepend=np.nan).reshape(means.shape)


def _share_outside(
    values: Floats, beside: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]
) -> float:
    seen, rest, today = (part[~np.isnan(part)] for part in (values[:-1][beside], values[:-1][other], values[-1][now]))
    if len(seen) < _LEAST_SEEN or len(rest) < _LEAST_OTHER or len(today) < _LEAST_ZEROS:
        return 0.0
    margin = _MARGIN * (np.nanmax(values[:-1]) - np.nanmin(values[:-1]))
    low, high = float(np.quantile(seen, _TAIL)) - margin, float(np.quantile(seen, 1 - _TAIL)) + margin
    if ((rest < low) | (rest > high)).mean() < _TELLS:
        return 0.0
    return float(((today < low) | (today > high)).mean())
