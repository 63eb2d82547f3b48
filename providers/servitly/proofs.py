"""What the bytes of a file may prove about its decimal sign: a quick look, for a superset of what its cells prove."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from domain.texts import DECIMAL_SIGNS, DecimalSign
from providers.servitly.spec import MAX_LINE


def _proof(sign: str, other: str) -> str:
    """What stands around a `sign` that is the decimal one: seen from the sign, so that the search leaps to it."""
    point = re.escape(sign)
    before = [
        "[^0-9:]0",
        "[^0-9:]0[0-9]",
        "[^0-9:]0[0-9]{2}",
        "[^0-9]",
        "[0-9]{4}",
        rf"[{other} '\xa0\xaf\x87\x89\x99][0-9]{{3}}",
    ]
    behind = "|".join(rf"(?<={one}{point})" for one in before)
    short = "(?![0-9]{3}(?![0-9]))"  # not three digits behind it
    return rf"{point}(?:(?<=[0-9]{point}){short}|(?=[0-9])(?:{short}|{behind}|(?=[0-9]{{3}}[eE])))"


def _groups(sign: str) -> str:
    return rf"{re.escape(sign)}[0-9]{{3}}{re.escape(sign)}[0-9]"


def _two_numbers(sign: str) -> str:
    """What stands around a `sign` before three digits and behind one to three: a decimal sign, or one of groups."""
    point = re.escape(sign)
    behind = "|".join(rf"(?<=[^0-9:][1-9]{more}{point})" for more in ("", "[0-9]", "[0-9]{2}"))
    return rf"{point}(?=[0-9]{{3}}(?![0-9]))(?:{behind})"


# Beside a separator of another kind; where the comma is the separator, one inside of a number stands in quotes.
_PROOFS: Final = {
    sign: re.compile(f"{_proof(sign, other)}|{_groups(other)}".encode("latin-1"))
    for sign, other in ((".", ","), (",", "."))
}
_BESIDE_COMMAS: Final = {
    ".": re.compile(_proof(".", "").encode("latin-1")),
    ",": re.compile(_groups(".").encode("latin-1")),
}
_TWO_NUMBERS: Final = re.compile(f"{_two_numbers('.')}|{_two_numbers(',')}".encode("latin-1"))
_QUOTED: Final = re.compile(rb"[,\r\n\t ]\"[^\"A-Za-z\r\n]*,")


def possible_signs(pieces: Iterable[bytes]) -> frozenset[DecimalSign]:
    """The signs that something in the file might prove, whatever it is."""
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


def are_two_numbers_possible(pieces: Iterable[bytes]) -> bool:
    """Whether something in the file might be a number under either sign, with two values."""
    return any(_TWO_NUMBERS.search(block) for block in _by_lines(pieces))


def may_prove(cells: str) -> frozenset[DecimalSign]:
    """The signs that some of these cells, a line each, might prove."""
    joined = b"\n" + cells.encode()
    return frozenset(sign for sign in DECIMAL_SIGNS if _PROOFS[sign].search(joined))


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
