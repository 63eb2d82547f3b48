"""What a failed day means for the days after it: go on, go on for a while, or stop.

A bad day fails alone and by name. But where the next day would only fail for the same reason, asking on would hammer a
provider or a database that has already answered.
"""

from enum import StrEnum
from typing import Final

from domain.errors import (
    AccountingError,
    AddressRefusedError,
    AnswerTooLargeError,
    ConfigurationError,
    CredentialsRejectedError,
    DeadlineExceededError,
    ExportPendingError,
    IncompleteAnswerError,
    IngestError,
    NormalizationError,
    NotYetPublishedError,
    OutsidePartitionError,
    OutsideWindowError,
    OverwriteRefusedError,
    PagingLoopError,
    PayloadMissingError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    ProxyRefusedError,
    ProxyUnavailableError,
    RateLimitedError,
    RequestRejectedError,
    RowsRefusedError,
    ShrinkRefusedError,
    StaleLoadError,
    TooManyRejectedError,
    TruncationSuspectedError,
    UnforeseenError,
    WarehouseError,
    WarehouseUnavailableError,
    WarehouseUnsuitableError,
)


class FailurePolicy(StrEnum):
    """What happens to the days after a failed one."""

    NEXT_DAY = "next_day"  # the cause lies in this day: the others go on
    NEXT_DAY_FOR_NOW = "next_day_for_now"  # it may be this day or the whole other side: go on, for `PATIENCE` days
    STOP = "stop"  # the same cause awaits every day: ask nothing more


PATIENCE: Final = 3
"""Days in a row that may fail with `NEXT_DAY_FOR_NOW`; each has used up its own retries before."""

FAILURE_POLICIES: Final[dict[type[IngestError], FailurePolicy]] = {
    IngestError: FailurePolicy.STOP,  # a class that is not in this table: unknown trouble is not repeated
    ConfigurationError: FailurePolicy.STOP,
    ProviderError: FailurePolicy.NEXT_DAY_FOR_NOW,
    ProviderUnavailableError: FailurePolicy.NEXT_DAY_FOR_NOW,
    RateLimitedError: FailurePolicy.STOP,  # it has been waited for as long as a day may wait, or in all tries
    IncompleteAnswerError: FailurePolicy.NEXT_DAY_FOR_NOW,
    DeadlineExceededError: FailurePolicy.NEXT_DAY_FOR_NOW,
    NotYetPublishedError: FailurePolicy.NEXT_DAY,
    ExportPendingError: FailurePolicy.STOP,  # a narrower window would be one more order, behind that one
    CredentialsRejectedError: FailurePolicy.STOP,  # one more login could lock the account
    RequestRejectedError: FailurePolicy.NEXT_DAY_FOR_NOW,
    PayloadUnreadableError: FailurePolicy.NEXT_DAY,
    AnswerTooLargeError: FailurePolicy.NEXT_DAY,
    PagingLoopError: FailurePolicy.NEXT_DAY_FOR_NOW,
    TruncationSuspectedError: FailurePolicy.NEXT_DAY,
    OutsideWindowError: FailurePolicy.NEXT_DAY,
    AddressRefusedError: FailurePolicy.STOP,
    ProxyUnavailableError: FailurePolicy.NEXT_DAY_FOR_NOW,
    ProxyRefusedError: FailurePolicy.STOP,
    NormalizationError: FailurePolicy.NEXT_DAY,
    UnforeseenError: FailurePolicy.NEXT_DAY_FOR_NOW,
    WarehouseError: FailurePolicy.NEXT_DAY_FOR_NOW,
    WarehouseUnavailableError: FailurePolicy.NEXT_DAY_FOR_NOW,
    WarehouseUnsuitableError: FailurePolicy.STOP,
    RowsRefusedError: FailurePolicy.NEXT_DAY,
    OutsidePartitionError: FailurePolicy.NEXT_DAY,
    ShrinkRefusedError: FailurePolicy.NEXT_DAY,
    OverwriteRefusedError: FailurePolicy.NEXT_DAY,
    TooManyRejectedError: FailurePolicy.NEXT_DAY,
    AccountingError: FailurePolicy.NEXT_DAY,
    StaleLoadError: FailurePolicy.NEXT_DAY,
    PayloadMissingError: FailurePolicy.NEXT_DAY,
}
"""Error class → policy. Every class of `domain.errors` is listed; a test counts them."""


def failure_policy(error: IngestError) -> FailurePolicy:
    """What `error` means for the days after it."""
    return next(FAILURE_POLICIES[cls] for cls in type(error).__mro__ if cls in FAILURE_POLICIES)
