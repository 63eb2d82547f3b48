"""JSON values written as they were sent: of `0.10000000000000000555` or `1.50` a parser keeps the double alone.

What is rejected is kept for somebody to look at, so its digits are those of the answer. Documents are read by the fast
parser; the digits are looked up in the bytes, and only where something is rejected.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final, Self

from domain.records import Json
from providers._json import constant

_NONE: Final[Mapping[int, str]] = {}


class SentFloat(float):
    """A number that knows how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """The number that `text` is."""
        number = super().__new__(cls, text)
        number.text = text
        return number


class AsSent:
    """What a parsed document, or any part of it, was written as.

    Args:
        document: What was parsed. Its numbers are told apart as objects: parts may be put together anew.
        read_again: Reads the same with each number a `SentFloat` (`read_sent`).
    """

    def __init__(self, document: object, read_again: Callable[[], object]) -> None:
        self._document = document
        self._read_again = read_again

    def text(self, value: object, *, ensure_ascii: bool = True, sort_keys: bool = False) -> str:
        """JSON text of a value that is made of the document's."""
        if not self._written:
            return json.dumps(value, ensure_ascii=ensure_ascii, sort_keys=sort_keys)
        return "".join(pieces_of(value, self._written, ensure_ascii=ensure_ascii, sort_keys=sort_keys))

    @cached_property
    def _written(self) -> Mapping[int, str]:
        """The identity of each number that is usually written in another way → how it was written."""
        return dict(_written_otherwise(self._document, self._read_again()))


def read_sent(body: bytes) -> Json:
    """The document in `body`, which was read strictly before, with each number that is no integer a `SentFloat`."""
    return json.loads(body.decode("utf-8-sig"), parse_float=SentFloat, parse_constant=constant)


def pieces_of(
    value: object, written: Mapping[int, str] = _NONE, *, ensure_ascii: bool = True, sort_keys: bool = False
) -> Iterator[str]:
    """JSON text in pieces, as `json.dumps` spaces it, with numbers as they were written.

    Args:
        value: What is to be written; what JSON does not know is written as its text.
        written: Identity of a number → how it was written; a `SentFloat` says so itself.
        ensure_ascii: Escape every other character.
        sort_keys: By name.
    """
    if isinstance(value, dict):
        names = sorted(value) if sort_keys else list(value)
        for number, name in enumerate(names):
            yield f"{', ' if number else '{'}{json.dumps(name, ensure_ascii=ensure_ascii)}: "
            yield from pieces_of(value[name], written, ensure_ascii=ensure_ascii, sort_keys=sort_keys)
        yield "}" if names else "{}"
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield ", " if number else "["
            yield from pieces_of(one, written, ensure_ascii=ensure_ascii, sort_keys=sort_keys)
        yield "]" if value else "[]"
    elif isinstance(value, SentFloat):
        yield value.text
    else:
        yield written.get(id(value)) or json.dumps(value, ensure_ascii=ensure_ascii, default=str)


def _written_otherwise(document: Json, sent: Json) -> Iterator[tuple[int, str]]:
    if isinstance(document, dict):
        for one, two in zip(document.values(), sent.values(), strict=True):
            yield from _written_otherwise(one, two)
    elif isinstance(document, list):
        for one, two in zip(document, sent, strict=True):
            yield from _written_otherwise(one, two)
    elif isinstance(sent, SentFloat) and sent.text != repr(document):
        yield id(document), sent.text
