"""What Climkit's answers mean: rows become points of series. Pure: no clock, no network.

What a site is, and what its meters and sensors measure, stands in the lists that begin its pull. An answer that comes
before them is held back until they have come, so that order changes nothing.

Values are dealt with in this order, each counted once:

    unmapped      a number of a key, a type of meter or a unit of sensor that nobody knows, by name; or of a load curve
    rejected      the row has no usable time, two rows of one instant differ, or the value itself is impossible
    duplicates    the same value of the same field said again for the same instant
    measurements  numbers, in canonical units, rounded to a millionth of the provider's unit

Null and missing are no values. Rows outside of the window are left out before anything is counted; a row without a time
belongs to the window in which its question begins. An hour, day, month or year that was not over is left out, too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.contract import Payload, Series
from domain.errors import OutsideWindowError
from domain.measurement import Normalized, Reason, no_measurements, no_rejected, no_states
from domain.quantities import Conversion
from domain.window import Window
from providers._untimed import untimed_inside
from providers.climkit.account import Account
from providers.climkit.buckets import LONGEST, end_of
from providers.climkit.curves import falls_like_no_counter
from providers.climkit.meanings import Listing, Meaning, meaning_of
from providers.climkit.questions import REGISTERS, SENSOR_DATA
from providers.climkit.spec import INSTALLATIONS
from providers.climkit.times import EPOCH, MICROSECOND, Integers, micros, read_epochs, read_texts
from providers.climkit.wire import (
    Row,
    Site,
    parse_installations,
    parse_meters,
    parse_rows,
    parse_sensors,
    parse_site,
    unreadable,
)

TIME: Final = "timestamp"

_DUST: Final = 1e6
"""Values are rounded to the inverse of this, in the provider's unit: differences of counters carry float dust."""

_MAX_RAW: Final = 4_096

Floats = npt.NDArray[np.float64]


def normalize(payloads: Iterable[Payload], window: Window, account: Account) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: one batch for each answer that has rows of it.

    Raises:
        PayloadUnreadableError: An answer does not fit `wire`, or the lists that say what it is are missing.
        OutsideWindowError: An answer holds rows that nobody asked for.
    """
    sites: dict[str, Site] = {}
    held: dict[str, list[Payload]] = {}
    for payload in payloads:
        listing = Listing.of(payload.endpoint, payload.params.get("sampling_frequency", "15T"))
        if listing is None:
            site = learn(sites.get(payload.part, Site(payload.part)), payload)
            sites[site.id] = site
            waiting, held[site.id] = held.get(site.id, []), []
        else:
            site, waiting = sites.get(listing.site, Site(listing.site)), [payload]
        for one in waiting:
            batch = _batch(one, window, site, account)
            if batch is None:
                held.setdefault(site.id, []).append(one)
            elif batch.n_received or batch.unmapped:
                yield batch
    for left in held.values():
        for payload in left:
            raise unreadable("the lists that say what this answer is are not there", _place(payload))


def learn(site: Site, payload: Payload) -> Site:
    """`site` with what a list says of it; other answers say nothing.

    Raises:
        PayloadUnreadableError: The list does not fit `wire`.
    """
    place = _place(payload)
    if payload.endpoint == INSTALLATIONS:
        parse_installations(payload.body, place=place)
    elif payload.endpoint.startswith("installation_infos/"):
        info = parse_site(payload.body, place=place)
        return replace(site, name=info.name, zone=info.zone)
    elif payload.endpoint.startswith("meter_info/"):
        return replace(site, meters=parse_meters(payload.body, place=place))
    elif payload.endpoint.endswith("/sensors_list"):
        return replace(site, sensors=parse_sensors(payload.body, place=place))
    return site


def _batch(payload: Payload, window: Window, site: Site, account: Account) -> Normalized | None:
    """What a data answer says inside `window`; None if the lists it needs have not come yet."""
    listing = Listing.of(payload.endpoint, payload.params.get("sampling_frequency", "15T"))
    assert listing is not None  # noqa: S101  # data answers alone come here
    if payload.window.end <= window.start or payload.window.start >= window.end:
        return _NOTHING
    is_known = site.sensors is not None if listing.kind == SENSOR_DATA else site.meters is not None
    if site.zone is None or not is_known:
        parse_rows(payload.body, place=_place(payload))
        return None
    return _Answer(payload, listing, site, account).read(window)


@dataclass(slots=True)
class _Points:
    """The points of one field: instants in microseconds, and canonical values."""

    meaning: Meaning
    times: Integers
    numbers: Floats


@dataclass(slots=True)
class _Answer:
    """One answer on its way to a batch."""

    payload: Payload
    listing: Listing
    site: Site
    account: Account
    raws: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    unmapped: dict[str, int] = field(default_factory=dict)
    n_duplicates: int = 0

    def read(self, window: Window) -> Normalized:
        """The batch: every value inside `window` accounted for."""
        timed, starts = self._timed(window)
        kept = np.flatnonzero(self._inside(starts, window))
        rows, times = [timed[index] for index in kept.tolist()], starts[kept]
        names = sorted(set().union(*rows)) if rows else []
        curves = {name for name in names if name != TIME and self._is_no_register(name, timed, starts)}
        for name in curves:
            n_said = sum(row.get(name) is not None for row in rows)
            self.unmapped |= {f"{self._unknown(name)} (a load curve)": n_said} if n_said else {}
        wanted = [name for name in names if name != TIME and name not in curves]
        points = [found for name in wanted if (found := self._points(name, rows, times)) is not None]
        return Normalized(
            series=tuple(one.meaning.series for one in points),
            measurements=_frame(points),
            states=_no_states(),
            rejected=self._rejected(),
            n_duplicates=self.n_duplicates,
            unmapped=self.unmapped,
        )

    def _timed(self, window: Window) -> tuple[list[Row], Integers]:
        """All rows with a usable time, and the starts of their intervals in microseconds."""
        place = _place(self.payload)
        said = parse_rows(self.payload.body, place=place)
        rows: list[Row] = [row if isinstance(row, dict) else {} for row in said]
        read = read_epochs if self.listing.kind == SENSOR_DATA else read_texts
        times, odd = read([row.get(TIME) for row in rows], self.payload.received_at, place=place)
        starts = times - self.listing.behind(self.account) // MICROSECOND
        if not odd:
            return rows, starts
        for index in untimed_inside(starts, odd, self.payload.window, window):
            row = said[index]
            if not isinstance(row, dict):
                self._reject(row, Reason.MALFORMED_ROW)
                continue
            for name in self._point_names(row) or [""]:
                self._reject(row, odd[index], name)
        fine = [index for index in range(len(rows)) if index not in odd]
        return [rows[index] for index in fine], starts[fine]

    def _inside(self, starts: Integers, window: Window) -> npt.NDArray[np.bool_]:
        """Which rows belong to what was asked for, to `window`, and to an interval that is over."""
        asked, frequency = self.payload.window, self.listing.frequency
        slack = (LONGEST[frequency] if frequency else self.listing.behind(self.account)) // MICROSECOND
        # One interval more at either end: nobody says whether t_s and t_e are included.
        stray = (starts < micros(asked.start) - slack) | (starts > micros(asked.end) + slack)
        if stray.any():
            first = EPOCH + int(starts[np.flatnonzero(stray)[0]]) * MICROSECOND
            raise OutsideWindowError(
                f"{stray.sum():,} of {len(starts):,} rows lie outside of what was asked for, one at {first:%FT%TZ}",
                place=_place(self.payload),
                fix="ask the provider why; nothing of this answer is loaded",
            )
        low, high = max(asked.start, window.start), min(asked.end, window.end)
        kept = (starts >= micros(low)) & (starts < micros(high))
        if frequency in ("", "15T"):
            return kept
        zone, received_at = ZoneInfo(self.site.zone or "UTC"), self.payload.received_at
        for index in np.flatnonzero(kept & (starts > micros(received_at - LONGEST[frequency]))).tolist():
            kept[index] = end_of(EPOCH + int(starts[index]) * MICROSECOND, frequency, zone) <= received_at
        return kept

    def _is_no_register(self, name: str, rows: Sequence[Row], starts: Integers) -> bool:
        """Whether raw data that nobody has called a load curve are no readings of a counter; the whole answer tells."""
        if self.listing.kind != REGISTERS or self.listing.subject in self.account.load_curves:
            return False
        said = [
            (at, row[name])
            for at, row in zip(starts.tolist(), rows, strict=True)
            if type(row.get(name)) in (int, float)
        ]
        return falls_like_no_counter(_floats([value for _, value in sorted(said, key=itemgetter(0))]))

    def _points(self, name: str, rows: Sequence[Row], times: Integers) -> _Points | None:
        meaning = meaning_of(name, self.listing, self.site, self.account)
        column = [row.get(name) for row in rows]
        present = [index for index, value in enumerate(column) if value is not None]
        if meaning is None:
            if present:
                self.unmapped[self._unknown(name)] = len(present)
            return None
        good, values = self._numbers(name, column, present, rows, meaning.conversion)
        chosen, kept = self._once(name, times[good], values, [rows[index] for index in good])
        return _Points(meaning, chosen, kept) if len(chosen) else None

    def _numbers(
        self, name: str, column: Sequence[Any], present: list[int], rows: Sequence[Row], meaning: Conversion
    ) -> tuple[list[int], Floats]:
        """The rows with a possible number, by index, and their canonical values; the others are rejected."""
        numeric = present
        said = column if len(present) == len(column) else [column[index] for index in present]
        if not set(map(type, said)) <= {int, float}:
            numeric = [index for index in present if type(column[index]) in (int, float)]
            for index in sorted(set(present) - set(numeric)):
                self._reject(rows[index], Reason.WRONG_TYPE, name)
            said = [column[index] for index in numeric]
        sent = _floats(said)
        with np.errstate(over="ignore", invalid="ignore"):
            values = _canonical(sent, meaning)
            possible = (values >= meaning.quantity.low) & (values <= meaning.quantity.high)
        for position in np.flatnonzero(~possible).tolist():
            reason = Reason.OUT_OF_LIMITS if np.isfinite(sent[position]) else Reason.NOT_FINITE
            self._reject(rows[numeric[position]], reason, name)
        if possible.all():
            return numeric, values
        return [numeric[position] for position in np.flatnonzero(possible).tolist()], values[possible]

    def _once(self, name: str, times: Integers, values: Floats, rows: Sequence[Row]) -> tuple[Integers, Floats]:
        """Each instant once: what is said twice is counted, what is contradicted is rejected."""
        if len(times) < 2 or bool((np.diff(times) > 0).all()):  # noqa: PLR2004  # one row contradicts nobody
            return times, values
        first: dict[int, int] = {}
        contradicted: set[int] = set()
        for position, at in enumerate(times.tolist()):
            if at in first and values[first[at]] != values[position]:
                contradicted.add(at)
            first.setdefault(at, position)
        for position, at in enumerate(times.tolist()):
            if at in contradicted:
                self._reject(rows[position], Reason.AMBIGUOUS_IDENTITY, name)
            elif first[at] != position:
                self.n_duplicates += 1
        kept = [position for at, position in first.items() if at not in contradicted]
        return times[kept], values[kept]

    def _unknown(self, name: str) -> str:
        """How an unmapped field is named in the ledger."""
        if self.listing.kind == SENSOR_DATA:
            sensor = (self.site.sensors or {}).get(self.listing.subject)
            return (
                f"sensor {sensor.type if sensor else self.listing.subject} in {sensor.unit if sensor else '?'}/{name}"
            )
        meter = (self.site.meters or {}).get(self.listing.subject)
        return f"{self.listing.kind} of {meter.type if meter else self.listing.subject}/{name}"

    def _point_names(self, row: Row) -> list[str]:
        """The fields of a row whose values are points."""
        named = [name for name, value in row.items() if value is not None and name != TIME]
        return [name for name in named if meaning_of(name, self.listing, self.site, self.account) is not None]

    def _reject(self, row: object, reason: Reason, name: str = "") -> None:
        text = json.dumps(row, sort_keys=True)
        raw = f"{json.dumps(name)} of {text}" if name else text
        self.raws.append(raw if len(raw) <= _MAX_RAW else f"{raw[:_MAX_RAW]}…")
        self.reasons.append(reason.value)

    def _rejected(self) -> pd.DataFrame:
        if not self.raws:
            return _no_rejected()
        columns = {"raw": self.raws, "reason": self.reasons, "payload": [self.payload.sha256] * len(self.raws)}
        return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})


def _canonical(sent: Floats, meaning: Conversion) -> Floats:
    """Canonical values, without float dust; of kWh the rounding is done so that the Wh have none either."""
    if meaning.offset or meaning.factor not in (1, 1000):
        values: Floats = np.round(sent, 6) * meaning.factor + meaning.offset
        return values
    rounded: Floats = np.rint(sent * _DUST) / (_DUST / meaning.factor)
    return rounded


def _floats(said: Sequence[Any]) -> Floats:
    try:
        return np.array(said, dtype=np.float64)
    except OverflowError:  # an integer beyond every double
        return np.array([_to_float(value) for value in said], dtype=np.float64)


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _frame(points: Sequence[_Points]) -> pd.DataFrame:
    if not points:
        return _no_measurements()
    series: list[Series] = [one.meaning.series for one in points]
    codes = np.repeat(np.arange(len(points), dtype=np.int32), [len(one.times) for one in points])
    times = np.concatenate([one.times for one in points])
    return pd.DataFrame(
        {
            "series": pd.Categorical.from_codes(codes, categories=pd.Index([one.key for one in series], dtype="str")),
            "measured_at": pd.DatetimeIndex(times.view("datetime64[us]"), tz="UTC"),
            "value": np.concatenate([one.numbers for one in points]),
        }
    )


def _place(payload: Payload) -> str:
    return f"{payload.endpoint} {payload.window}"


# Building an empty frame costs as much as reading a thousand rows, and nobody writes into one.
_no_measurements = cache(no_measurements)
_no_rejected = cache(no_rejected)
_no_states = cache(no_states)
_NOTHING: Final = Normalized()
