"""The file inside an archive as uploads, whatever its format: JSON read whole, CSV and XML some rows at a time."""

import csv
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError

import pandas as pd
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from providers._json import read_json
from providers.smart_house.archive import opened
from providers.smart_house.spec import MAX_CELL, MAX_COLUMNS, MAX_DEPTH
from providers.smart_house.wire import FIX, KEYS, Upload, clipped, unreadable, upload_of

_ROWS: Final = 64  # of a CSV at a time: a cell may hold thousands of changes
_ROOT, _ROW, _INDEX = "data", "row", "index"


def read_uploads(body: bytes, form: str, *, place: str) -> Iterator[Upload]:
    """The rows of an answer, in their order.

    Args:
        body: The archive as received; empty where the provider said that nothing is left.
        form: `json`, `csv` or `xml`.
        place: Which answer this is, for messages.

    Raises:
        PayloadUnreadableError: It is no whole archive with one file of that format, or the file is none.
        AnswerTooLargeError: The file would unpack to too much.
    """
    # What is damaged is found at the end of the file: before a row of it counts, all of it has been held against it.
    with opened(body, form, place=place) as file:
        if form == "json":
            rows = _json_rows(file, place)
        elif form == "csv":
            rows = _csv_rows(file, place)
        else:
            rows = _xml_rows(file, place)
        with closing(rows):  # before the file is, whoever stops reading in the middle
            for row in rows:
                yield upload_of(row, place=place)


def _json_rows(file: IO[bytes], place: str) -> Generator[Mapping[str, Any]]:
    document = read_json(file.read(), place=place, fix=FIX)
    if not isinstance(document, list):
        raise unreadable("the file is no JSON list of rows", place)
    for row in document:
        if not isinstance(row, dict):
            raise unreadable(f"the file holds {clipped(row)}, which is no row", place)
        yield row


def _csv_rows(file: IO[bytes], place: str) -> Generator[Mapping[str, Any]]:
    # pandas has no bound on the size of a cell; the standard library's is one for the whole process.
    names: list[str] = []
    try:
        pieces = pd.read_csv(
            file, header=None, dtype=str, na_filter=False, index_col=False, chunksize=_ROWS, encoding="utf-8-sig"
        )
        with pieces:
            for piece in pieces:
                rows = piece.to_numpy().tolist()
                if not names:
                    names = _header(rows.pop(0), place)
                for row in rows:
                    if any(len(cell) > MAX_CELL for cell in row):
                        raise unreadable(f"a cell of the file has more than {MAX_CELL:,} characters", place)
                    yield dict(zip(names, row, strict=True))
    except UnicodeDecodeError as error:
        raise unreadable(f"the file is not UTF-8 (byte {error.start})", place) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error, OverflowError) as error:
        raise unreadable(f"the file is no CSV ({clipped(str(error))})", place) from None


def _header(cells: Sequence[object], place: str) -> list[str]:
    names = [str(cell) for cell in cells]
    if not set(KEYS) <= set(names) or len(set(names)) != len(names) or len(names) > MAX_COLUMNS:
        raise unreadable(f"the header {clipped(names)} lacks {', '.join(KEYS)}, or has a column twice", place)
    return names


def _xml_rows(file: IO[bytes], place: str) -> Generator[Mapping[str, Any]]:
    path: list[Any] = []
    row: dict[str, str | None] = {}
    try:
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                path.append(element)
                _check_path([one.tag for one in path], place)
                continue
            path.pop()
            if len(path) == 1:
                yield row
                row = {}
                path[0].clear()  # else all rows would be held until the end
            elif len(path) == 2:  # noqa: PLR2004  # a cell of a row of the file
                if element.tag in row or len(row) > MAX_COLUMNS:
                    raise unreadable(f"a row has the column {clipped(element.tag)} twice, or too many of them", place)
                if element.tag != _INDEX:
                    row[element.tag] = element.text
    except DefusedXmlException as error:
        raise unreadable(f"the file declares what no data needs ({type(error).__name__})", place) from None
    except ParseError as error:
        raise unreadable(f"the file is no XML ({clipped(str(error))})", place) from None
    except (LookupError, ValueError):
        raise unreadable("the file is in an encoding that no XML needs", place) from None


def _check_path(tags: Sequence[str], place: str) -> None:
    shape = (_ROOT, _ROW)
    if tuple(tags[:2]) != shape[: len(tags)] or len(tags) > min(len(shape) + 1, MAX_DEPTH):
        raise unreadable(f"the file nests {clipped('/'.join(tags))}, and not data/row/column", place)
