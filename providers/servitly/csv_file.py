"""A CSV file of one thing, read a piece at a time: its header, and rows as they come."""

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from domain.errors import PayloadUnreadableError
from providers.servitly.account import AccountConfig
from providers.servitly.spec import BATCH_POINTS, MAX_COLUMNS, MAX_LINE
from providers.servitly.wire import TIME_NAMES, column_name, unreadable

_SEPARATORS: Final = (",", ";", "\t")
_QUOTE: Final = '"'
_CHARACTERS: Final = 2**20  # of one batch, where cells are quoted: what a piece of a file without quotes has


_LINE_END: Final = re.compile(r"[\r\n]")


class _Form(NamedTuple):
    """How a file is written: its columns' names, what separates its cells, and whether a blank follows every one."""

    header: list[str]
    separator: str
    is_padded: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file.

    Attributes:
        header: The names of all columns; the first is the time's.
        times: The first cell of each row.
        lines: Each row: its line, or its cells where some are quoted.
        separator: Between the cells of a line.
        is_padded: Whether a blank follows every separator: it belongs to no cell.
    """

    header: Sequence[str]
    times: Sequence[str]
    lines: Sequence[str] | Sequence[list[str]] = field(repr=False)
    separator: str
    is_padded: bool = False

    def cells(self, index: int) -> list[str]:
        """The cells of a row, its time included."""
        line = self.lines[index]
        if not isinstance(line, str):
            return line
        cells = line.split(self.separator)
        return [cell.lstrip(" ") for cell in cells] if self.is_padded else cells

    def columns(self, wanted: Sequence[int]) -> tuple[list[int], list[list[str]]]:
        """The cells of rows by columns, those of the time first: of the `wanted` rows that have one for each column.

        Returns:
            These rows, by index, and the columns.
        """
        n_columns = len(self.header)
        lines = [self.lines[index] for index in wanted]
        lengths = [line.count(self.separator) + 1 if isinstance(line, str) else len(line) for line in lines]
        if set(lengths) <= {n_columns}:
            fitting = list(wanted)
        else:
            fitting = [index for index, length in zip(wanted, lengths, strict=True) if length == n_columns]
            lines = [self.lines[index] for index in fitting]
        if fitting and isinstance(lines[0], str):
            cells = self.separator.join(lines).split(self.separator)  # type: ignore[arg-type]  # all are of one kind
        else:
            cells = list(itertools.chain.from_iterable(lines))
        if self.is_padded:
            cells = [cell.lstrip(" ") for cell in cells]
        return fitting, [cells[column::n_columns] for column in range(n_columns)]

    def text(self, index: int) -> str:
        """A row as it stood, for the quarantine."""
        line = self.lines[index]
        return line if isinstance(line, str) else self.separator.join(line)


def read_csv(pieces: Iterable[bytes], account: AccountConfig, *, place: str) -> Iterator[Rows]:
    """The rows of a file, a piece's worth at a time; a file without a byte has none.

    Args:
        pieces: The file.
        account: It knows which columns of it are one.
        place: Which file, for messages.

    Raises:
        PayloadUnreadableError: It is no UTF-8, its header is none, or its quotes are not closed.
    """
    texts = _decoded(pieces, place)
    head = ""
    for text in texts:
        head = (head + text).lstrip("\r\n")
        if _LINE_END.search(head) or len(head) > MAX_LINE:
            break
    if not head:
        return
    line, *rest = _LINE_END.split(head, maxsplit=1)
    form = _header(line, account, place)
    yield from _rows(itertools.chain(rest, texts), form, place)


def _decoded(pieces: Iterable[bytes], place: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
    n_lines, n_behind = 1, 0  # where the piece begins: its line, and how much of that line came before it
    for piece in itertools.chain(pieces, [None]):
        try:
            text = decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as error:
            raise _no_utf_8(error, n_lines, n_behind, place) from None
        yield text
        n_lines += text.count("\n") or text.count("\r")
        last = max(text.rfind("\n"), text.rfind("\r"))
        n_behind = len(text) - last - 1 if last >= 0 else n_behind + len(text)


def _no_utf_8(error: UnicodeDecodeError, line: int, n_behind: int, place: str) -> PayloadUnreadableError:
    if error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and line == 1 and not n_behind:
        return unreadable("the file is UTF-16, as its first two bytes say, and not UTF-8", place)
    before = error.object[: error.start].decode("utf-8", "replace")
    line += before.count("\n") or before.count("\r")
    last = max(before.rfind("\n"), before.rfind("\r"))
    column = len(before) - last if last >= 0 else n_behind + len(before) + 1
    byte = error.object[error.start]
    return unreadable(f"the file is not UTF-8: the byte 0x{byte:02X} in line {line:,}, column {column:,}", place)


def _header(line: str, account: AccountConfig, place: str) -> _Form:
    """What separates the cells, and the names of the columns."""
    if len(line) > MAX_LINE:
        raise unreadable(f"the header is longer than {MAX_LINE:,} characters", place)
    for separator in _SEPARATORS:
        try:
            header = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
        except csv.Error:
            continue
        if header and header[0].strip().lower() in TIME_NAMES:
            break
    else:
        raise unreadable(
            f"the header {line[:80]!r} does not begin with the name of a time (line 1, column 1; known are "
            f"{', '.join(sorted(TIME_NAMES))})",
            place,
        )
    header = [column_name(name.strip(), account) for name in header]
    if len(header) > MAX_COLUMNS:
        raise unreadable(f"the header has {len(header):,} columns, and {MAX_COLUMNS:,} are allowed", place)
    [(name, n_times)] = Counter(header).most_common(1)
    if n_times > 1:
        raise unreadable(f"the header has the column {name[:80]!r} twice", place)
    behind = line.split(separator)[1:]
    return _Form(header, separator, bool(behind) and all(name.startswith(" ") for name in behind))


def _rows(texts: Iterable[str], form: _Form, place: str) -> Iterator[Rows]:
    """Rows by lines as long as nothing is quoted, and by the standard library's reader from the first quote on."""
    carried = ""
    remaining = iter(texts)
    for text in remaining:
        carried += text
        if _QUOTE in carried:
            yield from _quoted(itertools.chain([carried], remaining), form, place)
            return
        # However a line ends, and however often: empty lines are none.
        *lines, carried = (carried.replace("\r", "\n") if "\r" in carried else carried).split("\n")
        _check_length(carried, place)
        yield _plain(lines, form)
    yield _plain([carried], form)


def _plain(lines: list[str], form: _Form) -> Rows:
    lines = [line for line in lines if line]
    times = [line.partition(form.separator)[0] for line in lines]
    return Rows(form.header, times, lines, form.separator, form.is_padded)


def _quoted(texts: Iterable[str], form: _Form, place: str) -> Iterator[Rows]:
    lines = _lines(texts, place)
    reader = csv.reader(lines, delimiter=form.separator, strict=True, skipinitialspace=form.is_padded)
    try:
        for batch in _batches(reader, max(1, BATCH_POINTS // len(form.header))):
            yield Rows(form.header, [row[0] for row in batch], batch, form.separator)
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
        *lines, carried = io.StringIO(carried + text, newline="") if carried + text else [""]
        _check_length(carried, place)
        yield from lines
    if carried:
        yield carried


def _check_length(carried: str, place: str) -> None:
    if len(carried) > MAX_LINE + 2**20:  # a line, and what came with it in one piece
        raise unreadable(f"a line is longer than {MAX_LINE:,} characters", place)
