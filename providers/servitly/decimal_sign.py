"""Which decimal sign each row of a file has, before any of its rows counts: never judged by a piece, a day or a window.

A cell that can only be one number is that number. What could be two (`1.234`) is read where other cells prove a decimal
sign (`providers._numbers`), of the same row or of the nearest rows that prove one, before it and behind it:

- as the sign that is usual beside the file's separator (`,` beside `;`, and `.` beside `,` and tabs), if either of the
  two proves it: so a file of one writer is read to its last cell, wherever its only proof stands;
- as the other sign, if both of them prove it: so the cells before the first proof and behind the last are rejected.

What a row proves, what is nearest to it and what the separator is stay true in whatever file it is cut out of. So the
same span ordered as several files never says two values of one cell, whatever the files hold, and a shorter file may
only reject more. No rule can promise that and read both signs to the last cell: where the first row of a file proves
one sign and the last row the other, the cells between them stand behind the one in one half of it, and before the other
in the other half. The source's attribute `decimal` decides everything, and then no file is read twice.

The first reading looks at bytes alone (`proofs.py`); cells are only looked at where it found something to decide.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from domain.quantities import Kind
from domain.texts import DECIMAL_SIGNS, DecimalSign
from providers._numbers import readings
from providers._points import Integers
from providers.servitly.account import AccountConfig
from providers.servitly.csv_file import Rows, read_csv
from providers.servitly.proofs import are_two_numbers_possible, may_prove, possible_signs
from providers.servitly.wire import meaning_of, split_header

_FEW: Final = 1_000  # rows
_NONE: Final = 0
_CODES: Final[Mapping[DecimalSign, int]] = {".": 1, ",": 2}
_BOTH: Final = 3  # of a row that contradicts itself
_SIGNS: Final[tuple[DecimalSign | None, ...]] = (None, ".", ",", None)


def usual_sign(separator: str) -> DecimalSign:
    """The decimal sign that most writers use beside a separator."""
    return "," if separator == ";" else "."


class _Runs:
    """Rows that prove the same, one after another: where each run of them begins and ends, and what they prove."""

    def __init__(self) -> None:
        self._first, self._last, self._codes = array("q"), array("q"), array("b")

    def add(self, first: int, last: int, code: int) -> None:
        """Take in rows behind all others: those of `first` and `last` prove it, and none between them another."""
        if self._codes and self._codes[-1] == code:
            self._last[-1] = last
        else:
            self._first.append(first)
            self._last.append(last)
            self._codes.append(code)

    @property
    def codes(self) -> list[int]:
        """What the runs prove, in the file's order."""
        return list(self._codes)

    def around(self, rows: Integers) -> tuple[Integers, Integers]:
        """What the nearest proof before each of `rows` proves, and the nearest one behind it; a row's own is both."""
        codes = np.array([_NONE, *self._codes, _NONE], dtype=np.int64)  # so that the run before the first proves none
        run = np.searchsorted(np.array(self._first, dtype=np.int64), rows, side="right")
        last = np.array([-1, *self._last], dtype=np.int64)[run]
        return codes[run], np.where(rows <= last, codes[run], codes[run + 1])


@dataclass(frozen=True, slots=True)
class FileSign:
    """What a file says about its numbers.

    Attributes:
        decimal: The decimal sign of all rows; None if they have none, or not all the same.
        is_said: Whether the source says so: then what can only have the other one is refused.
        usual: The sign that is usual beside the separator.
        runs: What the rows prove, where they do not all have one sign.
    """

    decimal: DecimalSign | None = None
    is_declared: bool = False
    usual: DecimalSign = "."
    runs: _Runs | None = None

    def of(self, rows: Integers) -> DecimalSign | list[DecimalSign | None] | None:
        """The decimal sign of what could be two numbers in each of these rows, or in all of them.

        Args:
            rows: Their places in the file, from 0.
        """
        if self.runs is None:
            return self.decimal
        usual, other = _CODES[self.usual], 3 - _CODES[self.usual]
        before, behind = self.runs.around(rows)
        is_usual, is_other = (before == usual) | (behind == usual), (before == other) & (behind == other)
        found = np.where(is_usual, usual, np.where(is_other, other, _NONE)).tolist()
        return _SIGNS[found[0]] if len(set(found)) == 1 else [_SIGNS[code] for code in found]


def sign_of(pieces: Callable[[], Iterable[bytes]], account: AccountConfig, *, place: str) -> FileSign:
    """The decimal signs of a file: the account's, or those that the file proves.

    Args:
        pieces: Reads the file from its beginning, once for each call.
        account: Whose file it is.
        place: Which file, for messages.

    Raises:
        PayloadUnreadableError: It is damaged, or is no CSV.
    """
    if account.decimal is not None:
        return FileSign(account.decimal, is_declared=True)
    possible = possible_signs(pieces())
    first = next(read_csv(pieces(), account, place=place), None) if possible else None
    if first is None:
        return FileSign()
    usual = usual_sign(first.separator)
    is_usual_alone = possible == {usual}
    if not is_usual_alone and not are_two_numbers_possible(pieces()):
        return FileSign(usual if usual in possible else next(iter(possible)))  # nothing to decide
    runs, n_rows = _Runs(), 0
    for rows in _few_at_a_time(read_csv(pieces(), account, place=place)):
        _look(rows, account, n_rows, runs)
        n_rows += len(rows.times)
        if is_usual_alone and runs.codes:
            break
    if set(runs.codes) <= {_CODES[usual]}:
        return FileSign(usual if runs.codes else None)
    return FileSign(usual=usual, runs=runs)


def number_columns(rows: Rows, account: AccountConfig) -> Mapping[int, str]:
    """The columns whose cells are numbers, by index, and their units."""
    found: dict[int, str] = {}
    for index, header in enumerate(rows.header[1:], start=1):
        metric, unit = split_header(header, account)
        meaning = meaning_of(account, metric, unit)
        if (meaning is not None and meaning[1].quantity.kind is not Kind.STATE) or (meaning is None and unit):
            found[index] = meaning[0] if meaning else unit
    return found


def _few_at_a_time(batches: Iterable[Rows]) -> Iterator[Rows]:
    """Rows in small numbers: one sign is most often proven by the first of them."""
    for rows in batches:
        for at in range(0, len(rows.times), _FEW):
            few = slice(at, at + _FEW)
            yield replace(rows, times=rows.times[few], lines=rows.lines[few])


def _look(rows: Rows, account: AccountConfig, n_before: int, runs: _Runs) -> None:
    """Add what each of these rows proves; `n_before` are in front of them."""
    wanted = number_columns(rows, account)
    fitting, columns = rows.columns(range(len(rows.times)))
    if not fitting or not wanted:
        return
    signs = {index: may_prove("\n".join(columns[index])) for index in wanted}
    seen = [(columns[index], unit) for index, unit in wanted.items() if signs[index]]
    places = [n_before + row for row in fitting]
    if len(frozenset[DecimalSign]().union(*signs.values())) == 1:
        # Whatever they prove is the same: the first row that proves it and the last say where.
        ends = (_first_proof(seen, range(len(places))), _first_proof(seen, range(len(places) - 1, -1, -1)))
        if ends[0] is not None and ends[1] is not None:
            runs.add(places[ends[0][0]], places[ends[1][0]], ends[0][1])
        return
    for row in range(len(places)):
        if (code := _proof(seen, row)) != _NONE:
            runs.add(places[row], places[row], code)


def _first_proof(columns: Sequence[tuple[Sequence[str], str]], rows: Iterable[int]) -> tuple[int, int] | None:
    """The first of `rows` that proves something, and what."""
    return next(((row, code) for row in rows if (code := _proof(columns, row)) != _NONE), None)


def _proof(columns: Sequence[tuple[Sequence[str], str]], row: int) -> int:
    """What the cells of a row prove."""
    found = {sign for cells, unit in columns if (sign := readings(cells[row], unit).proves) is not None}
    return _BOTH if len(found) == len(DECIMAL_SIGNS) else sum(_CODES[sign] for sign in found)
