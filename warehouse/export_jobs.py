"""The ledger of export jobs, and a tenant's one slot: shared by every process, every step written down."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from domain.errors import ExportPendingError, WarehouseUnavailableError
from domain.export_jobs import ExportJob, JobState, Order
from domain.texts import storable
from warehouse.connections import Address, OwnSession
from warehouse.sqlstates import translated
from warehouse.statements import statement

_log: Final = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 2.0  # between two looks whether the slot is free: a job takes minutes
_LOG_SECONDS: Final = 60.0
_LONGEST_SENTENCE: Final = 500


class DatabaseExportJobs(OwnSession):
    """The jobs of one tenant; `domain.export_jobs.ExportJobs`.

    All of it goes over one session, which also holds the slot: a session that was lost cannot write on as if it still
    held it.

    Args:
        url: The warehouse.
        source: Who orders.
        tenant: Whose slot it is, in the provider's own terms; several sources may share one. Never a secret.
        sleep: How to wait for the slot.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        url: str,
        source: str,
        tenant: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(Address.of(url))
        self._source = source
        self._tenant = tenant
        self._place = f"export jobs of {tenant}"
        self._sleep = sleep
        self._clock = clock

    @contextmanager
    def slot(self, patience_seconds: float) -> Iterator[None]:
        """The tenant's one slot, for as long as the block lasts.

        Raises:
            ExportPendingError: Somebody else had it for `patience_seconds`.
            WarehouseUnavailableError: The session was lost.
        """
        self._await(patience_seconds)
        self._holds = True
        try:
            yield
            self._run("free_slot")
        except BaseException:
            # Closing the session frees the slot whatever has happened to it.
            self.close()
            raise
        finally:
            self._holds = False

    def alive(self) -> Sequence[ExportJob]:
        """Every job of the tenant that the provider may be working at, the oldest first."""
        return [_job(row) for row in self._run("alive")]

    def ready(
        self, sha256: str, *, fresh_seconds: float, settled_seconds: float, kept_seconds: float
    ) -> ExportJob | None:
        """The newest job whose archive answers the request, and has not been landed; see the protocol."""
        rows = self._run(
            "ready",
            sha256=sha256,
            fresh=timedelta(seconds=fresh_seconds),
            settled=timedelta(seconds=settled_seconds),
            kept=timedelta(seconds=kept_seconds),
        )
        return _job(rows[0]) if rows else None

    def unhappy_seconds(self, sha256: str) -> float | None:
        """How long ago a job with this request failed or was lost, if the newest that ended was; None otherwise."""
        rows = self._run("unhappy", sha256=sha256)
        return float(rows[0][1]) if rows and rows[0][0] in (JobState.FAILED, JobState.LOST) else None

    def intend(self, order: Order) -> ExportJob:
        """Write down that a job is about to be ordered."""
        rows = self._run(
            "intend",
            source=self._source,
            part=order.part,
            start=order.window.start,
            end=order.window.end,
            request=Jsonb(dict(order.request)),
            sha256=order.sha256,
        )
        return ExportJob(int(rows[0][0]), self._source, order.sha256, JobState.INTENDED, None, "", 0.0, 0.0)

    def sent(self, number: int) -> bool:
        """The order is sent next, if this says True; if it says False, the intention has ended, and nothing may be."""
        return bool(self._run("sent", number=number))

    def cancelled(self, number: int) -> bool:
        """End an intention as refused, so that its order is never sent; False if it has been sent, or has ended."""
        return bool(self._run("cancelled", number=number))

    def taken(self, number: int, provider_job: str, provider_state: str) -> None:
        """The provider has taken it, under this name."""
        self._run("taken", number=number, provider_job=provider_job, provider_state=storable(provider_state))

    def seen(self, number: int, provider_state: str) -> None:
        """The provider says that it is still at it."""
        self._run("seen", number=number, provider_state=storable(provider_state))

    def ended(self, number: int, state: JobState, sentence: str = "") -> None:
        """It has come to an end, or to its archive."""
        self._run("ended", number=number, state=state.value, sentence=storable(sentence)[:_LONGEST_SENTENCE])

    def fetched(self, number: int, sha256: str, n_bytes: int) -> None:
        """Its archive has been fetched and verified."""
        self._run("fetched", number=number, archive_sha256=sha256, archive_bytes=n_bytes)

    def landed(self, sha256: str) -> None:
        """Every archive that answers this request has served."""
        self._run("landed", sha256=sha256)

    def _await(self, patience_seconds: float) -> None:
        began = logged_at = self._clock()
        while not self._run("hold_slot")[0][0]:
            now = self._clock()
            if now - began >= patience_seconds:
                raise ExportPendingError(
                    f"another process has been waiting for an export of this tenant for {now - began:.0f} s, and the "
                    "provider takes one at a time",
                    place=self._place,
                    fix="wait for the next run; table export_job says which source it is",
                )
            if now - logged_at >= _LOG_SECONDS:
                logged_at = now
                _log.info("%s: another process has the tenant's slot, for %.0f s by now", self._place, now - began)
            self._sleep(_LOOK_SECONDS)

    def _run(self, name: str, **values: object) -> list[tuple[Any, ...]]:
        with translated(self._place):
            cursor = self.connection().execute(statement(f"export_job/{name}"), {"tenant": self._tenant, **values})
            return cursor.fetchall() if cursor.description else []

    def _open(self) -> psycopg.Connection:
        if self._holds:
            raise WarehouseUnavailableError(
                "the session that held the tenant's slot was lost, and another process may have taken it",
                place=self._place,
                fix="run it again: the job that is under way is found in the ledger",
                session_lost=True,
            )
        return super()._open()

    def _start(self) -> None:
        super()._start()
        self._holds = False


def _job(row: tuple[Any, ...]) -> ExportJob:
    number, source, sha256, state, provider_job, provider_state, age, unseen = row
    return ExportJob(
        int(number), source, sha256, JobState(state), provider_job, provider_state, float(age), float(unseen)
    )
