"""Live streams in the warehouse: points put as they come, gaps marked, and what has filled them.

A stream's points go where all points go, in a transaction that holds the locks of their days, so that no load is under
way there. What is there already is left alone, unless a stream had put it: an export's word is never overruled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import psycopg

from domain.contract import Series
from domain.live import Gap, LivePoint
from domain.window import Window
from warehouse.catalogue import Catalogue
from warehouse.connections import Connections
from warehouse.statements import statement

_KINDS: Final[tuple[Literal["numbers", "states"], ...]] = ("numbers", "states")


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
    """A gap that nothing has filled yet."""

    gap_id: int
    gap: Gap


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
        covered: Mapping[str, datetime] | None = None,
    ) -> Put:
        """Mark `gaps`, put `points`, and move on how far every part is certain: all of it in one transaction.

        Args:
            source: Whose stream.
            points: In the order in which they came; of several for one series and instant the last one counts.
            gaps: What may have been missed.
            covered: Part → the instant until which everything is put or marked.

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
                connection.execute(
                    statement("live/mark_gap"),
                    {"source": source, "part": gap.part, "start": gap.start, "end": gap.end, "reason": gap.reason},
                )
            n_new = n_corrected = 0
            for kind in _KINDS:
                rows = [
                    (ids[point.series.key], point.measured_at, point.value)
                    for point in newest.values()
                    if isinstance(point.value, str) == (kind == "states")
                ]
                if rows:
                    put, corrected = _put(connection, kind, rows)
                    n_new, n_corrected = n_new + put, n_corrected + corrected
            if covered:
                moved = {"source": source, "parts": list(covered), "untils": list(covered.values())}
                connection.execute(statement("live/cover"), moved)
        return Put(n_new, n_corrected, len(points) - n_new - n_corrected)

    def covered(self, source: str) -> dict[str, datetime]:
        """Part → the instant until which everything is put or marked as a gap."""
        with self._connections.borrow(f"live stream of {source}") as connection:
            rows = connection.execute(statement("live/covered"), {"source": source}).fetchall()
        return {part: until.astimezone(UTC) for part, until in rows}

    def open_gaps(self, source: str, by: datetime) -> list[OpenGap]:
        """The gaps that nothing has filled yet and that had ended at `by`, by time."""
        with self._connections.borrow(f"gaps of {source}") as connection:
            rows = connection.execute(statement("live/open_gaps"), {"source": source, "by": by}).fetchall()
        return [
            OpenGap(gap_id, Gap(part, start.astimezone(UTC), end.astimezone(UTC), reason))
            for gap_id, part, start, end, reason in rows
        ]

    def fill(self, gap_ids: Sequence[int], load_id: int) -> None:
        """Note that a load has said everything about these gaps."""
        with self._connections.borrow("gaps") as connection:
            connection.execute(statement("live/fill_gaps"), {"gap_ids": list(gap_ids), "load_id": load_id})

    def gaps(self, source: str, window: Window) -> list[dict[str, Any]]:
        """Every gap that touches `window`: part, gap_start, gap_end, reason, marked_at, filled_at, load_id."""
        values = {"source": source, "start": window.start, "end": window.end}
        with (
            self._connections.borrow(f"gaps of {source}") as connection,
            connection.cursor(row_factory=psycopg.rows.dict_row) as cursor,
        ):
            return cursor.execute(statement("live/gaps"), values).fetchall()


def _put(
    connection: psycopg.Connection,
    kind: Literal["numbers", "states"],
    rows: Sequence[tuple[int, datetime, float | str]],
) -> tuple[int, int]:
    """How many were new, and how many another value than the stream had said before."""
    series_ids, instants, said = (list(column) for column in zip(*rows, strict=True))
    values: dict[str, object] = {
        "series_ids": series_ids,
        "instants": instants,
        "values": said,
        "first": min(at for _, at, _ in rows),
        "last": max(at for _, at, _ in rows),
    }
    n_corrected = connection.execute(statement(f"live/correct_{kind}"), values).rowcount
    new = connection.execute(statement(f"live/write_{kind}"), values).fetchall()
    if new:
        put = {"series_ids": [one for one, _ in new], "instants": [at for _, at in new]}
        connection.execute(statement("live/remember_points"), put)
    return len(new), n_corrected


def _series_of(points: Iterable[LivePoint]) -> list[Series]:
    return list({point.series.key: point.series for point in points}.values())
