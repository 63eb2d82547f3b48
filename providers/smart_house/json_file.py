"""A JSON file as rows, one of them in memory at a time: where a row ends is found before any of it is parsed."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import IO, Any, Final

import numpy as np
import orjson

from domain.errors import PayloadUnreadableError
from domain.records import Json
from domain.texts import clipped
from providers._as_sent import read_sent
from providers._json import contents_of, keeps_all, read_exactly
from providers._points import Integers
from providers.smart_house.bounds import MAX_OBJECTS, MAX_ROW_BYTES, too_large, weigh
from providers.smart_house.spec import MAX_DEPTH
from providers.smart_house.wire import FIX, unreadable

_PIECE: Final = 2**20
_SHOWN: Final = 100
_BLANKS: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_QUOTE: Final = ord('"')
_IS_MARK: Final = bytes(byte in b'"[]{}' for byte in range(256))
_OPENING: Final = 2  # the bit that `[` and `{` have, and `]` and `}` have not


def json_rows(file: IO[bytes], place: str) -> Generator[dict[str, Any]]:
    """The objects of a list.

    Raises:
        PayloadUnreadableError: The file is no JSON list of objects.
        AnswerTooLargeError: An object is too large to be a row.
    """
    cut = _Cut(place)
    while piece := file.read(_PIECE):
        for document in cut.objects(piece):
            weigh(document, place=place)
            row = _row(document, place)
            if not isinstance(row, dict):
                raise unreadable(f"the file holds {clipped(row)}, which is no row", place)
            yield row
    cut.end()


def _row(body: bytes, place: str) -> Json:
    """What `body` says; a number with a fraction, which is none of a state, is shown as it was written."""
    with suppress(orjson.JSONDecodeError):
        row = orjson.loads(body)
        contents = contents_of(row, place=place, fix=FIX)
        if keeps_all(body, contents):
            return read_sent(body) if contents.has_fractions else row
    read_exactly(body, place=place, fix=FIX)  # which refuses what is no document, and what is two
    return read_sent(body)


class _Cut:
    """Cuts a list behind each of its objects; between them there is a comma, and else nothing but blanks."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._text = bytearray()
        self._is_first = True
        self._at = 0  # where to look for the next bracket
        self._is_text = False  # there
        self._n_seen = 0
        self._begin = 0  # of the object that is open, or of what stands in front of the next one
        self._depth = 0
        self._n_objects = 0
        self._n_inside = 0
        self._is_over = False

    def objects(self, piece: bytes) -> Iterator[bytes]:
        """The objects that end in the next piece of the file."""
        self._text += piece
        if self._is_first and len(self._text) >= len(_BOM):
            self._is_first = False
            if self._text.startswith(_BOM):
                del self._text[: len(_BOM)]
                self._at = 0
        if not self._is_over:
            yield from self._ended()
            del self._text[: self._begin]
            self._at, self._begin = self._at - self._begin, 0
        if self._is_over:
            self._expect(len(self._text), b"")
            self._text.clear()
        elif len(self._text) > MAX_ROW_BYTES + _PIECE:
            raise too_large(f"has a row of more than {MAX_ROW_BYTES:,} bytes", self._place)

    def end(self) -> None:
        """The file has ended."""
        if not self._is_over:
            raise self._no_list()

    def _ended(self) -> Iterator[bytes]:
        """The objects that end in what has not been looked at yet."""
        base = self._at
        places, steps = self._brackets()
        depths = self._depth + np.cumsum(steps)
        done = 0
        for outer in np.flatnonzero(depths <= np.where(steps > 0, 2, 1)).tolist():  # around an object of the list
            self._pass(steps[done:outer], depths[done:outer])
            begin, done = base + int(places[outer]), outer + 1
            self._at = begin + 1
            if steps[outer] > 0:
                self._open(begin)
            elif document := self._close():
                yield document
            if self._is_over:
                return
        self._pass(steps[done:], depths[done:])
        self._at = base + self._n_seen

    def _brackets(self) -> tuple[Integers, Integers]:
        """The next brackets outside of texts: where they stand, from `_at`, and 1 where one opens, or -1."""
        text = bytes(self._text[self._at :])
        self._n_seen = len(text) - (len(text) - len(text.rstrip(b"\\"))) % 2  # half of an escape waits
        text = text[: self._n_seen]
        if b"\\" in text:
            text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        places = np.flatnonzero(np.frombuffer(text.translate(_IS_MARK), dtype=np.bool_))
        marks = np.frombuffer(text, dtype=np.uint8)[places]
        are_within = ((np.cumsum(marks == _QUOTE, dtype=np.int8) + self._is_text) & 1).view(np.bool_)
        self._is_text = bool(are_within[-1]) if len(marks) else self._is_text
        are_brackets = (marks != _QUOTE) & ~are_within
        return places[are_brackets], (marks[are_brackets] & _OPENING).astype(np.int64) - 1

    def _pass(self, steps: Integers, depths: Integers) -> None:
        """Take in brackets within an object."""
        if not len(steps):
            return
        self._depth = int(depths[-1])
        self._n_inside += int((steps > 0).sum())
        if self._n_inside > MAX_OBJECTS:
            raise too_large(f"has a row of more than {MAX_OBJECTS:,} objects and lists", self._place)
        if depths.max() > MAX_DEPTH:
            raise unreadable(f"the file is nested more than {MAX_DEPTH} levels deep", self._place)

    def _open(self, begin: int) -> None:
        if self._depth == 0:
            self._expect(self._at, b"[")
            self._begin = self._at
        else:
            self._expect(self._at, b",{" if self._n_objects else b"{")
            self._begin, self._n_inside = begin, 0
        self._depth += 1

    def _close(self) -> bytes:
        """What ends here, if it is an object of the list."""
        self._depth -= 1
        if self._depth < 1:
            self._expect(self._at, b"]")
            if self._depth < 0:
                raise self._no_list()
            self._is_over = True
        begin, self._begin = self._begin, self._at
        self._n_objects += 1
        return b"" if self._is_over else bytes(self._text[begin : self._at])

    def _expect(self, end: int, wanted: bytes) -> None:
        if self._text[self._begin : end].translate(None, _BLANKS) != wanted:
            raise self._no_list()

    def _no_list(self) -> PayloadUnreadableError:
        begin = clipped(self._text[self._begin :][:_SHOWN].decode("utf-8", "replace"))
        return unreadable(f"the file is no JSON list of rows, or was cut ({begin})", self._place)
