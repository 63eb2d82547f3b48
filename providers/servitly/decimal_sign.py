"""Which decimal sign a whole file has, before any of its rows counts: never judged by a piece, a day or a window of it.

A file has one writer, and a writer one decimal sign. It is the one that the file's number columns prove
(`providers._numbers`), all of them together; where they prove both, or none, what could be two numbers stays unread.
So a shorter file of the same span may know less than a longer one and reject more, and never says another value. The
separator decides nothing: `;` stands before points and before commas alike, and what it decided in a short file a
longer one could prove wrong. The source's attribute `decimal` decides everything, and then no file is read twice.

The first reading looks at bytes alone, for whatever might prove a sign; cells are only looked at where it found some.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from domain.quantities import Kind
from providers._decimal_sign import DECIMAL_SIGNS, DecimalSign
from providers._numbers import proven_signs
from providers.servitly.account import Account
from providers.servitly.csv_file import Rows, read_csv
from providers.servitly.spec import MAX_LINE
from providers.servitly.wire import meaning_of, split_header


def _proof(sign: str, other: str) -> str:
    """What stands around a `sign` that is the decimal one: seen from the sign, so that the search leaps to it."""
    point = re.escape(sign)
    before = [
        "[^0-9:]0",
        "[^0-9:]0[0-9]",
        "[^0-9:]0[0-9]{2}",
        "[^0-9]",
        "[0-9]{4}",
        rf"[{other} '\xa0\xaf\x89\x99][0-9]{{3}}",
    ]
    behind = "|".join(rf"(?<={one}{point})" for one in before)
    short = "(?![0-9]{3}(?![0-9]))"  # not three digits behind it
    return rf"{point}(?:(?<=[0-9]{point}){short}|(?=[0-9])(?:{short}|{behind}|(?=[0-9]{{3}}[eE])))"


def _groups(sign: str) -> str:
    return rf"{re.escape(sign)}[0-9]{{3}}{re.escape(sign)}[0-9]"


# Beside a separator of another kind; where the comma is the separator, one inside of a number stands in quotes.
_PROOFS: Final = {
    sign: re.compile(f"{_proof(sign, other)}|{_groups(other)}".encode("latin-1"))
    for sign, other in ((".", ","), (",", "."))
}
_BESIDE_COMMAS: Final = {
    ".": re.compile(_proof(".", "").encode("latin-1")),
    ",": re.compile(_groups(".").encode("latin-1")),
}
_FEW: Final = 1_000  # rows
_QUOTED: Final = re.compile(rb"[,\r\n\t ]\"[^\"A-Za-z\r\n]*,")


@dataclass(frozen=True, slots=True)
class FileSign:
    """What a file says about its numbers.

    Attributes:
        decimal: Its decimal sign; None if it proves none, or both.
        torn: The columns that prove both by themselves: none of their numbers with a sign is read.
    """

    decimal: DecimalSign | None = None
    torn: frozenset[str] = frozenset()


def sign_of(pieces: Callable[[], Iterable[bytes]], account: Account, *, place: str) -> FileSign:
    """The decimal sign of a file: the account's, or the one that the file proves.

    Args:
        pieces: Reads the file from its beginning, once for each call.
        account: Whose file it is.
        place: Which file, for messages.

    Raises:
        PayloadUnreadableError: It is damaged, or is no CSV.
    """
    if account.decimal is not None:
        return FileSign(account.decimal)
    possible = _possible(pieces())
    if not possible:
        return FileSign()
    proven: dict[str, set[DecimalSign]] = {}
    for rows in _few_at_a_time(read_csv(pieces(), place=place)):
        _look(rows, account, proven)
        if len(possible) == 1 and proven:
            break
    signs = frozenset[DecimalSign]().union(*proven.values())
    torn = frozenset(header for header, found in proven.items() if len(found) == len(DECIMAL_SIGNS))
    return FileSign(next(iter(signs)) if len(signs) == 1 else None, torn)


def number_columns(rows: Rows, account: Account) -> Mapping[int, str]:
    """The columns whose cells are numbers, by index, and their units."""
    found: dict[int, str] = {}
    for index, header in enumerate(rows.header[1:], start=1):
        metric, unit = split_header(header, account)
        said = meaning_of(account, metric, unit)
        if (said is not None and said[1].quantity.kind is not Kind.STATE) or (said is None and unit):
            found[index] = said[0] if said else unit
    return found


def _possible(pieces: Iterable[bytes]) -> frozenset[DecimalSign]:
    """The signs that something in the file might prove, whatever it is: a superset of those that are proven."""
    found: set[DecimalSign] = set()
    proofs: Mapping[str, re.Pattern[bytes]] | None = None
    for block in _by_lines(pieces):
        if proofs is None:
            head = re.split(rb"[\r\n]", block.lstrip(b"\xef\xbb\xbf\r\n"), maxsplit=1)[0]
            is_comma = b";" not in head and b"\t" not in head
            proofs = _BESIDE_COMMAS if is_comma else _PROOFS
        for sign in DECIMAL_SIGNS:
            if sign not in found and proofs[sign].search(block):
                found.add(sign)
        if len(found) < len(DECIMAL_SIGNS) and b'"' in block and _QUOTED.search(block):
            found.update(DECIMAL_SIGNS)
    return frozenset(found)


def _by_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a file, cut where a line ends."""
    carried = b""
    for piece in pieces:
        block = carried + piece
        cut = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        if not cut and len(block) > 2 * MAX_LINE:  # no line is that long: the second reading says so
            cut = len(block)
        carried = block[cut:]
        if cut:
            yield block[:cut]
    yield carried


def _few_at_a_time(batches: Iterable[Rows]) -> Iterator[Rows]:
    """Rows in small numbers: one sign is most often proven by the first of them."""
    for rows in batches:
        for at in range(0, len(rows.times), _FEW):
            few = slice(at, at + _FEW)
            yield replace(rows, times=rows.times[few], lines=rows.lines[few])


def _look(rows: Rows, account: Account, proven: dict[str, set[DecimalSign]]) -> None:
    """Add what each column of these rows proves."""
    wanted = {
        index: unit
        for index, unit in number_columns(rows, account).items()
        if len(proven.get(rows.header[index], ())) < len(DECIMAL_SIGNS)
    }
    n_cells = len(rows.header)
    table = [cells for cells in map(rows.cells, range(len(rows.times))) if len(cells) == n_cells]
    if not table or not wanted:
        return
    columns = list(zip(*table, strict=True))
    for index, unit in wanted.items():
        joined = "\n".join(columns[index]).encode()
        already = proven.get(rows.header[index], set())
        if any(sign not in already and _PROOFS[sign].search(b"\n" + joined) for sign in DECIMAL_SIGNS):
            signs = proven_signs(columns[index], unit)
            if signs:
                proven.setdefault(rows.header[index], set()).update(signs)
