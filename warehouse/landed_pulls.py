"""Complete pulls read back from the landing zone, and the one that is finished and waits to be loaded."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from psycopg.rows import dict_row

from domain.errors import PayloadMissingError
from domain.records import BodyFile, Payload, PullReport
from domain.window import Window
from warehouse.connections import Connections
from warehouse.landing import Landing
from warehouse.statements import statement

LONGEST_UNLOADED: Final = timedelta(hours=1)
"""A finished pull that nobody loaded is worth loading for this long; then the provider is asked again."""


class TimescaleLandedPull:
    """A complete pull, read back; `domain.contract.LandedPull`."""

    def __init__(self, pull_id: int, rows: list[dict[str, Any]], landing: Landing) -> None:
        self.pull_id = pull_id
        self.sha256s: tuple[str, ...] = tuple(row["sha256"] for row in rows)
        self.proof = "; ".join(sorted({row["proof"] for row in rows})) or "no answers"
        self._rows = rows
        self._landing = landing

    def __iter__(self) -> Iterator[Payload]:
        """Its payloads, in the order of parts and pages, one in memory at a time.

        Raises:
            PayloadMissingError: One is gone from the landing zone, or damaged.
        """
        for row in self._rows:
            if self._landing.is_file(row["path"]):
                with self._landing.as_file(row["path"], row["n_bytes"], row["sha256"]) as file:
                    yield _payload(row, b"", file)
            else:
                yield _payload(row, self._landing.read(row["path"], row["n_bytes"], row["sha256"]))


def _payload(row: dict[str, Any], body: bytes, file: BodyFile | None = None) -> Payload:
    return Payload(
        endpoint=row["endpoint"],
        params=row["params"],
        window=Window(row["window_start"], row["window_end"]),
        part=row["part"],
        page=row["page"],
        received_at=row["received_at"],
        media_type=row["media_type"],
        body=body,
        proof=row["proof"],
        file=file,
    )


def newest_complete(connections: Connections, landing: Landing, source: str, window: Window) -> TimescaleLandedPull:
    """The newest complete pull of `source` that covers `window`; of its answers, those that touch it.

    Raises:
        PayloadMissingError: There is none.
    """
    place = f"{source}, {window}"
    with connections.borrow(place) as connection, connection.cursor(row_factory=dict_row) as cursor:
        values = {"source": source, "start": window.start, "end": window.end}
        found = cursor.execute(statement("pull/newest_complete"), values).fetchone()
        rows = cursor.execute(statement("pull/payloads"), values | found).fetchall() if found else []
    if found is None:
        raise PayloadMissingError(
            "the landing zone has no complete pull of this window", place=place, fix="materialize its payloads first"
        )
    return TimescaleLandedPull(found["pull_id"], rows, landing)


def finished_to_reuse(connections: Connections, source: str, window: Window, fingerprint: str) -> PullReport | None:
    """The newest pull of `source` that touches `window`, if loading it is all that is left to do; None otherwise."""
    with connections.borrow(f"{source}, {window}") as connection:
        values = {
            "source": source,
            "start": window.start,
            "end": window.end,
            "fingerprint": fingerprint,
            "longest": LONGEST_UNLOADED,
        }
        found = connection.execute(statement("pull/finished_to_reuse"), values).fetchone()
    if found is None:
        return None
    pull_id, n_payloads, n_bytes, age_seconds = found
    return PullReport(pull_id, window, n_payloads, n_bytes, 0, 0.0, age_seconds=float(age_seconds))
