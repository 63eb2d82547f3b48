"""The CSV export as rows: its `sep=` line taken as a hint, its separators proven, its end demanded.

A row that uses another separator than the header is repaired where the number of its cells proves what was meant; a
row that fits neither is malformed. If no row fits, the export is refused, and the separators are named.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from domain.texts import clipped
from providers._numbers import readings
from providers.voltstorage.rows import Rows
from providers.voltstorage.spec import MAX_COLUMNS, MAX_LINE, batch_rows
from providers.voltstorage.wire import TIME_COLUMN, unreadable

_HINT: Final = "sep="
_SEPARATORS: Final = (",", ";", "\t", "|")
_QUOTE: Final = '"'
# A cell that is a number with a comma in it, and a unit perhaps; a comma that separates stands behind a time or a text.
# Or one with several groups of thousands behind points, whatever separates.
_WITH_COMMA: Final = re.compile(
    rb"""[;\t|"\n](%b[0-9][0-9. '\x80-\xff]*,[0-9]*(?:[eE][+-]?[0-9]+)?)%b(?=[;\t|"\r\n])"""
    rb"""|[,;\t|"\n](%b[1-9][0-9]{0,2}(?:[.][0-9]{3}){2,})%b(?=[,;\t|"\r\n])"""
    % ((rb"""[^0-9A-Za-z,;\t|"\r\n]{0,12}""", rb"""[^0-9,;\t|"\r\n]{0,12}""") * 2)  # a sign or blanks, a unit
)
_PIECE_BYTES: Final = 2**20  # as much of the body as is looked at as text at once


def read_csv(body: bytes, *, place: str, is_last_line_ended: bool = True) -> Iterator[Rows]:
    """The rows of a CSV export, some thousands at a time.

    The body is never copied whole: beside it there is one batch in memory, whatever its size.

    Args:
        body: As received.
        place: Which answer this is, for messages.
        is_last_line_ended: Whether a last line without its end was cut.

    Raises:
        PayloadUnreadableError: It is no UTF-8, was cut, has no header that begins with `Time`, or no row that fits it.
    """
    _require_text(body, place)
    # A carriage return alone, at the very end, is half of a line end: the rest was cut.
    if b"\n" not in body and (place_of_end := body.find(b"\r", 0, len(body) - 1)) >= 0:
        raise unreadable(f"the lines of the export end with CR alone (byte {place_of_end})", place)
    if is_last_line_ended and not body.endswith(b"\n"):
        raise unreadable("the export does not end with a line end, so its last line was cut", place)
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="\n")
    first = _line(text, place)
    hint = first.removeprefix(_HINT) if first.startswith(_HINT) else ""
    header = _line(text, place) if first.startswith(_HINT) else first
    separator = _separator(header, hint, place)
    names = _names(header, separator, place)
    is_comma_used = _is_comma_used(body)
    if _QUOTE.encode() in body:
        ended = (f"{_bare(line)}\n" if line.endswith("\n") else line for line in text)
        lines: Iterator[str | list[str]] = _quoted(ended, separator, place)
    else:
        lines = map(_bare, text)
    for rows in _in_batches(lines, names, separator, place):
        yield replace(rows, is_comma_used=is_comma_used)


def _is_comma_used(body: bytes) -> bool:
    """Whether a cell of the export proves a decimal comma: then no cell is read as if it could only be a point."""
    return any(readings((found[1] or found[2]).decode()).proves == "," for found in _WITH_COMMA.finditer(body))


def _require_text(body: bytes, place: str) -> None:
    """Refuse what is no UTF-8 before a row of it is read, and say where."""
    decoder, view = codecs.getincrementaldecoder("utf-8")(), memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        n_pending = len(decoder.getstate()[0])  # the beginning of a character that a piece has cut
        try:
            decoder.decode(view[start : start + _PIECE_BYTES], final=start + _PIECE_BYTES >= len(body))
        except UnicodeDecodeError as error:
            place_in_body = start - n_pending + error.start
            raise unreadable(f"the export is not UTF-8 (byte {place_in_body})", place) from None


def _line(lines: io.TextIOWrapper, place: str) -> str:
    line = lines.readline(MAX_LINE)
    if not line:
        raise unreadable("the export has no header", place)
    return _bare(line)


def _bare(line: str) -> str:
    """A line without its end; a text that was translated twice has CR CR LF."""
    return line.rstrip("\r\n") if line.endswith("\n") else line


def _separator(header: str, hint: str, place: str) -> str:
    """What separates the cells of the header: the hint, if it is true, or one of the usual ones."""
    header = header.lstrip(" ")
    name, rest = header[: len(TIME_COLUMN)], header[len(TIME_COLUMN) :]
    name, rest = (TIME_COLUMN, header[len(TIME_COLUMN) + 2 :]) if header.startswith('"Time"') else (name, rest)
    if name != TIME_COLUMN:
        raise unreadable(f"the header {clipped(header)} does not begin with {TIME_COLUMN}", place)
    rest = rest.lstrip(" ")
    if not rest:
        return hint or _SEPARATORS[0]
    for separator in (hint, *_SEPARATORS):
        if separator and rest.startswith(separator):
            return separator
    raise unreadable(
        f"the first line names the separator {clipped(hint)}, and the header {clipped(header)} does not use it", place
    )


def _names(header: str, separator: str, place: str) -> list[str]:
    cells = _cells_of_quoted(header, separator, place) if _QUOTE in header else header.split(separator)
    names = [name.strip() for name in cells]  # a blank behind a separator makes no other column
    if len(names) > MAX_COLUMNS:
        raise unreadable(f"the header has {len(names):,} columns, and {MAX_COLUMNS:,} are allowed", place)
    if len(set(names)) != len(names):
        twin = next(name for name in names if names.count(name) > 1)
        raise unreadable(f"the header has the column {clipped(twin)} twice", place)
    return names


def _in_batches(lines: Iterator[str | list[str]], names: Sequence[str], separator: str, place: str) -> Iterator[Rows]:
    n_fitting = n_malformed = 0
    sample = ""
    n_rows = batch_rows(len(names))
    while batch := list(islice(lines, n_rows)):
        whole: list[list[str]] = []
        malformed: list[str] = []
        for line in batch:
            cells = line if isinstance(line, list) else _cells(line, separator, len(names))
            if cells is not None and len(cells) == len(names):
                whole.append(cells)
            elif line:
                malformed.append(separator.join(line) if isinstance(line, list) else line)
        n_fitting += len(whole)
        n_malformed += len(malformed)
        sample = sample or (malformed[0] if malformed else "")
        yield _rows(whole, names, separator, malformed)
    if n_malformed and not n_fitting:
        raise unreadable(
            f"the header separates {len(names)} columns by {clipped(separator)}, and no row does, such as "
            f"{clipped(sample)}",
            place,
        )


def _cells(line: str, separator: str, n_columns: int) -> list[str] | None:
    """The cells of a line; None if neither the header's separator nor exactly one other one makes enough of them."""
    cells = line.split(separator)
    if len(cells) == n_columns:
        return cells
    if len(cells) > 1 or n_columns == 1:
        return None
    others = [other for other in _SEPARATORS if other != separator and line.count(other) == n_columns - 1]
    return line.split(others[0]) if len(others) == 1 else None


def _rows(whole: list[list[str]], names: Sequence[str], separator: str, malformed: list[str]) -> Rows:
    columns = [list(column) for column in zip(*whole, strict=True)] or [[] for _ in names]
    return Rows(
        times=columns[0],
        columns=dict(zip(names[1:], columns[1:], strict=True)),
        text_of=lambda index: separator.join(whole[index]),
        malformed=malformed,
    )


def _quoted(lines: Iterator[str], separator: str, place: str) -> Iterator[list[str]]:
    """Cells where quotes occur: the standard library's reader, and a quote that is not closed is an error."""
    if len(separator) != 1:
        raise unreadable(f"cells are quoted and separated by {clipped(separator)}", place)
    try:
        yield from (
            cells for cells in csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True) if cells
        )
    except csv.Error as error:
        raise unreadable(f"the export is no CSV ({error})", place) from None


def _cells_of_quoted(header: str, separator: str, place: str) -> list[str]:
    return next(_quoted(iter([header]), separator, place), [])
