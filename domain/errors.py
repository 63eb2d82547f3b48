"""Every way an ingest can fail, named by what must be done about it.

Two questions and no third: whose fault is it (the tree), and does waiting help (`retryable`, marked ⟳).

    IngestError
    ├── ConfigurationError             ours     a setting is missing or absurd; found before any request
    ├── ProviderError                  theirs
    │   ├── ProviderUnavailableError   ⟳        timeout, refused, reset, 408, 5xx
    │   │   ├── RateLimitedError       ⟳        429; carries `retry_after_seconds`
    │   │   ├── IncompleteAnswerError  ⟳        the body ended before its own proof of completeness
    │   │   ├── DeadlineExceededError  ⟳        the total time allowed for one request has run out
    │   │   ├── NotYetPublishedError   ⟳        the window is not out yet
    │   │   ├── ExportPendingError     ⟳        the provider is at work on the answer, or on another one before it
    │   │   └── ProxyUnavailableError  ⟳        the proxy: unreachable, silent, or without a way to the provider
    │   ├── CredentialsRejectedError            401 after a renewal, 403, or a login page
    │   ├── RequestRejectedError                any other 3xx and 4xx: asking again changes nothing
    │   ├── PayloadUnreadableError              the answer does not fit the provider's vocabulary
    │   ├── AnswerTooLargeError                 a byte, ratio, depth, row or page cap was reached
    │   ├── PagingLoopError                     a continuation token came back a second time
    │   ├── TruncationSuspectedError            a page looks cut and no narrower request clears it
    │   ├── OutsideWindowError                  the answer holds rows of another window than was asked
    │   ├── AddressRefusedError                 a host, scheme, port or redirect that is not on the list
    │   └── ProxyRefusedError                   the proxy lets us not through: its rules, or our credentials there
    ├── NormalizationError             ours     normalize produced what the schema refuses: our bug
    ├── UnforeseenError                ours     anything else that was raised while a provider was asked: our bug
    └── WarehouseError
        ├── WarehouseUnavailableError  ⟳        connection lost, shutdown, deadlock, disk full
        ├── WarehouseUnsuitableError            no TimescaleDB, or a schema this code does not know
        ├── RowsRefusedError                    a constraint or a type refuses the rows
        ├── OutsidePartitionError               a row of another window or source reached the loader
        ├── ShrinkRefusedError                  the load would lose rows and is not marked as a correction
        ├── OverwriteRefusedError               the load would put zeros or one value in place of values: the same
        ├── TooManyRejectedError                more rows quarantined than the threshold allows
        ├── AccountingError                     received is not inserted + changed + unchanged + rejected + duplicate
        ├── StaleLoadError                      a newer pull of the same partition is already loaded
        └── PayloadMissingError                 the landing zone has no complete pull of this window

Each error says three things in one sentence: the culprit, the place, and the fix. The class name is the heading of a
paragraph in `docs/runbook.md`, and `code` is the closed list of reasons that the ledger and the checks use.
"""

import re
from typing import ClassVar


class IngestError(Exception):
    """Something between the provider's socket and the committed row went wrong.

    Args:
        culprit: What is wrong, as a clause without a full stop.
        place: Where: a source and a window, a file and a line, an endpoint. Never a secret, never a query string.
        fix: What the reader should do, as a clause.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, culprit: str, *, place: str, fix: str) -> None:
        """Hold the three parts; the sentence is made of them."""
        super().__init__(culprit, place, fix)
        self.culprit = culprit
        self.place = place
        self.fix = fix

    @property
    def code(self) -> str:
        """The reason code: the class name in snake case, without `Error`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__.removesuffix("Error")).lower()

    def __str__(self) -> str:
        """One sentence: culprit, place, fix."""
        return f"{self.culprit} ({self.place}): {self.fix}."

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a pickle: Dagster and process pools send errors between processes."""
        return (_rebuild, (type(self), self.culprit, self.place, self.fix, self.__dict__))


def _rebuild(cls: type[IngestError], culprit: str, place: str, fix: str, state: dict[str, object]) -> IngestError:
    error = cls.__new__(cls)
    IngestError.__init__(error, culprit, place=place, fix=fix)
    error.__dict__.update(state)
    return error


def reason_codes(family: type[IngestError]) -> list[str]:
    """The reason codes of `family` and of all that is derived from it."""
    codes = [family("", place="", fix="").code]
    return codes + [code for derived in family.__subclasses__() for code in reason_codes(derived)]


class ConfigurationError(IngestError):
    """A setting is missing or absurd."""


class ProviderError(IngestError):
    """The provider's side.

    Attributes:
        was_sent: Whether the request may have reached the provider; it counts where asking twice does harm.
    """

    was_sent: bool = True


class ProviderUnavailableError(ProviderError):
    """The provider did not answer, or answered that it cannot now."""

    retryable = True

    def __init__(self, culprit: str, *, place: str, fix: str, retry_after_seconds: float | None = None) -> None:
        """Carry how long the provider asked us to wait, if it did."""
        super().__init__(culprit, place=place, fix=fix)
        self.retry_after_seconds = retry_after_seconds


class RateLimitedError(ProviderUnavailableError):
    """The provider answers that we ask too often."""


class IncompleteAnswerError(ProviderUnavailableError):
    """The body ended before its own proof of completeness."""


class DeadlineExceededError(ProviderUnavailableError):
    """The total time allowed for one request has run out."""


class NotYetPublishedError(ProviderUnavailableError):
    """The provider has not published this window yet."""


class ExportPendingError(ProviderUnavailableError):
    """The provider is still preparing an answer that was ordered, and takes no other order meanwhile."""


class ProxyUnavailableError(ProviderUnavailableError):
    """The proxy before the provider did not answer, or has no way to the provider now; nothing was sent there."""


class CredentialsRejectedError(ProviderError):
    """The provider does not accept who we are."""


class RequestRejectedError(ProviderError):
    """The provider understood the request and refuses it; asking again changes nothing."""

    def __init__(self, culprit: str, *, place: str, fix: str, status: int = 0) -> None:
        """Carry the HTTP status, 0 where there was none."""
        super().__init__(culprit, place=place, fix=fix)
        self.status = status


class PayloadUnreadableError(ProviderError):
    """The answer does not fit the provider's vocabulary any longer.

    Attributes:
        is_meant: Whether the answer is whole and was meant as it is, so that every further one would be the same.
    """

    is_meant: bool = False


class AnswerTooLargeError(ProviderError):
    """A cap on bytes, ratio, depth, rows or pages was reached."""


class PagingLoopError(ProviderError):
    """A continuation token came back a second time."""


class TruncationSuspectedError(ProviderError):
    """A page looks cut, and no narrower request clears the suspicion."""


class OutsideWindowError(ProviderError):
    """The answer holds rows of another window than was asked for."""


class AddressRefusedError(ProviderError):
    """A host, scheme, port or redirect that is not on the list; nothing was sent there."""


class ProxyRefusedError(ProviderError):
    """The proxy before the provider does not let us through; nothing was sent there."""


class NormalizationError(IngestError):
    """`normalize` produced what the schema refuses: a bug of ours."""


class UnforeseenError(IngestError):
    """Something that nobody had thought of was raised while a provider was asked: a bug of ours."""


class WarehouseError(IngestError):
    """The database's side."""


class WarehouseUnavailableError(WarehouseError):
    """The database is away, busy or full; the transaction is rolled back.

    Attributes:
        session_lost: Whether the session ended, or none could be had: on another one the same step may succeed.
        is_starting: Whether the server itself says that it starts, ends or recovers: so it is there, and will answer.
        is_refused: Whether an object store refused it to our key, as it refuses what is gone to a key without lists.
    """

    retryable = True

    def __init__(
        self,
        culprit: str,
        *,
        place: str,
        fix: str,
        session_lost: bool = False,
        is_starting: bool = False,
        is_refused: bool = False,
    ) -> None:
        """Carry whether it was the session, and what the server says of itself."""
        super().__init__(culprit, place=place, fix=fix)
        self.session_lost = session_lost
        self.is_starting = is_starting
        self.is_refused = is_refused


def is_session_lost(error: BaseException) -> bool:
    """Whether `error` is the loss of a database session, so that the same step may succeed on another one."""
    return isinstance(error, WarehouseUnavailableError) and error.session_lost


class WarehouseUnsuitableError(WarehouseError):
    """No TimescaleDB, or a schema version that this code does not know."""


class RowsRefusedError(WarehouseError):
    """A constraint or a type of the database refuses the rows."""


class OutsidePartitionError(WarehouseError):
    """A row of another window or another source reached the loader."""


class ShrinkRefusedError(WarehouseError):
    """The load would lose rows, and it is not marked as a correction."""


class OverwriteRefusedError(WarehouseError):
    """The load would put zeros or one value in place of what was measured, and it is not marked as a correction."""


class TooManyRejectedError(WarehouseError):
    """More rows were quarantined than the threshold allows."""


class AccountingError(WarehouseError):
    """The rows received are not the rows accounted for."""


class StaleLoadError(WarehouseError):
    """A newer pull of the same partition is already loaded; this one wrote nothing."""


class PayloadMissingError(WarehouseError):
    """The landing zone has no complete pull that covers this window."""
