"""Live streams in the warehouse: points put as they come, gaps marked, and what has filled them.

A stream's points go where all points go, in a transaction that holds the locks of their days, so that no load is under
way there. What is there already is left alone, unless a stream had put it: an export's word is never overruled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from domain.live import Gap, LivePoint
from domain.records import Series
from domain.window import Window
from warehouse import registers, series_days, summaries
from warehouse.catalogue import Catalogue
from warehouse.connections import Connections
from warehouse.statements import statement

_LONGEST_GROWN: Final = timedelta(minutes=1)
"""How long an open gap becomes at most by growing: a span that keeps growing would never have ended."""

_NUMBERS: Final = {"points": sql.Identifier("measurement"), "value_type": sql.SQL("double precision")}
_STATES: Final = {"points": sql.Identifier("state"), "value_type": sql.SQL("text")}


@dataclass(frozen=True, slots=True)
class Put:
    """What became of some points of a stream. Counts add up to the points that were given.

    Attributes:
        n_new: Put, where nothing was.
        n_corrected: The stream had put another value before.
        n_known: There already: the same, or an export's word, or said twice.
    """

    n_new: int = 0
    n_corrected: int = 0
    n_known: int = 0


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap that nothing has filled yet.

    Attributes:
        gap_id: Its number.
        gap: What it is.
        n_failed: How often filling it has failed.
        failure: Why, the last time, as an error's code; None if it was not tried yet.
    """

    gap_id: int
    gap: Gap
    n_failed: int = 0
    failure: str | None = None


class Live:
    """The live side of a warehouse. Safe for threads."""

    def __init__(self, connections: Connections, catalogue: Catalogue) -> None:
        self._connections = connections
        self._catalogue = catalogue

    def put(
        self,
        source: str,
        points: Sequence[LivePoint],
        *,
        gaps: Iterable[Gap] = (),
        watermarks: Mapping[str, datetime] | None = None,
    ) -> Put:
        """Mark `gaps`, put `points`, and advance the watermark of every part: all of it in one transaction.

        Args:
            source: Whose stream.
            points: In the order in which they came; of several for one series and instant the last one counts.
            gaps: What may have been missed. Each is kept a day at a time; one that touches an open one of the same part
                and reason lets that one grow, up to a minute.
            watermarks: Part → the instant until which everything is put or marked.

        Raises:
            RowsRefusedError: A series has another quantity in the catalogue.
            WarehouseUnavailableError: The database is away; nothing was put, and it may be tried again.
        """
        place = f"live stream of {source}"
        newest = {(point.series.key, point.measured_at): point for point in points}
        ids = self._catalogue.numbers(source, _series_of(newest.values()), place=place)
        with self._connections.borrow(place) as connection, connection.transaction():
            connection.execute(statement("load/share_catalogue"), {"source": source})
            for day in sorted({point.measured_at.astimezone(UTC).date() for point in newest.values()}):
                connection.execute(statement("load/lock_day"), {"source": source, "day": day})
            for gap in gaps:
                _mark(connection, source, gap)
            n_new = n_corrected = 0
            for names in (_NUMBERS, _STATES):
                rows = [
                    (ids[point.series.key], point.measured_at, point.value)
                    for point in newest.values()
                    if isinstance(point.value, str) == (names is _STATES)
                ]
                if rows:
                    put, corrected = _put(connection, names, rows)
                    n_new, n_corrected = n_new + put, n_corrected + corrected
                    if put + corrected:
                        plural: series_days.Plural = "numbers" if names is _NUMBERS else "states"
                        series_days.write_live(connection, rows, plural, are_new=put == len(rows))
                    if names is _NUMBERS and put + corrected:
                        _rewrite_registers(connection, source, rows, place)
                        summaries.write_live(connection, [(series_id, at) for series_id, at, _ in rows])
            if watermarks:
                moved = {"source": source, "parts": list(watermarks), "untils": list(watermarks.values())}
                connection.execute(statement("live/advance_watermarks"), moved)
        return Put(n_new, n_corrected, len(points) - n_new - n_corrected)

    def watermarks(self, source: str) -> dict[str, datetime]:
        """Part → the instant until which everything is put or marked as a gap."""
        rows = self._connections.rows(f"live stream of {source}", "live/watermarks", {"source": source}, tuple_row)
        return {part: until.astimezone(UTC) for part, until in rows}

    def open_gaps(self, source: str, by: datetime, *, at: datetime | None = None) -> list[OpenGap]:
        """The gaps that nothing has filled yet and that had ended at `by`, by time; none that rests `at` an instant."""
        values = {"source": source, "by": by, "at": at}
        rows = self._connections.rows(f"gaps of {source}", "live/open_gaps", values, tuple_row)
        return [
            OpenGap(gap_id, Gap(part, start.astimezone(UTC), end.astimezone(UTC), reason), n_failed, failure)
            for gap_id, part, start, end, reason, n_failed, failure in rows
        ]

    def fill(self, gaps: Sequence[OpenGap], load_id: int) -> None:
        """Note that a load has said everything about these gaps; one that has grown meanwhile stays open."""
        values = {
            "gap_ids": [one.gap_id for one in gaps],
            "starts": [one.gap.start for one in gaps],
            "ends": [one.gap.end for one in gaps],
            "load_id": load_id,
        }
        with self._connections.borrow("gaps") as connection:
            connection.execute(statement("live/fill_gaps"), values)

    def back_off(self, gaps: Sequence[OpenGap], failure: str, until: datetime) -> None:
        """Note why these gaps could not be filled (an error's code), and when they are tried again."""
        values = {"gap_ids": [one.gap_id for one in gaps], "failure": failure, "until": until}
        with self._connections.borrow("gaps") as connection:
            connection.execute(statement("live/back_off_gaps"), values)

    def gaps(self, source: str, window: Window) -> list[dict[str, Any]]:
        """Every gap that touches `window`, a mapping each: the columns of `live_gap` without the source."""
        values = {"source": source, "start": window.start, "end": window.end}
        return self._connections.rows(f"gaps of {source}", "live/gaps", values, dict_row)


def _mark(connection: psycopg.Connection, source: str, gap: Gap) -> None:
    """Mark a gap, a day at a time: each day is filled by a load of its own."""
    whole = Window(gap.start, gap.end)
    for day in map(Window.of_day, whole.days()):
        values = {
            "source": source,
            "part": gap.part,
            "reason": gap.reason,
            "start": max(day.start, whole.start),
            "end": min(day.end, whole.end),
            "day_start": day.start,
            "day_end": day.end,
            "longest": _LONGEST_GROWN,
        }
        connection.execute(statement("live/mark_gap"), values)


def _put(
    connection: psycopg.Connection,
    names: Mapping[str, sql.Composable],
    rows: Sequence[tuple[int, datetime, float | str]],
) -> tuple[int, int]:
    """How many were new, and how many have another value than the stream had put before."""
    series_ids, instants, new_values = (list(column) for column in zip(*rows, strict=True))
    values: dict[str, object] = {
        "series_ids": series_ids,
        "instants": instants,
        "values": new_values,
        "first": min(at for _, at, _ in rows),
        "last": max(at for _, at, _ in rows),
    }
    n_corrected = connection.execute(statement("live/correct").format(**names), values).rowcount
    new = connection.execute(statement("live/write").format(**names), values).fetchall()
    if new:
        put = {"series_ids": [one for one, _ in new], "instants": [at for _, at in new]}
        connection.execute(statement("live/remember_points"), put)
    return len(new), n_corrected


def _rewrite_registers(
    connection: psycopg.Connection, source: str, rows: Sequence[tuple[int, datetime, float | str]], place: str
) -> None:
    """The intervals of the registers that were put, from their first day to their last."""
    days = sorted({at.astimezone(UTC).date() for _, at, _ in rows})
    series_ids = sorted({series_id for series_id, _, _ in rows})
    registers.rewrite(connection, source, series_ids, Window.of_days(days[0], days[-1]), place=place)


def _series_of(points: Iterable[LivePoint]) -> list[Series]:
    return list({point.series.key: point.series for point in points}.values())
