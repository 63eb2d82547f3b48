"""Foreign texts: what a database can hold of them, what a message shows, and how they are part of a key."""

from typing import Final, Literal

DecimalSign = Literal[".", ","]

DECIMAL_SIGNS: Final[tuple[DecimalSign, DecimalSign]] = (".", ",")
"""What stands before the decimals of a number that is written as a text."""


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


def key_part(part: str) -> str:
    """`part` with the separator of a series' key escaped, so that two different paths never make one key."""
    return part.replace("%", "%25").replace("/", "%2F")
