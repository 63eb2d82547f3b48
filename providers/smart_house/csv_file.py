"""A CSV file as rows, one of them in memory at a time.

The standard library has one bound on cells for the whole process; pandas has none, and fills short rows up without a
word. So cells are cut here.
"""

import re
from collections.abc import Generator, Sequence
from datetime import date
from typing import IO, Any, Final

from domain.errors import PayloadUnreadableError
from domain.texts import clipped
from providers.smart_house.bounds import MAX_ROW_BYTES, too_large, weigh
from providers.smart_house.spec import MAX_COLUMNS
from providers.smart_house.wire import KEYS, InvalidRow, day_of, unreadable

_BOM: Final = b"\xef\xbb\xbf"
_QUOTED: Final = re.compile(rb'(?:\A|(?<=,)) *"((?:[^"]++|"")*+)"(?=,|\Z)')
_SHOWN: Final = 4_096


def csv_rows(file: IO[bytes], place: str) -> Generator[dict[str, Any] | InvalidRow]:
    """The rows below the header; those with more or fewer cells than it has are invalid.

    Raises:
        PayloadUnreadableError: The file is no CSV, or its header is none of this provider's.
        AnswerTooLargeError: A line is too large to be a row, or there are too many columns.
    """
    records = _records(file, place)
    header = next(records, b"")
    if header.count(b",") >= MAX_COLUMNS:
        raise too_large(f"has {header.count(b',') + 1:,} columns, and {MAX_COLUMNS:,} are allowed", place)
    names = [name.strip() for name in _cells(header, place)]
    if not set(KEYS) <= set(names) or len(set(names)) != len(names):
        raise unreadable(f"the header {clipped(names)} lacks {', '.join(KEYS)}, or has a column twice", place)
    for number, record in enumerate(records, start=1):
        cells = _cells(record, f"{place}, row {number:,}")
        if len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))
        else:
            yield InvalidRow(record[:_SHOWN].decode("utf-8", "replace"), _day(names, cells))


def _records(file: IO[bytes], place: str) -> Generator[bytes]:
    """Lines, joined where a quoted cell goes on in the next one; empty ones are none."""
    record, is_first = bytearray(), True
    is_quoted = False
    while line := file.readline(MAX_ROW_BYTES + 1):
        if is_first:
            line, is_first = line.removeprefix(_BOM), False
        record += line
        if len(record) > MAX_ROW_BYTES:
            raise too_large(f"has a row of more than {MAX_ROW_BYTES:,} bytes", place)
        is_quoted ^= bool(line.count(b'"') % 2)
        if is_quoted:
            continue
        if record.strip(b"\r\n"):
            whole = bytes(record)
            weigh(whole, place=place)
            yield whole
        record.clear()
    if is_quoted:
        raise unreadable("the file is no CSV (it ends within quotes)", place)


def _cells(record: bytes, place: str) -> list[str]:
    """The cells of a record."""
    found: list[str] = []
    line, at = record.rstrip(b"\r\n"), 0  # a text that was translated twice has CR CR LF
    try:
        for quoted in _QUOTED.finditer(line):
            if quoted.start():
                found += _plain_cells(line[at : quoted.start() - 1], place, is_first=at == 0)
            found.append(quoted[1].replace(b'""', b'"').decode())
            at = quoted.end()
        found += _plain_cells(line[at:], place, is_first=at == 0)
    except UnicodeDecodeError as error:
        raise unreadable(f"the file is not UTF-8 (byte {error.start} of a cell)", place) from None
    return found


def _plain_cells(data: bytes, place: str, *, is_first: bool) -> list[str]:
    """Cells without quotes: at the beginning of a line, or each behind its comma. Blanks around belong to none."""
    if b'"' in data or b"\r" in data:
        raise unreadable("the file is no CSV (a cell has quotes within, or a row a carriage return)", place)
    cells = data.decode().split(",")
    if b" " in data:
        cells = [cell.strip(" ") for cell in cells]
    return cells if is_first else cells[1:]


def _day(names: Sequence[str], cells: Sequence[str]) -> date | None:
    """The day that an invalid row is of, if it says one: the first columns are those of the day."""
    try:
        return day_of(dict(zip(names, cells, strict=False)), place="")
    except PayloadUnreadableError:
        return None
