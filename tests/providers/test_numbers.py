"""Numbers as people write them: read right, or refused by name; never another number."""

import random

import pytest

from domain.records import Reason
from domain.texts import DecimalSign
from providers._numbers import is_number, looks_like_number, read_numbers, readings


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("21.5", 21.5, None), ("21,5", None, 21.5), ("7", 7, 7), ("-7", -7, -7), ("+5", 5, 5), ("\u22125", -5, -5),
        ("1,234", 1234, 1.234), ("1.234", 1.234, 1234), ("0.123", 0.123, None), ("0,123", None, 0.123),
        ("1,234.5", 1234.5, None), ("1.234,5", None, 1234.5), ("1.234.567", None, 1234567),
        ("1,234,567", 1234567, None),
        ("1234.567", 1234.567, None), ("1 234,5", None, 1234.5), ("1\u00a0234,5", None, 1234.5), ("1 234", 1234, 1234),
        ("1\u202f234\u202f567.25", 1234567.25, None), ("1'234.5", 1234.5, None), ("1\u2019234", 1234, 1234),
        ("1 234.567", 1234.567, None), ("5.", 5, None), (".5", 0.5, None), (",5", None, 0.5), ("1e3", 1000, 1000),
        ("1.234e3", 1234, None), ("'-5.2", -5.2, None), (" 21.5\t", 21.5, None), ("21.5\u00a0°C", 21.5, None),
        ("\u200e-5", -5, -5), ("\u061c-5", -5, -5), ("1\u2007234,5", None, 1234.5),
        ("12,34.5", None, None), ("1.2.3", None, None), ("1,2,3", None, None), ("0,123,456", None, None),
        ("1 234.567,8", None, None), ("0x1F", None, None), ("1_000", None, None), ("\u0661", None, None),
        ("5-", None, None), ("(5)", None, None), ("21.5 K", None, None), ("5 k°C", None, None), ("", None, None),
        ("-", None, None), (".", None, None), ("true", None, None), ("5\n6", None, None), ("1 234'567", None, None),
    ],
)  # fmt: skip
def test_a_text_is_worth_what_its_writer_meant_under_each_decimal_sign(
    text: str, point: float | None, comma: float | None
) -> None:
    assert readings(text, "°C") == (point, comma)


def test_what_is_one_number_is_read_without_a_known_sign_and_what_could_be_two_is_refused_by_name() -> None:
    found = read_numbers(["21.5", "21,5", "7", "1.234", "1 234", "n/a", "inf", "5\n6"], decimal=None)
    assert dict(zip(found.rows.tolist(), found.values.tolist(), strict=True)) == {0: 21.5, 1: 21.5, 2: 7, 4: 1234}
    assert found.invalid == {
        3: Reason.AMBIGUOUS_DECIMAL,
        5: Reason.WRONG_TYPE,
        6: Reason.NOT_FINITE,
        7: Reason.WRONG_TYPE,
    }


def test_a_known_sign_decides_and_its_contradiction_is_refused_unless_it_is_wanted() -> None:
    found = read_numbers(["1.234", "21,5", "1,234"], decimal=".")
    assert (found.values.tolist(), found.invalid) == ([1.234, 1234.0], {1: Reason.AMBIGUOUS_DECIMAL})
    assert read_numbers(["1.234", "21,5"], decimal=".", is_other_read=True).values.tolist() == [1.234, 21.5]


def test_a_sign_of_each_text_decides_for_it_alone() -> None:
    found = read_numbers(["1.234", "1.234", "1.234", "7"], decimal=[".", ",", None, None])
    assert (found.values.tolist(), found.invalid) == ([1.234, 1234.0, 7.0], {2: Reason.AMBIGUOUS_DECIMAL})


def test_a_sign_is_proven_by_a_text_that_is_a_number_under_no_other() -> None:
    said = {text: readings(text).proves for text in ("7", "1.234", "1 234", "x", "0.123", "1.234.567", "21,5")}
    assert said == {"7": None, "1.234": None, "1 234": None, "x": None, "0.123": ".", "1.234.567": ",", "21,5": ","}


@pytest.mark.parametrize("decimal", [".", ","])
def test_a_number_comes_back_however_its_writer_spells_it_and_at_once_or_one_by_one(decimal: DecimalSign) -> None:
    draw = random.Random(10)
    other = "," if decimal == "." else "."
    for group in ("", other, " ", "\u00a0", "\u202f", "'"):
        values = [round(draw.uniform(-1, 1) * 10 ** draw.randrange(9), draw.randrange(5)) for _ in range(500)]
        signs = {",": group, ".": decimal}
        texts = ["".join(signs.get(sign, sign) for sign in f"{value:,.4f}") for value in values]
        assert read_numbers(texts, decimal=decimal).values.tolist() == values
        assert read_numbers([*texts, "?"], decimal=decimal).values.tolist() == values
        assert all(readings(text).proves in (decimal, None) for text in texts)
        assert all(is_number(text) for text in texts)


@pytest.mark.parametrize(
    "text", ["5 W", "5W", "1,5 kW", "\u22125 °C", "21.5\u00a0°C", "1.234,5 kWh", "7 %", "3 m3", "800 W/m2", "1e3 V"]
)
def test_a_number_with_a_known_unit_behind_it_looks_like_one(text: str) -> None:
    assert looks_like_number(text)


@pytest.mark.parametrize("text", ["5 X", "W", "5 W on", "1.2.3", "1-2 W", "E9", "9 lives", "5 1", "5 text", "x 5 W"])
def test_a_text_that_begins_with_a_digit_is_no_number_for_that(text: str) -> None:
    assert not looks_like_number(text)
