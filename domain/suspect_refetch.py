"""When a suspect day is asked for again, and when its answer is believed: of days alone, whatever made it suspect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

REFETCHED_AFTER: Final = (1, 3, 7, 14, 30)
"""Days after its first answer on which a suspect day is asked for again. Five times the same: it is so."""


@dataclass(frozen=True, slots=True)
class SuspectRefetch:
    """How far a suspect day has been asked for again.

    Attributes:
        n_confirming: Answers that said the same as the first, each as long after the one before as it should be.
        next_day: The UTC day from which on it is to be asked for again; None once it has been often enough.
    """

    n_confirming: int
    next_day: date | None

    @classmethod
    def of(cls, answered: Sequence[date]) -> "SuspectRefetch":
        """After answers that all said the same.

        Args:
            answered: The UTC day on which each was asked for, the first one included.
        """
        pauses = [after - before for before, after in zip((0, *REFETCHED_AFTER), REFETCHED_AFTER, strict=False)]
        n_confirming, due = 0, min(answered) + timedelta(days=pauses[0])
        for day in sorted(answered):
            if day < due:
                continue
            n_confirming += 1
            if n_confirming == len(pauses):
                return cls(n_confirming, None)
            due = day + timedelta(days=pauses[n_confirming])
        return cls(n_confirming, due)
