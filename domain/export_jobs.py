"""What passes between a provider that prepares archives and the ledger of the jobs that it was asked for.

Before and after every step of a job the step is written into the ledger. So after a crash the next run finds the job
that is under way, and orders no second one.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain.window import Window


class JobState(StrEnum):
    """Where a job stands, as far as we know."""

    INTENDED = "intended"  # about to be ordered: nothing was sent
    SENT = "sent"  # the order may be on its way: nobody knows whether the provider has heard of it
    PENDING = "pending"  # the provider has it, and it has a name there
    COMPLETED = "completed"  # its archive can be fetched
    LANDED = "landed"  # its archive is in the landing zone: the job has served
    REFUSED = "refused"  # the provider did not take it
    FAILED = "failed"  # the provider took it and gave it up
    LOST = "lost"  # nobody knows what became of it, and it is waited for no longer


@dataclass(frozen=True, slots=True)
class Order:
    """What a job is asked for.

    Attributes:
        part: The part of the pull that it belongs to.
        window: The window that is asked for.
        request: The request's body. Never a credential.
        sha256: The digest of what decides the answer: two orders with the same one are the same request.
    """

    part: str
    window: Window
    request: Mapping[str, object]
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One job, as the ledger has it.

    Attributes:
        number: Its number in the ledger.
        source: Who ordered it.
        sha256: See `Order.sha256`.
        state: Where it stands.
        provider_job: Its name at the provider; None as long as nobody knows it.
        provider_state: The provider's own word for its state, the last one.
        age_seconds: Since it was intended, or since the order was sent if it was.
        unseen_seconds: Since the provider said something about it, or else the same.
    """

    number: int
    source: str
    sha256: str
    state: JobState
    provider_job: str | None
    provider_state: str
    age_seconds: float
    unseen_seconds: float


class ExportJobs(Protocol):
    """The jobs of one tenant, whichever source and process ordered them. Every method is one whole transaction."""

    def slot(self, patience_seconds: float) -> AbstractContextManager[None]:
        """The one slot that a tenant has, over all processes: who holds it may order and wait.

        It is freed when the block ends, and when the process or its session does.

        Raises:
            ExportPendingError: Somebody else had it all the time.
            WarehouseUnavailableError: The session that held it was lost; also raised by every other method inside.
        """

    def alive(self) -> Sequence[ExportJob]:
        """Every job of the tenant that the provider may be working at, the oldest first."""

    def ready(
        self, sha256: str, *, fresh_seconds: float, settled_seconds: float, kept_seconds: float
    ) -> ExportJob | None:
        """The newest job whose archive answers the request, and has not been landed.

        Args:
            sha256: The request.
            fresh_seconds: How long ago it may have been completed, whatever it is about.
            settled_seconds: How long after the end of its window values have settled; one that was ordered later …
            kept_seconds: … may be as old as this.
        """

    def unhappy_seconds(self, sha256: str) -> float | None:
        """How long ago a job with this request failed or was lost, if the newest that ended was; None otherwise."""

    def intend(self, order: Order) -> ExportJob:
        """Write down that a job is about to be ordered."""

    def sent(self, number: int) -> bool:
        """Mark the order as sent, just before it is; False if the intention has ended: then nothing may be sent."""

    def cancelled(self, number: int) -> bool:
        """End an intention as refused, so that its order is never sent; False if it has been sent, or has ended."""

    def taken(self, number: int, provider_job: str, provider_state: str) -> None:
        """The provider has taken it, under this name."""

    def seen(self, number: int, provider_state: str) -> None:
        """The provider says that it is still at it."""

    def ended(self, number: int, state: JobState, sentence: str = "") -> None:
        """It has come to an end, or to its archive; `sentence` says why, where something went wrong."""

    def fetched(self, number: int, sha256: str, n_bytes: int) -> None:
        """Its archive has been fetched and verified."""

    def landed(self, sha256: str) -> None:
        """Every archive that answers this request has served: the next time, a new one is ordered."""
