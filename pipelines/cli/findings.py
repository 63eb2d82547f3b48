"""What `joulehouse doctor` finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from assets.failures import named
from domain.errors import IngestError


class Health(StrEnum):
    """How a finding stands, and the colour it has."""

    GOOD = "green"
    LATER = "yellow"  # nothing is wrong, but something is still to be done
    WRONG = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what, how it stands, and a sentence."""

    what: str
    health: Health
    sentence: str


def checked(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of `check`; an `IngestError` is a finding too, with its own message."""
    try:
        yield from check()
    except IngestError as error:
        yield Finding(what, Health.WRONG, named(error))
