"""A JSON file as rows, one of them in memory at a time: where a row ends is found before any of it is parsed."""

import re
from collections.abc import Generator, Iterator
from typing import IO, Any, Final

from domain.errors import PayloadUnreadableError
from domain.texts import clipped
from providers._as_sent import read_sent
from providers._json import read_json
from providers.smart_house.bounds import MAX_OBJECTS, MAX_ROW_BYTES, too_large, weigh
from providers.smart_house.spec import MAX_DEPTH
from providers.smart_house.wire import FIX, unreadable

_PIECE: Final = 2**20
_SHOWN: Final = 100
_BLANKS: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
# The next bracket outside of a text.
_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)
_WITH_FRACTION: Final = re.compile(rb"[:,\[][ \t\r\n]*+-?[0-9]++[.eE]")


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
            row = read_json(document, place=place, fix=FIX)
            if _WITH_FRACTION.search(document):  # which is none of a state, and is shown as it was written
                row = read_sent(document)
            if not isinstance(row, dict):
                raise unreadable(f"the file holds {clipped(row)}, which is no row", place)
            yield row
    cut.end()


class _Cut:
    """Cuts a list behind each of its objects; between them there is a comma, and else nothing but blanks."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._text = bytearray()
        self._is_first = True
        self._at = 0  # where to look for the next bracket
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
            self._text = self._text.removeprefix(_BOM)
        while not self._is_over and (found := _BRACKET.match(self._text, self._at)):
            self._at = found.end()
            if found[1] in b"[{":
                self._open(found.start(1))
            elif document := self._close():
                yield document
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

    def _open(self, mark: int) -> None:
        if self._depth == 0:
            self._expect(self._at, b"[")
            self._begin = self._at
        elif self._depth == 1:
            self._expect(self._at, b",{" if self._n_objects else b"{")
            self._begin, self._n_inside = mark, 0
        self._depth += 1
        self._n_inside += 1
        if self._n_inside > MAX_OBJECTS:
            raise too_large(f"has a row of more than {MAX_OBJECTS:,} objects and lists", self._place)
        if self._depth > MAX_DEPTH:
            raise unreadable(f"the file is nested more than {MAX_DEPTH} levels deep", self._place)

    def _close(self) -> bytes:
        """What ends here, if it is an object of the list."""
        self._depth -= 1
        if self._depth > 1:
            return b""
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
