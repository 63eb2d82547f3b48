"""What restatements changed, read by the function `measurement_changes`, and summed up by series or by day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from psycopg.rows import class_row

from domain.quantities import Kind
from domain.window import Window
from warehouse.connections import Connections


@dataclass(frozen=True, slots=True)
class Change:
    """What later loads changed of some series on some days.

    Attributes:
        first_day: The first UTC day of it.
        last_day: The last one.
        key: The series; empty for several, as are device and site.
        unit: The unit of before, after and difference.
        n_series: How many series.
        n_changed: Points that have another value now.
        n_removed: Points that are gone.
        before: Of intervals the total of the days as first loaded, otherwise the mean of the points that changed; None
            for texts, and where several series have no common figure.
        after: The same as it is now.
        revised_at: When the newest of it came.
    """

    first_day: date
    last_day: date
    key: str
    device: str
    site: str
    quantity: str
    unit: str
    kind: str
    n_series: int
    n_changed: int
    n_removed: int
    before: float | None
    after: float | None
    revised_at: datetime

    @property
    def difference(self) -> float | None:
        """After less before."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def percent(self) -> float | None:
        """The difference in per cent of before; None where there is none, or before is zero."""
        return None if self.difference is None or not self.before else 100 * self.difference / abs(self.before)


class Changes:
    """Questions about what restatements changed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of_days(self, source: str, first: date, last: date) -> list[Change]:
        """What was changed of each series on each UTC day from `first` to `last`; by day and series."""
        window = Window.of_days(first, last)
        values = {"source": source, "start": window.start, "end": window.end}
        return self._connections.rows(f"changes of {source}", "reading/changes", values, class_row(Change))


def summed(changes: Iterable[Change], by: Literal["series", "day"]) -> list[Change]:
    """One change for each series, over its days, or for each day and quantity, over its series; in that order."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for one in changes:
        key = (one.key,) if by == "series" else (one.first_day, one.quantity, one.unit)
        groups.setdefault(key, []).append(one)
    return [_sum(groups[key], by) for key in sorted(groups)]


def _sum(changes: Sequence[Change], by: Literal["series", "day"]) -> Change:
    first = changes[0]
    is_one = by == "series"
    before, after = _figures(changes, is_one_series=is_one)
    return Change(
        min(one.first_day for one in changes),
        max(one.last_day for one in changes),
        first.key if is_one else "",
        first.device if is_one else "",
        first.site if is_one else "",
        first.quantity,
        first.unit,
        first.kind,
        1 if is_one else len({one.key for one in changes}),
        sum(one.n_changed for one in changes),
        sum(one.n_removed for one in changes),
        before,
        after,
        max(one.revised_at for one in changes),
    )


def _figures(changes: Sequence[Change], *, is_one_series: bool) -> tuple[float | None, float | None]:
    """Intervals add up; of others one series has a mean, and several have none that says anything."""
    known = [
        (one.before, one.after, one.n_changed) for one in changes if one.before is not None and one.after is not None
    ]
    if not known:
        return None, None
    if changes[0].kind == Kind.INTERVAL:
        return sum(before for before, _, _ in known), sum(after for _, after, _ in known)
    n_changed = sum(n for _, _, n in known)
    if not is_one_series or not n_changed:
        return None, None
    return sum(before * n for before, _, n in known) / n_changed, sum(after * n for _, after, n in known) / n_changed
