"""Summaries compared with a plain GROUP BY over the points, and zones with what server and host know of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg import sql

from domain import zones as locked
from domain.window import Window
from warehouse import registers, series_days
from warehouse.connections import Address
from warehouse.literals import literals_of_days
from warehouse.local_days import local_date_ranges
from warehouse.sqlstates import translated
from warehouse.statements import statement
from warehouse.summary_days import days_of_sources, stored_days
from warehouse.summary_fill import rewrite_day

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(hours=12)
_N_STEPS: Final = 2 * 366 * 37  # until 2037
_BUCKETS: Final[tuple[tuple[str, dict[str, sql.Composable], None], ...]] = (
    ("bucket", {"view": sql.Identifier("measurement_hourly"), "width": sql.SQL("INTERVAL '1 hour'")}, None),
    ("bucket", {"view": sql.Identifier("measurement_daily"), "width": sql.SQL("INTERVAL '1 day'")}, None),
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A bucket that does not say what the points say: which source, which series, which bucket of which UTC day."""

    source: str
    day: str
    key: str
    bucket: str

    def __str__(self) -> str:
        """For a sentence."""
        return f"{self.key} at {self.bucket}"


@dataclass(frozen=True, slots=True)
class OtherZone:
    """A zone of the catalogue that somebody knows in another way than the locked tzdata, or not at all."""

    name: str
    whose: str


def disagreements(connection: psycopg.Connection, source: str, window: Window) -> Iterator[Disagreement]:
    """Every bucket of the summaries of a source inside whole UTC days that is not what the points amount to."""
    rows = connection.execute(statement("summary/keys"), {"source": source}).fetchall()
    keys = {int(series_id): str(key) for series_id, key, _ in rows}
    for day in window.days():
        whole = Window.of_day(day)
        names = literals_of_days(list(keys), whole)
        asked = _ranges_of_zones({str(time_zone) for _, _, time_zone in rows}, whole)
        for form, more, values in (*_BUCKETS, ("local_day", {}, asked)):
            found = connection.execute(statement(f"summary/disagree_{form}").format(**names, **more), values)
            for series_id, bucket in found:
                yield Disagreement(source, day.isoformat(), keys[series_id], bucket)


def all_disagreements(url: str) -> Iterator[Disagreement]:
    """The same for every day of every source, a day at a time."""
    address = Address.of(url)
    with translated(address.place), address.connect() as connection:
        for source, day in days_of_sources(connection, "fill/sources"):
            yield from disagreements(connection, source, day)


def recompute(url: str, source: str, window: Window) -> int:
    """Write facts, summaries and register intervals of a source anew from its points, a day in a transaction.

    Intervals of readings that no load has written, and that somebody put into the table himself, are among them.

    Returns:
        How many rows were wrong, or missing.
    """
    address = Address.of(url)
    n_rows = 0
    with translated(address.place), address.connect(as_loader=True) as connection:
        series_ids = [one for one, _ in connection.execute(statement("summary/of_source"), {"source": source})]
        every = [one for one, *_ in connection.execute(statement("catalogue/all_ids"), {"source": source})]
        for day in list(stored_days(connection, every, window)):
            with connection.transaction():
                n_rows += rewrite_day(connection, source, day.day) + series_days.rewrite_day(
                    connection, source, day.day
                )
                n_rows += registers.rewrite(connection, source, series_ids, day, place=f"{source} {day.day}").n_put
    return n_rows


def other_zones(url: str) -> list[OtherZone]:
    """Zones of the catalogue that the server or this host knows in another way than the locked tzdata."""
    address = Address.of(url)
    instants = [_FIRST + n * _STEP for n in range(_N_STEPS)]
    found: list[OtherZone] = []
    with translated(address.place), address.connect() as connection:
        for name, is_known in connection.execute(statement("summary/server_zones")).fetchall():
            if not locked.is_zone(name):
                continue
            expected = _offsets(locked.zone(name), instants)
            server = None
            if is_known:
                values = {"zone": name, "instants": instants}
                server = [ahead for (ahead,) in connection.execute(statement("summary/offsets"), values)]
            if server != expected:
                found.append(OtherZone(name, "the server's"))
            try:
                host = _offsets(ZoneInfo(name), instants)
            except (ZoneInfoNotFoundError, OSError, ValueError):
                host = None
            if host != expected:
                found.append(OtherZone(name, "this host's"))
    return found


def _offsets(tz: ZoneInfo, instants: list[datetime]) -> list[int]:
    return [round((instant.astimezone(tz).utcoffset() or timedelta()).total_seconds()) for instant in instants]


def _ranges_of_zones(zones: set[str], day: Window) -> dict[str, object]:
    names, dates, begins, ends = [], [], [], []
    for name in sorted(filter(locked.is_zone, zones)):
        found = local_date_ranges(name, day.day)
        at = [day.start + timedelta(seconds=second) for second, _ in found]
        names += [name] * len(found)
        dates += [local for _, local in found]
        begins += at
        ends += [*at[1:], day.end]
    return {"zones": names, "dates": dates, "begins": begins, "ends": ends}
