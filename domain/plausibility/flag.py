"""What a detector says."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stuck", "factor", "sign", "zeros", "yesterday", "shift", "total", "limit"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing that is implausible about a day.

    Attributes:
        kind: `stuck`: one value for longer than ever; `factor`: as if in another unit; `sign`: turned; `zeros`: in
            place of values; `yesterday`: the day before once more; `shift`: as if by another clock; `total`: far from
            those of its own weeks, and no other kind says why; `limit`: beyond what is possible.
        evidence: What was seen and what is usual, in the series' own unit, for a person to read.
    """

    kind: Kind
    evidence: str
