"""The two decimal signs. Apart from the reading of numbers: what reads settings alone imports no pandas."""

from typing import Final, Literal

DecimalSign = Literal[".", ","]

DECIMAL_SIGNS: Final[tuple[DecimalSign, DecimalSign]] = (".", ",")
