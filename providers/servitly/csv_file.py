"""A CSV file of one thing, read a piece at a time: its header, and rows as they come."""

import codecs
import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from providers.servitly.spec import BATCH_POINTS, MAX_COLUMNS, MAX_LINE
from providers.servitly.wire import TIME_NAMES, unreadable

_SEPARATORS: Final = (",", ";", "\t")
_QUOTE: Final = '"'
_CHARACTERS: Final = 2**20  # of one batch, where cells are quoted: what a piece of a file without quotes has


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file.

    Attributes:
        header: The names of all columns; the first is the time's.
        times: The first cell of each row.
        lines: Each row: its line, or its cells where some are quoted.
        separator: Between the cells of a line.
    """

    header: Sequence[str]
    times: Sequence[str]
    lines: Sequence[str] | Sequence[list[str]] = field(repr=False)
    separator: str

    def cells(self, index: int) -> list[str]:
        """The cells of a row, its time included."""
        line = self.lines[index]
        return line.split(self.separator) if isinstance(line, str) else line

    def text(self, index: int) -> str:
        """A row as it stood, for the quarantine."""
        line = self.lines[index]
        return line if isinstance(line, str) else self.separator.join(line)


def read_csv(pieces: Iterable[bytes], *, place: str) -> Iterator[Rows]:
    """The rows of a file, a piece's worth at a time; a file without a byte has none.

    Raises:
        PayloadUnreadableError: It is no UTF-8, its header is none, or its quotes are not closed.
    """
    texts = _decoded(pieces, place)
    head = ""
    for text in texts:
        head += text
        if "\n" in head or len(head) > MAX_LINE:
            break
    line, _, rest = head.partition("\n")
    if not head:
        return
    separator, header = _header(line.removesuffix("\r"), place)
    yield from _rows(itertools.chain([rest], texts), header, separator, place)


def _decoded(pieces: Iterable[bytes], place: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
    try:
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise unreadable("the file is not UTF-8", place) from None


def _header(line: str, place: str) -> tuple[str, list[str]]:
    """What separates the cells, and the names of the columns."""
    if len(line) > MAX_LINE:
        raise unreadable(f"the header is longer than {MAX_LINE:,} characters", place)
    for separator in _SEPARATORS:
        try:
            header = next(csv.reader([line], delimiter=separator, strict=True), [])
        except csv.Error:
            continue
        if header and header[0].strip().lower() in TIME_NAMES:
            break
    else:
        raise unreadable(f"the header {line[:80]!r} does not begin with the name of a time", place)
    if len(header) > MAX_COLUMNS:
        raise unreadable(f"the header has {len(header):,} columns, and {MAX_COLUMNS:,} are allowed", place)
    twins = {name for name in header if header.count(name) > 1}
    if twins:
        raise unreadable(f"the header has the column {min(twins)[:80]!r} twice", place)
    return separator, header


def _rows(texts: Iterable[str], header: list[str], separator: str, place: str) -> Iterator[Rows]:
    """Rows by lines as long as nothing is quoted, and by the standard library's reader from the first quote on."""
    carried = ""
    remaining = iter(texts)
    for text in remaining:
        carried += text
        if _QUOTE in carried:
            yield from _quoted(itertools.chain([carried], remaining), header, separator, place)
            return
        *lines, carried = carried.split("\n")
        _check_length(carried, place)
        yield _plain(lines, header, separator)
    yield _plain([carried], header, separator)


def _plain(lines: list[str], header: list[str], separator: str) -> Rows:
    lines = [line.removesuffix("\r") for line in lines if line not in ("", "\r")]
    return Rows(header, [line.partition(separator)[0] for line in lines], lines, separator)


def _quoted(texts: Iterable[str], header: list[str], separator: str, place: str) -> Iterator[Rows]:
    reader = csv.reader(_lines(texts, place), delimiter=separator, strict=True)
    try:
        for batch in _batches(reader, max(1, BATCH_POINTS // len(header))):
            yield Rows(header, [row[0] for row in batch], batch, separator)
    except csv.Error as error:
        raise unreadable(f"the file is no CSV ({error})", place) from None


def _batches(rows: Iterable[list[str]], most: int) -> Iterator[list[list[str]]]:
    """Rows that are not empty, few enough at a time for any number of columns and any length of texts."""
    batch: list[list[str]] = []
    n_characters = 0
    for row in rows:
        if not row:
            continue
        batch.append(row)
        n_characters += sum(map(len, row))
        if len(batch) == most or n_characters >= _CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _lines(texts: Iterable[str], place: str) -> Iterator[str]:
    """Lines with their ends, so that a quoted line break stays one."""
    carried = ""
    for text in texts:
        *lines, carried = (carried + text).split("\n")
        _check_length(carried, place)
        yield from (f"{line}\n" for line in lines)
    if carried:
        yield carried


def _check_length(carried: str, place: str) -> None:
    if len(carried) > MAX_LINE + 2**20:  # a line, and what came with it in one piece
        raise unreadable(f"a line is longer than {MAX_LINE:,} characters", place)
