"""What a failed day means for the days after it: go on, go on for a while, or stop.

A bad day fails alone and by name. But where the next day would only fail for the same reason, asking on is hammering a
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
    PagingLoopError,
    PayloadMissingError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
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


class Verdict(StrEnum):
    """What happens to the days after a failed one."""

    NEXT_DAY = "next_day"  # the cause lies in this day: the others go on
    NEXT_DAY_FOR_NOW = "next_day_for_now"  # it may be this day or the whole other side: go on, but not for ever
    STOP = "stop"  # the same cause awaits every day: ask nothing more


PATIENCE: Final = 3
"""Days in a row that may fail with `NEXT_DAY_FOR_NOW`; each has used up its own retries before."""

VERDICTS: Final[dict[type[IngestError], Verdict]] = {
    IngestError: Verdict.STOP,  # a class that is not in this table: unknown trouble is not repeated
    ConfigurationError: Verdict.STOP,
    ProviderError: Verdict.NEXT_DAY_FOR_NOW,
    ProviderUnavailableError: Verdict.NEXT_DAY_FOR_NOW,
    RateLimitedError: Verdict.STOP,  # it has been waited for as long as a day may wait, or has not passed in all tries
    IncompleteAnswerError: Verdict.NEXT_DAY_FOR_NOW,
    DeadlineExceededError: Verdict.NEXT_DAY_FOR_NOW,
    NotYetPublishedError: Verdict.NEXT_DAY,
    ExportPendingError: Verdict.STOP,  # a narrower window would be one more order, behind the one that is waited for
    CredentialsRejectedError: Verdict.STOP,  # one more login could lock the account
    RequestRejectedError: Verdict.NEXT_DAY_FOR_NOW,
    PayloadUnreadableError: Verdict.NEXT_DAY,
    AnswerTooLargeError: Verdict.NEXT_DAY,
    PagingLoopError: Verdict.NEXT_DAY_FOR_NOW,
    TruncationSuspectedError: Verdict.NEXT_DAY,
    OutsideWindowError: Verdict.NEXT_DAY,
    AddressRefusedError: Verdict.STOP,
    NormalizationError: Verdict.NEXT_DAY,
    UnforeseenError: Verdict.NEXT_DAY_FOR_NOW,
    WarehouseError: Verdict.NEXT_DAY_FOR_NOW,
    WarehouseUnavailableError: Verdict.NEXT_DAY_FOR_NOW,
    WarehouseUnsuitableError: Verdict.STOP,
    RowsRefusedError: Verdict.NEXT_DAY,
    OutsidePartitionError: Verdict.NEXT_DAY,
    ShrinkRefusedError: Verdict.NEXT_DAY,
    TooManyRejectedError: Verdict.NEXT_DAY,
    AccountingError: Verdict.NEXT_DAY,
    StaleLoadError: Verdict.NEXT_DAY,
    PayloadMissingError: Verdict.NEXT_DAY,
}
"""Error class → verdict. Every class of `domain.errors` is listed; a test counts them."""


def verdict(error: IngestError) -> Verdict:
    """What `error` means for the days after it."""
    return next(VERDICTS[cls] for cls in type(error).__mro__ if cls in VERDICTS)
