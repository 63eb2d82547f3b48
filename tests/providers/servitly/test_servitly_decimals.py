"""The decimal sign of a file: proven by all of it before any row counts, said by the source, or not guessed."""

import random
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from domain.errors import ConfigurationError
from domain.measurement import concat
from domain.window import Window
from providers._decimal_sign import DecimalSign
from providers.servitly.account import Account
from providers.servitly.decimal_sign import FileSign, sign_of
from providers.servitly.normalize import normalize_each
from tests.fakes.zips import answer, zipped

T, DAY_MILLIS = 1_748_736_000_000, 86_400_000
DAYS = [Window.of_day(date(2025, 6, day)) for day in range(1, 5)]
SPAN = Window(DAYS[0].start, DAYS[-1].end)
ACCOUNT = Account(tenant="acme")
Said = dict[tuple[str, int], float | str]


def said(
    text: str,
    windows: Sequence[Window] = (SPAN,),
    account: Account = ACCOUNT,
    asked: Window = SPAN,
    method: int = zipfile.ZIP_DEFLATED,
) -> Said:
    """Series and millisecond → value; a rejected row under its own text."""
    found: Said = {}
    for _, batch in normalize_each([answer(zipped([("B1.csv", text)], method=method), asked)], windows, account):
        whole = concat([batch])
        for series, at, value in whole.measurements.itertuples(index=False, name=None):
            found[str(series), int(at.timestamp() * 1000) - T] = value
        for raw, reason in zip(whole.rejected["raw"], whole.rejected["reason"], strict=True):
            found[raw, -1] = reason
    return found


def numbers(found: Said) -> dict[tuple[str, int], float | str]:
    return {key: value for key, value in found.items() if key[1] >= 0}


def test_the_first_day_of_a_file_proves_what_its_second_day_means() -> None:
    text = f"TIMESTAMP;P [W]\n{T};950,5\n{T + 1};1.234,5\n{T + DAY_MILLIS};950\n{T + DAY_MILLIS + 1};1.234\n"
    whole = said(text)
    assert list(whole.values()) == [950.5, 1234.5, 950.0, 1234.0]
    assert said(text, DAYS) == whole


def test_a_proof_at_the_end_of_a_large_file_counts_at_its_beginning_however_it_is_packed() -> None:
    rows = "".join(f"{T + row};1.234;x\n" for row in range(120_000))
    text = f"TIMESTAMP;P [W];Note\n{rows}{T + 3 * DAY_MILLIS};1.234,5;y\n"
    whole = said(text)
    assert len(numbers(whole)) == 120_001
    assert set(whole.values()) == {1234.0, 1234.5}
    assert said(text, DAYS, method=zipfile.ZIP_STORED) == whole


def test_another_column_proves_it_too_and_a_text_proves_nothing() -> None:
    assert said(f"TIMESTAMP;P [W];T [°C]\n{T};1.234;21,5\n")["B1/P [W]", 0] == 1234
    assert "ambiguous_decimal" in said(f"TIMESTAMP;P [W];Version\n{T};1.234;21,5\n").values()


def test_where_columns_prove_both_signs_only_what_is_one_number_is_read() -> None:
    found = said(f"TIMESTAMP;P [W];T [°C];U [V]\n{T};1.234;21,5;230.1\n")
    assert numbers(found) == {("B1/T [°C]", 0): 21.5, ("B1/U [V]", 0): 230.1}
    assert list(found.values()).count("ambiguous_decimal") == 1


@pytest.mark.parametrize(("decimal", "values"), [(None, [950]), (".", [950, 1234, 2985]), (",", [950, 1.234, 2.985])])
def test_thousands_in_groups_alone_are_rejected_until_the_source_says_its_decimal_sign(
    decimal: DecimalSign | None, values: list[float]
) -> None:
    """Java's NumberFormat, .NET's N0 and spreadsheets write 950, 1234 and 2985 like this."""
    text = f'TIMESTAMP,P [W]\n{T},"950"\n{T + 1},"1,234"\n{T + 2},"2,985"\n'
    found = said(text, account=replace(ACCOUNT, decimal=decimal))
    assert list(numbers(found).values()) == values
    assert list(found.values()).count("ambiguous_decimal") == 3 - len(values)


def test_a_number_that_contradicts_the_source_is_rejected_by_name() -> None:
    found = said(f"TIMESTAMP;P [W]\n{T};21,5\n{T + 1};1.234\n", account=replace(ACCOUNT, decimal="."))
    assert sorted(map(str, found.values())) == ["1.234", "ambiguous_decimal"]


def test_a_decimal_sign_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="decimal is ';'"):
        replace(ACCOUNT, decimal=";")  # type: ignore[arg-type]  # as a file says it


def _spelled(draw: random.Random, decimal: str) -> str:
    """A number by one writer, who groups or does not."""
    value = draw.choice([0.001, 1, 100, 5000, 3e6]) * draw.random() * draw.choice([1, 1, 1, -1])
    text = f"{value:{draw.choice([',', ','])}.{draw.choice([0, 0, 1, 3])}f}"
    return text.translate(str.maketrans(",.", ".,")) if decimal == "," else text


def _file(draw: random.Random, separator: str) -> list[str]:
    """Rows over four days: of one writer, or (one file in four) of two."""
    signs = draw.choice([",", "."]), draw.choice([",", "."])
    if draw.random() < 0.75:
        signs = signs[0], signs[0]
    rows: list[str] = []
    for row in range(draw.randrange(1, 9)):
        cells = [_spelled(draw, sign) for sign in signs]
        quoted = [f'"{cell}"' if separator == "," and "," in cell else cell for cell in cells]
        rows.append(separator.join([str(T + row * DAY_MILLIS // 2), *quoted]))
    return rows


def _check_shorter(n_files: int) -> int:
    """How many of the values of all files were read: by one window, by day, and in shorter files, never another one."""
    draw, n_read = random.Random(20261129), 0  # noqa: S311 - to repeat, not a secret
    for _ in range(n_files):
        separator = draw.choice([";", ",", "\t"])
        rows = _file(draw, separator)
        head = separator.join(["TIMESTAMP", "P [W]", "Q [var]"])
        whole = said("\n".join([head, *rows]))
        assert said("\n".join([head, *rows]), DAYS) == whole
        cut = draw.randrange(len(rows) + 1)
        for part in (rows[:cut], rows[cut:]):
            shorter = numbers(said("\n".join([head, *part])))
            assert all(whole.get(key, value) == value for key, value in shorter.items())
        n_read += len(numbers(whole))
    return n_read


def test_shorter_files_of_one_span_never_say_another_value() -> None:
    assert _check_shorter(150) > 700


@pytest.mark.prove
def test_shorter_files_of_one_span_never_say_another_value_in_thousands_of_files() -> None:
    assert _check_shorter(6_000) > 28_000


def test_the_look_at_bytes_misses_no_proof() -> None:
    """What one cell proves, its file proves: whatever stands around the cell."""
    cells: dict[DecimalSign, list[str]] = {
        ".": ["21.5", "0.123", "012.345", "1234.567", "5.", ".5", "-.500", "1,234.5", "1,234.567", "1,234,567",
              "1.234e3", "1 234.567", "1\u00a0234.567", "1\u202f234.567", "1'234.567", "21.500000",
              "\u22120.125", "'0.250", "0.5 W"],
    }  # fmt: skip
    cells[","] = [cell.translate(str.maketrans(",.", ".,")) for cell in cells["."]]
    for sign, texts in cells.items():
        for text in texts:
            for separator in (",", ";", "\t"):
                cell = f'"{text}"' if "," in text and separator == "," else text
                for tail in ("\n", "\r\n", "\r", "", f"{separator}x\n"):
                    more = f"{separator}Note" if "x" in tail else ""
                    file = f"TIMESTAMP{separator}P [W]{more}\n{T}{separator}{cell}{tail}".encode()
                    assert sign_of(partial(list, [file]), ACCOUNT, place="") == FileSign(sign), (text, file)
