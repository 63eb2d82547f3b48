"""What the paginator asks: spans to be listed or counted, and what may lie beside a millisecond."""

from dataclasses import dataclass
from typing import NamedTuple

from providers.export_service.facts import Span


class Probe(NamedTuple):
    """A request for what may lie beside a millisecond.

    Attributes:
        start: Of its span, in milliseconds.
        end: Of its span.
        edge: The millisecond whose documents are known.
        n_known: How many different ones they are.
    """

    start: int
    end: int
    edge: int
    n_known: int


class Task(NamedTuple):
    """A span to be listed.

    Attributes:
        start: In milliseconds.
        end: In milliseconds.
        n_known: How many documents are known in it, where they are only to be counted; -1 where they are to be kept.
    """

    start: int
    end: int
    n_known: int = -1

    @property
    def is_count(self) -> bool:
        """Whether its documents are only counted."""
        return self.n_known >= 0


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask next: a span, the token that continues it, and whether the answer only tests a suspicion."""

    span: Span
    token: str = ""
    is_probe: bool = False
