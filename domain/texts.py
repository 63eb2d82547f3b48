"""Texts: what a database can hold of foreign ones, what a message shows, which say that there is no number; keys."""

import re
from typing import Final, Literal

from domain.records import Reason

DecimalSign = Literal[".", ","]

DECIMAL_SIGNS: Final[tuple[DecimalSign, DecimalSign]] = (".", ",")
"""What stands before the decimals of a number that is written as a text."""

MAX_TEXT: Final = 65_536
"""Characters of a state; a longer one is a file, not a state."""

_NAN: Final = re.compile(r"[+-]?nan", re.IGNORECASE)
_INFINITE: Final = re.compile(r"[+-]?(?:inf|infinity|\u221e)", re.IGNORECASE)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold `text`: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable(text: str) -> str:
    """`text` with what PostgreSQL cannot hold (NUL, lone surrogates) written as escapes."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def clipped(value: object, limit: int = 60) -> str:
    """Foreign content for a message: as Python writes it, on one line, and short."""
    text = ascii(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def is_nan(text: str) -> bool:
    """Whether a text is not-a-number: what pandas and its like write where nothing was measured, as null elsewhere."""
    return _NAN.fullmatch(text) is not None


def is_infinite(text: str) -> bool:
    """Whether a text is infinity, spelled out or as Java's and JavaScript's formats write it: a number, and none."""
    return _INFINITE.fullmatch(text) is not None


def counted(number: int, noun: str) -> str:
    """`1 day`, `2 days`, `1,440 days`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def key_part(part: str) -> str:
    """`part` with the separator of a series' key escaped, so that two different paths never make one key."""
    return part.replace("%", "%25").replace("/", "%2F")


def text_reason(text: str) -> Reason | None:
    """Why `text` can be no state or name; None if it can."""
    if len(text) > MAX_TEXT:
        return Reason.MALFORMED_ROW
    return None if is_storable(text) else Reason.NOT_STORABLE_TEXT
