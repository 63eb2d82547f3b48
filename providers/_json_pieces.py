"""A long JSON list, read strictly a piece at a time: a document as large as memory takes little beside its own bytes.

A piece ends behind an element. Where that is, the parser itself proves: what lies between the end of one element and a
bracket that is followed by a comma is a list of elements, or no JSON at all (an open text or object would be cut), and
then the piece goes on to the next bracket. So each piece is read as strictly as a document (`providers._json`), and
what is in no piece, read as a document at the end, is the rest of it.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

from domain.errors import PayloadUnreadableError
from domain.records import Json
from providers._as_sent import AsSent, read_sent
from providers._json import read_json

_PIECE: Final = 2**17
"""Bytes of a piece, about: as objects they are some times as large."""

_MOST_TRIED: Final = 16  # brackets one after the other: an element that holds more of them is read with all behind it
_SPACE: Final = b" \t\r\n"


class ListInPieces:
    """A list that is the document, or the value of a key of it.

    Args:
        body: The document.
        start: Where its list begins, behind the bracket.
        closing: What each element ends with, `}` or `]`; others only lengthen a piece.
        place: Which answer this is, for messages.
        fix: What to do about an answer that cannot be read.

    Attributes:
        as_sent: How the elements that were given out last were written, or what is in `rest`.
        rest: The document without the elements that were given out: known, and to be looked at, once all were.
    """

    def __init__(self, body: bytes, start: int, closing: bytes, *, place: str, fix: str) -> None:
        self._body = body
        self._start = start
        self._closing = closing
        self._place = place
        self._fix = fix
        self.rest: Any = None
        self.as_sent = AsSent(None, lambda: None)

    def __iter__(self) -> Iterator[list[Any]]:
        """The elements, in pieces, without those that are left in `rest`.

        Raises:
            PayloadUnreadableError: The document is none.
        """
        at = self._start
        while (found := self._piece(at)) is not None:
            items, at = found
            yield items
        try:
            self.rest = self._read(self._body[: self._start], self._body[at:], b"")
        except PayloadUnreadableError:
            self._read(b"", self._body, b"")  # which says where in the document it is
            raise
        if at > self._start and self._body[at:].lstrip(_SPACE)[:1] == b"]":
            self._read(b"", self._body, b"")  # a comma behind the last element

    def _piece(self, start: int) -> tuple[list[Any], int] | None:
        """Elements from `start` on, and where the next one begins; None where what is left is to be read as a whole."""
        at = start + _PIECE
        for _ in range(_MOST_TRIED):
            end = self._end_of_element(at)
            if end is None:
                break
            with suppress(PayloadUnreadableError):
                items: list[Any] = self._read(b"[", self._body[start:end], b"]")
                return items, self._body.index(b",", end) + 1
            at = end
        return None

    def _end_of_element(self, at: int) -> int | None:
        """Behind the first bracket from `at` on that a comma follows."""
        while (found := self._body.find(self._closing, at)) >= 0:
            at = found + 1
            behind = at
            while self._body[behind : behind + 1] and self._body[behind] in _SPACE:
                behind += 1
            if self._body[behind : behind + 1] == b",":
                return at
        return None

    def _read(self, before: bytes, piece: bytes, behind: bytes) -> Json:
        body = b"".join((before, piece, behind))
        document = read_json(body, place=self._place, fix=self._fix)
        self.as_sent = AsSent(document, partial(read_sent, body))
        return document
