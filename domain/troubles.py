"""What somebody must be told: a trouble that lasts, told once, and once more when it is over."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.texts import storable


class Severity(StrEnum):
    """How soon somebody should look; the second is the worse one."""

    WARNING = "warning"
    CRITICAL = "critical"


class TroubleKind(StrEnum):
    """What kinds of trouble there are; the closed list of `notification.kind`."""

    DATABASE = "database"
    DAEMON = "daemon"
    OVERDUE_LOAD = "overdue_load"
    REJECTED_CREDENTIALS = "rejected_credentials"
    FAILED_DAYS = "failed_days"
    SILENT_DEVICE = "silent_device"
    SUSPECT_DAYS = "suspect_days"
    MISSING_DAYS = "missing_days"
    IMPLAUSIBLE_VALUES = "implausible_values"
    FULL_DISK = "full_disk"
    DIGEST = "digest"  # no trouble: the morning's summary, which is claimed by the same insert
    NEW_SOURCE = "new_source"  # no trouble, and nobody is told: when a source without any load was first seen


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble, as long as it lasts; what a person reads is made of its parts.

    Attributes:
        kind: Which kind.
        source: The source's slug; empty for what is no source's.
        subject: What of it: a device, a folder; empty where the source says it all.
        severity: How soon somebody should look.
        culprit: What is wrong, as a sentence.
        since: Since when, as far as it is known.
        tried: What was tried already, as a sentence; may be empty.
        fix: What to do, as a sentence with a command.
    """

    kind: TroubleKind
    source: str
    subject: str
    severity: Severity
    culprit: str
    since: datetime
    tried: str
    fix: str

    @property
    def key(self) -> str:
        """The same as long as it is the same trouble, whoever derives it and when."""
        return storable(":".join(part for part in (self.kind, self.source, self.subject) if part))


@dataclass(frozen=True, slots=True)
class Notification:
    """One trouble and one recipient of it.

    Attributes:
        notification_id: Its number, which its messages carry: a receiver can drop a double by it.
        key: Of the trouble.
        kind: Of the trouble, as are source, severity, culprit and since.
        over_at: When it was over; None while it lasts.
    """

    notification_id: int
    key: str
    kind: TroubleKind
    source: str
    severity: Severity
    culprit: str
    since: datetime
    over_at: datetime | None
