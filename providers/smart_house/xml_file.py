"""An XML file as rows, one of them in memory at a time: no tree is built, and no document type is allowed."""

import io
from collections.abc import Generator, Mapping
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from domain.texts import clipped
from providers.smart_house.bounds import MAX_ROW_BYTES, too_large, weigh
from providers.smart_house.spec import MAX_COLUMNS
from providers.smart_house.wire import unreadable

_PIECE: Final = 65_536
_LONGEST_MARK: Final = 2**20  # between two things that the parser has to say: a tag, or a comment
_ROOT, _ROW, _INDEX = "data", "row", "index"
_CELL_DEPTH: Final = 3


def xml_rows(file: IO[bytes], place: str) -> Generator[Mapping[str, Any]]:
    """The rows of `<data><row><column>…`; attributes, and anything deeper, belong to another shape.

    Raises:
        PayloadUnreadableError: The file is no XML of that shape, or declares what no data needs.
        AnswerTooLargeError: A row is too large to be one.
    """
    rows = _Rows(place)
    parser = XMLParser(target=rows, forbid_dtd=True)
    try:
        while piece := file.read(_PIECE):
            rows.n_silent += len(piece)
            rows.n_bytes += len(piece)
            parser.feed(piece)
            if rows.n_silent > _LONGEST_MARK or rows.n_bytes > MAX_ROW_BYTES:
                raise too_large(f"has a row of more than {MAX_ROW_BYTES:,} bytes, or a tag that never ends", place)
            yield from rows.taken()
        parser.close()
    except DefusedXmlException as error:
        raise unreadable(f"the file declares what no data needs ({type(error).__name__})", place) from None
    except ParseError as error:
        raise unreadable(f"the file is no XML ({clipped(str(error))})", place) from None
    except (LookupError, ValueError):
        raise unreadable("the file is in an encoding that no XML needs", place) from None
    yield from rows.taken()


class _Rows:
    """What the parser tells of.

    Attributes:
        n_silent: Bytes since it last told of anything.
        n_bytes: Bytes since the last row's end.
    """

    def __init__(self, place: str) -> None:
        self.n_silent = self.n_bytes = 0
        self._place = place
        self._path: list[str] = []
        self._text = io.StringIO()
        self._row: dict[str, str | None] = {}
        self._whole: list[dict[str, str | None]] = []

    def taken(self) -> list[dict[str, str | None]]:
        """The rows that have ended since this was asked last."""
        rows, self._whole = self._whole, []
        return rows

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A tag was opened."""
        self.n_silent = 0
        self._path.append(tag)
        shape = (_ROOT, _ROW, tag)
        if attributes or tuple(self._path) != shape[: len(self._path)]:
            raise unreadable(f"the file nests {clipped('/'.join(self._path))}, and not data/row/column", self._place)
        self._text = io.StringIO()

    def data(self, text: str) -> None:
        """Some text, of a cell or between tags."""
        self.n_silent = 0
        if len(self._path) == _CELL_DEPTH:
            self._text.write(text)

    def end(self, tag: str) -> None:
        """A tag was closed."""
        self.n_silent = 0
        self._path.pop()
        if len(self._path) == 1:
            self._whole.append(self._row)
            self._row, self.n_bytes = {}, 0
        elif len(self._path) == len((_ROOT, _ROW)):
            if tag in self._row or len(self._row) > MAX_COLUMNS:
                raise unreadable(f"a row has the column {clipped(tag)} twice, or too many of them", self._place)
            text = self._text.getvalue()
            weigh(text.encode("utf-8", "surrogatepass"), place=self._place)
            if tag != _INDEX:
                self._row[tag] = text or None

    def close(self) -> None:
        """The file has ended."""
