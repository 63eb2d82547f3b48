"""`assess`: series and days judged from their facts, as often as one likes, and only where something has changed.

A verdict depends on the facts of its day, of the five weeks before and the week behind it, and on what the series has
said last; so a day whose facts have changed is judged anew with those around it. Loads note such days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from domain.completeness.day_verdict import Lives, judge
from domain.completeness.expected import expected_points, span_ends
from domain.completeness.shown import LOOK_AHEAD, LOOK_BACK
from domain.window import Window
from warehouse import assessment_rows
from warehouse.assessment_rows import day_of
from warehouse.connections import Connections
from warehouse.lateness import usual_lateness
from warehouse.literals import literal_ids
from warehouse.plausibility import Limits, days_to_flag, flag
from warehouse.statements import statement

_DAYS_AT_ONCE: Final = 28
_SERIES_AT_ONCE: Final = 5_000
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Assessed:
    """What judging a source came to.

    Attributes:
        through: The newest day that is judged; None where nothing has points.
        n_days: Days that were looked at.
        n_rows: Rows that say something else now.
        n_flags: Flags that were raised, changed or taken back.
        began: Devices that have spoken for the first time; each is said once.
    """

    through: date | None = None
    n_days: int = 0
    n_rows: int = 0
    n_flags: int = 0
    began: list[str] = field(default_factory=list)


class _Series(NamedTuple):
    """A series that has points, as the statement says it."""

    series_id: int
    key: str
    device: str
    site: str
    resolution_seconds: float | None
    time_zone: str
    span: str
    begun: float
    last: float
    begun_before: float | None
    last_before: float | None
    silent_from: date | None
    late_from: date | None
    judged_by: str | None

    @property
    def calendar(self) -> tuple[timedelta | None, str, str]:
        seconds = self.resolution_seconds
        return (None if seconds is None else timedelta(seconds=seconds)), self.time_zone, self.span

    @property
    def ended_before(self) -> date | None:
        """When it ended, by what it was judged by."""
        last = (self.judged_by or "").rpartition(" ")[2]
        return date.fromisoformat(last) if last else None

    def judged_as(self, ended: date | None) -> str:
        return f"{self.resolution_seconds} {self.time_zone} {self.span} {ended or ''}"


def assess(
    connections: Connections,
    source: str,
    through: date | None,
    *,
    ended: Mapping[str, date] | None = None,
    now: datetime | None = None,
    window: Window | None = None,
    limits: Limits | None = None,
    newest: int | None = None,
) -> Assessed:
    """Judge what has changed since the last time, until the day `through`; idempotent.

    Args:
        connections: To the warehouse.
        source: Whose series.
        through: The newest day that should be there; None where none is due. Loaded days are judged all the same.
        ended: Key of a series, or its device → the day from which on it is known to be dead; None for what is known.
        now: When it is asked; points may still come later, of a device whose points usually do.
        window: Days to be judged whether or not something has changed.
        limits: What is possible; then it is judged, too, whether the days that have changed are plausible. None lets
            that wait: it reads eight weeks of points.
        newest: Of these, only those of so many days up to the newest one; the others wait, None for all.
    """
    values = {"source": source}
    with connections.borrow(f"completeness of {source}") as connection:
        # In transactions of their own, a block of days each: loads of other days need not wait.
        with connection.transaction():
            connection.execute(statement("completeness/lock"), values)
            noted = connection.execute(statement("completeness/unassessed"), values).fetchall()
            row = connection.execute(statement("completeness/through"), values).fetchone()
            with connection.cursor(row_factory=namedtuple_row) as cursor:
                found = [_Series(*one) for one in cursor.execute(statement("completeness/series"), values)]
            loaded = connection.execute(statement("completeness/loaded_until"), values).fetchone()
            lateness = usual_lateness(connection, source)
        at = now or datetime.now(UTC)
        last = max(through or date.min, (loaded and loaded[0]) or date.min)
        # Of a day that is not over, and of one that only a stream has spoken of, nothing can be missed yet.
        last_day = max(min(last, at.astimezone(UTC).date() - _DAY), row[0] if row else date.min)
        # Where facts are still being filled, a day without any may have points.
        is_filling = bool(connection.execute(statement("fill/is_pending"), {"name": "series_days"}).fetchall())
        if not found or last == date.min or is_filling:
            return Assessed()
        known = _Source(source, found, ended, at, last_day, lateness)
        days = _days_to_judge(known, [day for day, _ in noted], row[0] if row else None, window)
        n_rows = 0
        waiting = dict(noted)
        for start in range(0, len(days), _DAYS_AT_ONCE):
            with connection.transaction():
                free = _lock(connection, source, days[start : start + _DAYS_AT_ONCE])
                busy = [day for day in days[start : start + _DAYS_AT_ONCE] if day not in free]
                _note_beside(connection, source, [day for day in busy if waiting.pop(day, None) is None])
                n_rows += sum(_judge(connection, known, run) for run in _runs(free))
        with connection.transaction():
            connection.execute(statement("completeness/lock"), values)
            _write_lives(connection, known, days)
            done = {"days": list(waiting), "instants": list(waiting.values())}
            connection.execute(statement("completeness/done"), values | done)
            changed = days if row is None else days_to_flag(done["days"], last_day)
            connection.execute(statement("plausibility/note"), values | {"days": changed})
            connection.execute(statement("completeness/write_through"), values | {"through": last_day})
    began = {one.device or one.key for one in found if one.begun_before is None}
    began -= {one.device or one.key for one in found if one.begun_before is not None}
    n_flags = 0 if limits is None else flag(connections, source, limits, newest)
    return Assessed(last_day, len(days), n_rows, n_flags, sorted(began) if row else [])


@dataclass(frozen=True, slots=True)
class _Source:
    """A source while it is judged."""

    slug: str
    series: Sequence[_Series]
    ended: Mapping[str, date] | None
    now: datetime
    last_day: date
    lateness: Mapping[int, float]

    def ended_on(self, one: _Series) -> date | None:
        if self.ended is None:
            return one.ended_before
        return self.ended.get(one.key) or self.ended.get(one.device)


def _days_to_judge(source: _Source, noted: Sequence[date], through: date | None, window: Window | None) -> list[date]:
    """The days of which a verdict may be another one now, in order."""
    first = min(day_of(one.begun) for one in source.series)
    spans = [(day - LOOK_AHEAD * _DAY, day + LOOK_BACK * _DAY) for day in noted]
    if through is None or through < source.last_day:
        spans.append(((through or first - _DAY) + _DAY, source.last_day))
    if window is not None:
        spans.append((window.day, (window.end - timedelta(microseconds=1)).date()))
    for one in source.series:
        spans += _days_of_life(one, source.ended_on(one), source.last_day)
    days: set[date] = set()
    for start, end in set(spans):
        begin, n_days = max(start, first), (min(end, source.last_day) - max(start, first)).days + 1
        days.update(begin + n * _DAY for n in range(n_days))
    return sorted(days)


def _days_of_life(one: _Series, ended: date | None, last_day: date) -> Iterator[tuple[date, date]]:
    """Spans of days that are to be judged anew for what has become of a series since."""
    if one.judged_by is None or one.begun_before is None or one.last_before is None:
        return  # its days are noted
    if one.judged_by != one.judged_as(ended):
        yield day_of(one.begun), last_day
    if one.late_from is not None:
        yield one.late_from, last_day
    if one.begun < one.begun_before:
        yield day_of(one.begun), day_of(one.begun_before) + LOOK_BACK * _DAY
    if one.last > one.last_before and one.silent_from is not None:
        yield one.silent_from, day_of(one.last)
    if one.last < one.last_before:
        yield day_of(one.last), last_day


def _lock(connection: psycopg.Connection, source: str, days: Sequence[date]) -> list[date]:
    """The days that no load is at, locked until the transaction ends; those of a load are judged another time."""
    connection.execute(statement("completeness/lock"), {"source": source})
    asked = {"source": source, "days": list(days)}
    return [day for day, is_free in connection.execute(statement("completeness/lock_free"), asked) if is_free]


def _note_beside(connection: psycopg.Connection, source: str, busy: Sequence[date]) -> None:
    """See that busy days are judged the next time: by a free day that is noted before them.

    To note them themselves would be to wait for the load, which may have noted them.
    """
    if not busy:
        return
    before = sorted({day - n * _DAY for day in busy for n in range(1, LOOK_BACK + 1)})
    free = _lock(connection, source, before)
    beside = {max((one for one in free if one < day <= one + LOOK_BACK * _DAY), default=day) for day in busy}
    connection.execute(statement("series_day/note_empty"), {"source": source, "days": sorted(beside)})


def _judge(connection: psycopg.Connection, source: _Source, days: Sequence[date]) -> int:
    """Judge days one after the other; how many rows say something else now."""
    window = Window.of_days(days[0] - LOOK_BACK * _DAY, days[-1] + LOOK_AHEAD * _DAY)
    every = list(window.days())
    asked = {"source": source.slug, "start": window.start, "end": window.end}
    loaded = {day for (day,) in connection.execute(statement("completeness/loaded_days"), asked)}
    n_rows = 0
    changed: set[date] = set()
    for start in range(0, len(source.series), _SERIES_AT_ONCE):
        some = source.series[start : start + _SERIES_AT_ONCE]
        ids = np.array([one.series_id for one in some], dtype=np.int64)
        stored = assessment_rows.read(connection, ids, every[0], every[-1], loaded)
        kinds = {one.calendar for one in some}
        stated = {kind: expected_points(every, *kind) for kind in kinds}
        # What is over behind the newest judged day has not been asked for since.
        asked_until = Window.of_day(source.last_day).end.timestamp()
        is_open = {kind: span_ends(every, *kind) > asked_until for kind in kinds}
        judged = judge(
            stored.days,
            np.array([stated[one.calendar] for one in some]),
            _lives(source, some),
            source.now.timestamp(),
            np.array([is_open[one.calendar] for one in some]),
        )
        n_written, of_days = assessment_rows.write(connection, ids, days[0], stored, judged)
        n_rows += n_written
        changed |= of_days
    connection.execute(statement("suspect/unjudge"), {"source": source.slug, "days": sorted(changed)})
    return n_rows


def _lives(source: _Source, some: Sequence[_Series]) -> Lives:
    ended = [source.ended_on(one) for one in some]
    return Lives(
        np.array([one.begun for one in some]),
        np.array([one.last for one in some]),
        np.array([Window.of_day(day).start.timestamp() if day else np.inf for day in ended]),
        np.array([source.lateness.get(one.series_id, 0.0) for one in some]),
    )


def _runs(days: Sequence[date]) -> Iterator[list[date]]:
    """Days one after the other."""
    run: list[date] = []
    for day in days:
        if run and day - run[-1] != _DAY:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _write_lives(connection: psycopg.Connection, source: _Source, days: Sequence[date]) -> None:
    if not days:
        return
    ids = [one.series_id for one in source.series]
    names = {"series_ids": literal_ids(ids), "first": sql.Literal(days[0])}
    found = connection.execute(statement("completeness/runs").format(**names)).fetchall()
    runs = {series_id: (silent, late) for series_id, silent, late in found}
    rows = []
    for one in source.series:
        silent, late = runs.get(one.series_id, (None, None))
        if one.silent_from is not None and one.silent_from < days[0] and one.last == one.last_before:
            silent = one.silent_from
        ended = source.ended_on(one)
        if ended is not None and ended <= source.last_day:
            silent = None  # nothing is expected of it any more
        rows.append((one.series_id, one.begun, one.last, silent, late, one.judged_as(ended)))
    columns = ("series_ids", "begun", "last", "silent_from", "late_from", "judged_by")
    values = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    connection.execute(statement("completeness/write_lives"), values)
