"""How much of an answer may be in memory at once: a row, what it becomes, and all that is known of homes.

A row is what one home sent at once. The busiest ones that are plausible have some ten thousands of changes of a few
hundred bytes each; a file has any number of rows. What has none of that shape is refused before it is parsed.
"""

from typing import Final

from domain.errors import AnswerTooLargeError

MAX_ROW_BYTES: Final = 16 * 2**20
"""Of one row, as it stands in the file."""

_MAX_WEIGHT: Final = 64 * 2**20
# Bytes that Python spends beyond the text, at most: for an object, and for a list or a value.
_OBJECT: Final = 200
_VALUE: Final = 60
_WIDEST: Final = 4
# What makes a row heavy: brackets, commas, and characters beyond the basic plane: one makes four bytes of each.
_LIGHT: Final = bytes(byte for byte in range(256) if byte not in b"{[(,\xf0\xf1\xf2\xf3\xf4")

MAX_OBJECTS: Final = _MAX_WEIGHT // _OBJECT
"""Objects and lists in a row; more are too many, whatever is in them."""


def weigh(row: bytes, *, place: str) -> None:
    """Refuse a row that would take too much memory once it is parsed: `{},{},{}` grows thirtyfold.

    Raises:
        AnswerTooLargeError: It would.
    """
    if len(row) > MAX_ROW_BYTES:
        raise too_large(f"has a row of more than {MAX_ROW_BYTES:,} bytes", place)
    marks = row.translate(None, _LIGHT)
    weight = len(row) + _OBJECT * marks.count(b"{") + _VALUE * sum(map(marks.count, (b"[", b"(", b",")))
    if not marks.isascii():
        weight += _WIDEST * len(row)
    if weight > _MAX_WEIGHT:  # tried: of the rows that are let through none takes 128 MiB
        raise too_large(f"has a row of {len(row):,} bytes with too many values in it", place)


def too_large(what: str, place: str) -> AnswerTooLargeError:
    """The file is more than anybody needs."""
    return AnswerTooLargeError(f"the file {what}", place=place, fix="name fewer types in defs.yaml, if it is real")
