"""Numbers as people and their programs write them: what a text is worth, and which decimal sign it proves.

`1,234` is a thousand and more where `.` is the decimal sign, and one and a bit where `,` is: a text alone does not say.
`21.5`, `0.123` and `1,234.5` do. So a text is read under each of the two signs, and it *proves* a sign if it is a
number under no other. What is a number under both, with two values, is only read by who knows the sign.

Understood beside plain digits: thousands in groups (`1,234`, `1.234`, `1 234`, `1'234`, also with the blanks U+00A0,
U+202F, U+2009 and U+2007), the minus sign U+2212, `+5`, `5.`, `.5`, `1e3`, blanks around, the column's own unit behind
the number, and the apostrophe by which spreadsheets keep a cell from being a formula. Not understood, and refused:
digits of other scripts, groups of other sizes, a unit of another name, `0x1F`, `1_000`, `(5)`, `5-`.

Where numbers are written as texts, some words say that there is none (`null`, `unavailable`), with all providers alike.
"""

import itertools
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import orjson

from domain.quantities import UNITS
from domain.records import Reason
from domain.texts import DECIMAL_SIGNS, DecimalSign, is_infinite, is_nan
from providers._points import Floats, Integers, no_number

_NO_VALUE: Final = frozenset({"", "---", "none", "null", "unavailable", "unknown"})  # beside NaN
_LONGEST_WORD: Final = 32
_BLANKS: Final = " \u00a0\u202f\u2009\u2007"
_APOSTROPHES: Final = "'\u2019"
_MINUS: Final = "\u2212"
_DIRECTIONS: Final = "\u200e\u200f\u061c"  # marks that some languages put around a sign
_ESCAPED: Final = re.compile(rf"\A'(?=[-+.,0-9{_MINUS}])")


def _number(decimal: DecimalSign) -> re.Pattern[str]:
    """A number whose decimal sign is `decimal`; the part `groups` has thousands in it."""
    point, other = re.escape(decimal), re.escape("," if decimal == "." else ".")
    groups = rf"[1-9][0-9]{{0,2}}(?P<sign>[{other}{_BLANKS}{_APOSTROPHES}])[0-9]{{3}}(?:(?P=sign)[0-9]{{3}})*"
    plain = rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    return re.compile(rf"[+-]?(?:{plain}|(?P<groups>{groups})(?:{point}[0-9]*)?)")


_NUMBER: Final = {sign: _number(sign) for sign in DECIMAL_SIGNS}
_GROUP_SIGNS: Final = {
    sign: str.maketrans(
        {"," if sign == "." else ".": None, **dict.fromkeys(_BLANKS + _APOSTROPHES)}
        | ({",": "."} if sign == "," else {})
    )
    for sign in DECIMAL_SIGNS
}
_PLAIN: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BEGINNING: Final = re.compile(r"[-+.,'\u2212\u200e\u200f\u061c]{0,4}[0-9]")  # of every number: most texts have another
_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+){2,}")  # or a number in groups: not certain enough to withhold a text
_LONGEST_NUMBER: Final = 400  # characters, with a unit behind it
_WITH_UNIT: Final = re.compile(rf"(.*[0-9.,])\s*(?:{'|'.join(map(re.escape, sorted(UNITS)))})")
# Whole columns at once, a text a line, where nothing is unusual.
_ALL_WHOLE: Final = re.compile(r"(?:[+-]?[0-9]+\n)*")
_ALL: Final = {
    ".": re.compile(
        r"(?:[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?)\n)*"
    ),
    ",": re.compile(
        r"(?:[+-]?(?:[0-9]+(?:,[0-9]+)?(?:[eE][+-]?[0-9]+)?|[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?)\n)*"
    ),
}
_MINUS_ZERO: Final = re.compile(r"-0[,\]\s]")  # a whole number of JSON has no sign there


class Readings(NamedTuple):
    """What a text is worth: under the decimal sign `.` and under `,`; None where it is then no number."""

    point: float | None
    comma: float | None

    @property
    def is_number(self) -> bool:
        """Whether it is one under either sign."""
        return self != (None, None)

    @property
    def proves(self) -> DecimalSign | None:
        """The decimal sign that it proves; None if it is worth the same under both, or could be either, or is none."""
        if (self.point is None) == (self.comma is None):
            return None
        return "." if self.comma is None else ","

    def under(self, decimal: DecimalSign) -> float | None:
        """What it is worth if `decimal` is the decimal sign."""
        return self.point if decimal == "." else self.comma


class Numbers(NamedTuple):
    """The numbers of some texts.

    Attributes:
        values: Their values, float64.
        rows: Whose they are, by index in the texts.
        invalid: Index → why that text is no number that can be read.
    """

    values: Floats
    rows: Integers
    invalid: dict[int, Reason]


def bare(text: str, unit: str = "") -> str:
    """`text` without what may stand around a number: blanks, marks of direction, an escape, and `unit` behind it."""
    text = _ESCAPED.sub("", text.strip().strip(_DIRECTIONS), count=1)
    if unit and text.endswith(unit):
        text = text[: -len(unit)].rstrip()
    return f"-{text[1:]}" if text.startswith(_MINUS) else text


def readings(text: str, unit: str = "") -> Readings:
    """What a text is worth under each decimal sign.

    Args:
        text: As it stands.
        unit: The one that the text may end with, in its own spelling; empty: none.
    """
    number = bare(text, unit)
    return Readings(_worth(number, "."), _worth(number, ","))


def is_number(text: str, unit: str = "") -> bool:
    """Whether a text is a number under either decimal sign."""
    return readings(text, unit).is_number


def is_absent(text: str) -> bool:
    """Whether a text in a number's place says that there is none; a text of any other kind may be a state."""
    return len(text) <= _LONGEST_WORD and ((plain := text.strip()).casefold() in _NO_VALUE or is_nan(plain))


def looks_like_number(text: str, unit: str = "") -> bool:
    """Whether a text, without blanks around, is a number where nobody knows whether numbers are to be expected.

    A number with `unit` behind it is one, and so is one with any unit that the warehouse knows.
    """
    if _PLAIN.fullmatch(text):
        return True
    if not _BEGINNING.match(text):
        return is_infinite(text)
    if not unit and _VERSION.fullmatch(text):
        return False
    return is_number(text, unit) or _without_unit(text).is_number


def proves_comma(text: str) -> bool:
    """Whether a text is a number, perhaps with a unit that the warehouse knows, whose decimal sign is a comma alone."""
    return _without_unit(text.strip()).proves == ","


def value_of(text: str, unit: str = "") -> float | Reason:
    """The value of a text of a writer whose decimal sign is `.` as far as anybody knows, or why it has none.

    Whoever writes `21,5` is not that writer, and `1,234` may be either's: what proves a sign is read, the rest refused.
    """
    parsed = readings(text, unit)
    number = bare(text, unit)
    value = _only(parsed) if "," in number else parsed.point if parsed.point is not None else parsed.comma
    if value is not None:
        return value
    return Reason.AMBIGUOUS_DECIMAL if parsed.is_number else no_number(number)


def read_numbers(
    texts: Sequence[str],
    *,
    decimal: DecimalSign | list[DecimalSign | None] | None,
    unit: str = "",
    is_other_read: bool = False,
) -> Numbers:
    """The values of texts, where the decimal sign has been decided.

    Args:
        texts: As they stand; those that say nothing are the caller's.
        decimal: The decimal sign, of all or of each; None if it is not known: then what could be either is refused.
        unit: The one that a text may end with.
        is_other_read: Read what proves the other decimal sign, too: it can only be one number. Otherwise it is refused,
            as of a writer who is not who he was said to be.

    Returns:
        Values, and `ambiguous_decimal` for what could be two numbers or contradicts `decimal`, `not_finite` for NaN
        and infinities that are spelled out, `wrong_type` for what is no number.
    """
    found = None if isinstance(decimal, list) else _at_once(texts, decimal)
    if found is not None:
        return Numbers(found, np.arange(len(texts), dtype=np.int64), {})
    values: list[float] = []
    rows: list[int] = []
    invalid: dict[int, Reason] = {}
    signs = decimal if isinstance(decimal, list) else itertools.repeat(decimal, len(texts))
    for row, (text, sign) in enumerate(zip(texts, signs, strict=True)):
        parsed = readings(text, unit)
        value = parsed.under(sign) if sign else _only(parsed)
        if value is None and sign and is_other_read:
            value = _only(parsed)
        if value is not None:
            values.append(value)
            rows.append(row)
        else:
            invalid[row] = Reason.AMBIGUOUS_DECIMAL if parsed.is_number else no_number(bare(text))
    return Numbers(np.array(values, dtype=np.float64), np.array(rows, dtype=np.int64), invalid)


def read_plain(texts: Sequence[str], *, is_whole: bool = False) -> Floats | None:
    """The values of texts that are numbers as JSON writes them, with the decimal sign `.`; None if one is not.

    Args:
        texts: As they stand.
        is_whole: Whether they must be whole: those are the same under either decimal sign.
    """
    document = f"[{','.join(texts)}]"
    try:
        values = orjson.loads(document)
    except orjson.JSONDecodeError:
        return None
    # Numbers and nothing else, as many as there are texts: then no text has a comma in it, and each is one number.
    are_numbers = len(values) == len(texts) and set(map(type, values)) <= ({int} if is_whole else {int, float})
    return np.array(values, dtype=np.float64) if are_numbers and not _MINUS_ZERO.search(document) else None


def _without_unit(text: str) -> Readings:
    """What a text is worth without the unit behind it, if that is one that the warehouse knows."""
    amount = _WITH_UNIT.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    return readings(amount[1] if amount else text)


def _only(parsed: Readings) -> float | None:
    """The one value that a text has, whichever the decimal sign is; None if it has two, or none."""
    if parsed.point is None:
        return parsed.comma
    return parsed.point if parsed.comma in (None, parsed.point) else None


def _worth(number: str, decimal: DecimalSign) -> float | None:
    found = _NUMBER[decimal].fullmatch(number)
    if found is None:
        return None
    if found["groups"] is not None:
        return float(number.translate(_GROUP_SIGNS[decimal]))
    return float(number.replace(",", "."))


def _at_once(texts: Sequence[str], decimal: DecimalSign | None) -> Floats | None:
    """The values of texts that are all plain; None if one is not."""
    if (found := read_plain(texts, is_whole=decimal != ".")) is not None:
        return found
    joined = "\n".join(texts) + "\n" if texts else ""
    if not (_ALL[decimal] if decimal else _ALL_WHOLE).fullmatch(joined):
        return None
    if decimal == ",":
        joined = joined.replace(".", "").replace(",", ".")
    elif "," in joined:
        joined = joined.replace(",", "")
    lines = joined.split()
    if len(lines) != len(texts):  # a text of several lines
        return None
    return np.array(list(map(float, lines)), dtype=np.float64)
