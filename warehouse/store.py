"""The warehouse as the other packages see it: `open_warehouse`, and all that `domain.contract.Warehouse` promises."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psycopg
from upath import UPath

from domain.contract import Closeable, LandedPull
from domain.errors import (
    IngestError,
    NormalizationError,
    RowsRefusedError,
    WarehouseError,
    WarehouseUnavailableError,
    is_session_lost,
)
from domain.measurement import Normalized
from domain.quantities import Kinds
from domain.records import LoadReport, PullReport, Series
from domain.texts import storable
from domain.window import Window
from warehouse import landed_pulls, pulls
from warehouse.availability import PATIENCE_SECONDS, Availability
from warehouse.catalogue import Catalogue
from warehouse.changes import Changes
from warehouse.completeness import Completeness
from warehouse.connections import Address, Connections
from warehouse.copy_ahead import CopyAhead
from warehouse.landing import Landing
from warehouse.landing_move import LandingMove
from warehouse.landing_zone import LandingZone
from warehouse.ledger import Ledger
from warehouse.live import Live
from warehouse.load import Assignment, commit_again, complete, place_of, record_failure
from warehouse.load_buffer import LoadBuffer
from warehouse.notifications import Notifications
from warehouse.reading import Reading
from warehouse.run_leases import RunLeases

_MOST_QUOTED: Final = 200  # characters of a foreign error's text in a sentence of ours


def open_warehouse(
    url: str,
    landing: str | Path | UPath | Landing,
    *,
    code_version: str | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    restart: Callable[[], object] | None = None,
    spool: Path | None = None,
) -> "TimescaleWarehouse":
    """The warehouse at `url`, with its landing zone. Nothing is connected until something is asked.

    Args:
        url: `postgresql://…` of a database whose schema is there (`warehouse.schema`).
        landing: A folder, or the URL of one on an object store.
        code_version: What the ledger says loaded a partition; this release by default.
        patience_seconds: How long a database that was there is waited for, whatever is asked.
        restart: Starts its server if it does not run, where that is ours to do.
        spool: A folder for the points of large days; the system's one for temporary files by default, which may be
            memory.
    """
    address = Address.of(url)
    availability = Availability(
        address.place,
        partial(address.connect, as_loader=True),
        patience_seconds=patience_seconds,
        restart=restart,
    )
    connections = Connections(address, availability)
    return TimescaleWarehouse(connections, _landing(landing), code_version or version("joulehouse"), spool)


def _landing(place: str | Path | UPath | Landing) -> Landing:
    return place if isinstance(place, Landing) else Landing(place)


class TimescaleWarehouse(Closeable):
    """`domain.contract.Warehouse` on TimescaleDB.

    Safe for threads and across forks. One object is one puller: if it begins a pull of a window twice, it goes on with
    its own unfinished one, while other objects and processes begin theirs.

    Attributes:
        ledger: What was loaded.
        reading: What is there.
        live: What streams say, and what they may have missed.
        notifications: Who was told of what.
        changes: What restatements changed.
        completeness: Which series are complete on which days.
        landing_zone: Whether it is the warehouse's, and has what is indexed.
        run_leases: Which process works on which run.
    """

    def __init__(
        self, connections: Connections, landing: Landing, code_version: str, spool: Path | None = None
    ) -> None:
        self._connections: Final = connections
        self._session: Final = pulls.PullSession(connections.address, connections.availability)
        self._catalogue: Final = Catalogue(self._connections)
        self._landing: Final = landing
        self._code_version: Final = code_version
        self._spool: Final = spool
        self.ledger: Final = Ledger(self._connections)
        self.reading: Final = Reading(self._connections)
        self.live: Final = Live(self._connections, self._catalogue)
        self.notifications: Final = Notifications(self._connections)
        self.changes: Final = Changes(self._connections)
        self.completeness: Final = Completeness(self._connections)
        self.landing_zone: Final = LandingZone(self._connections, landing)
        self.run_leases: Final = RunLeases(self._connections)

    def catalogue(self, source: str, series: Iterable[Series]) -> int:
        """Make the catalogue know `series` of `source`; the number that were new or had changed. Safe to race."""
        return self._catalogue.describe(source, series)

    def known_kinds(self, source: str) -> Kinds:
        """What the series of `source` are; a register counts from its first reading on."""
        return self._catalogue.kinds(source)

    def begin_pull(self, source: str, window: Window, *, fingerprint: str = "") -> pulls.TimescalePull:
        """Open a pull of `window`: the newest interrupted one of the last 24 hours, continued, or else a fresh one.

        Only a pull with the same `fingerprint` is continued, and none that was abandoned.

        Raises:
            ConfigurationError: The landing zone is not the warehouse's.
        """
        zone_id = self.landing_zone.require()
        return pulls.TimescalePull(
            self._session, self._landing, source, window, fingerprint=fingerprint, zone_id=zone_id
        )

    def reuse_finished(self, source: str, window: Window, *, fingerprint: str) -> PullReport | None:
        """The finished pull of exactly `window` that a run left without loading all of it; None if there is none.

        None, too, where it is more than an hour old, or any of its days was pulled since. A load that failed is no such
        case: the next run asks again.
        """
        return landed_pulls.finished_to_reuse(self._connections, source, window, fingerprint)

    def payloads(self, source: str, window: Window) -> landed_pulls.TimescaleLandedPull:
        """The newest complete pull of `source` that covers `window`; of its answers, those that touch it.

        Raises:
            PayloadMissingError: There is none.
            ConfigurationError: The landing zone is not the warehouse's.
        """
        self.landing_zone.require()
        return landed_pulls.newest_complete(self._connections, self._landing, source, window)

    def move_landing(self, target: str | Path | UPath | Landing, *, patience_seconds: float = 60.0) -> LandingMove:
        """The landing zone's move to `target`, to be run; see `LandingMove`.

        Raises:
            ConfigurationError: No store is known by such a URL, or its driver is not installed.
        """
        return LandingMove(self._connections, self._landing, _landing(target), patience_seconds=patience_seconds)

    def load(
        self,
        source: str,
        window: Window,
        landed: LandedPull,
        batches: Iterable[Normalized],
        *,
        is_correction: bool = False,
        is_attempt: bool = False,
    ) -> LoadReport:
        """Make the measurements of `source` inside `window` equal to what `batches` say, in one transaction.

        Batches are taken in one by one before the transaction begins, a bounded number of points in memory; where
        nothing is there yet, and they come fast enough, it begins before (`warehouse.copy_ahead`).

        Raises:
            IngestError: What `batches` raises, or a `WarehouseError` of this load. The partition is then what it was
                before, and the ledger has a `failed` row with the reason; where the session was lost it has none, and
                the outcome is unknown: the same load again, on a fresh session, makes it known.
            NormalizationError: The same, where `batches` raises anything but an `IngestError`, or cannot be taken in.
            RowsRefusedError: The same, where writing what was taken in raises anything but an `IngestError`.
        """
        seconds = _stopwatch()
        place = place_of(source, window)

        def assignment() -> Assignment:
            return Assignment.of(source, window, landed, is_correction=is_correction, code_version=self._code_version)

        with (
            LoadBuffer(source, window, self._catalogue, place=place, folder=self._spool) as buffer,
            CopyAhead(self._connections, source, window, place=place) as ahead,
        ):
            buffer.numbers.on_run = lambda run: ahead.take(buffer.series_ids[run.rank], run)
            try:
                _fill_buffer(buffer, batches, place)
                return self._commit(assignment(), buffer, ahead, seconds)
            except IngestError as error:
                if not is_session_lost(error) and not is_attempt:
                    self._record(assignment(), buffer, error, seconds())
                raise

    def wait_until_available(self, error: WarehouseUnavailableError) -> None:
        """Wait until the database gives a session again, after `error` has lost one.

        Raises:
            WarehouseUnavailableError: It does not, for as long as it is waited for.
        """
        with self._connections.borrow(error.place):
            pass

    def record_failure(self, source: str, window: Window, error: IngestError) -> None:
        """A `failed` row in the ledger for a window that did not come as far as a load: its pull failed."""
        assignment = Assignment(source, window, None, (), "", is_correction=False, code_version=self._code_version)
        self._record(assignment, LoadBuffer(source, window, self._catalogue, place=assignment.place), error, 0.0)

    def close(self) -> None:
        """Let go of every session. Unfinished pulls may then be continued by others."""
        self._session.close()
        self._connections.close()

    def _commit(
        self, assignment: Assignment, buffer: LoadBuffer, ahead: CopyAhead, seconds: Callable[[], float]
    ) -> LoadReport:
        def completed(session: psycopg.Connection, n_copied: int) -> LoadReport:
            buffer.n_copied = n_copied
            return complete(session, assignment, buffer, seconds)

        try:
            if ahead.n_sent == len(buffer.numbers):
                done = ahead.complete(completed)
                if done is not None:
                    return done
            ahead.close()
            buffer.n_copied = None
            with self._connections.borrow(assignment.place) as connection:
                return commit_again(connection, assignment, buffer, seconds)
        except (IngestError, MemoryError):
            raise
        except Exception as error:
            raise RowsRefusedError(
                f"{type(error).__name__} while the points were written: {_quoted(error)}",
                place=assignment.place,
                fix="this is a bug of ours: the partition is what it was before, and the payloads are kept",
            ) from error

    def _record(self, assignment: Assignment, buffer: LoadBuffer, error: IngestError, seconds: float) -> None:
        try:
            with self._connections.borrow(assignment.place) as connection:
                record_failure(connection, assignment, buffer, error, seconds)
        except WarehouseError as second:
            # The first error is the one to act on; that the ledger could not be told is said beside it.
            error.add_note(f"The ledger could not be told: {second}")


def _fill_buffer(buffer: LoadBuffer, batches: Iterable[Normalized], place: str) -> None:
    try:
        for batch in batches:
            buffer.take(batch)
        buffer.deduplicate()
    except (IngestError, MemoryError):
        # Out of memory is the machine's state and says nothing about these batches.
        raise
    except Exception as error:
        # One day that trips over our bug must neither vanish from the ledger nor end the range it is part of.
        raise NormalizationError(
            f"{type(error).__name__} while the payloads were normalized: {_quoted(error)}",
            place=place,
            fix="correct the provider's normalize; this is a bug of ours, and the payloads are kept",
        ) from error


def _quoted(error: Exception) -> str:
    return storable(" ".join(str(error).split()))[:_MOST_QUOTED]


def _stopwatch() -> Callable[[], float]:
    started = time.monotonic()
    return lambda: time.monotonic() - started
