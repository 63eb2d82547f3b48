"""The decimal sign of a file: proven by all of it before any row counts, said by the source, or not guessed."""

import itertools
import random
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache, partial

import numpy as np
import pytest

from domain.errors import ConfigurationError
from domain.measurement import concat
from domain.texts import DecimalSign
from domain.window import Window
from providers.servitly.account import AccountConfig
from providers.servitly.decimal_sign import sign_of
from providers.servitly.normalize import normalize_each
from providers.servitly.proofs import possible_signs
from tests.fakes.zips import answer, zipped

T, DAY_MILLIS = 1_748_736_000_000, 86_400_000
DAYS = [Window.of_day(date(2025, 6, day)) for day in range(1, 5)]
SPAN = Window(DAYS[0].start, DAYS[-1].end)
ACCOUNT = AccountConfig(tenant="acme")
Said = dict[tuple[str, int], float | str]


def said(
    text: str,
    windows: Sequence[Window] = (SPAN,),
    account: AccountConfig = ACCOUNT,
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


def test_where_a_row_proves_both_signs_only_what_is_one_number_is_read() -> None:
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


@pytest.mark.parametrize(
    ("separator", "cells", "accepted"),
    [
        (";", ["1.234", "21.5", "2.345", "0.125", "3.456"], [21.5, 2.345, 0.125]),
        (";", ["21.5", "21,5", "7"], [21.5, 21.5, 7.0]),
        (";", ["21.5", "1.234", "21,5"], [21.5, 1234.0, 21.5]),
        (";", ["21,5", "1.234", "21.5"], [21.5, 1234.0, 21.5]),
        (";", ["21,5", "21.5", "1.234", "1.5e3", "2.345"], [21.5, 21.5, 1.234, 1500.0]),
        ("\t", ["1.234", "21.5", "2.345", "0.125", "3.456"], [1.234, 21.5, 2.345, 0.125, 3.456]),
        (",", ["21.5", "1.234", '"21,5"'], [21.5, 1.234, 21.5]),
        (",", ['"21,5"', '"1,234"', '"21,5"', '"2,345"'], [21.5, 1.234, 21.5]),
        (",", ['"1,234"', '"1,234.5"'], [1234.0, 1234.5]),
    ],
)
def test_the_nearest_proofs_decide_and_the_sign_that_is_unusual_beside_a_separator_needs_one_on_each_side(
    separator: str, cells: list[str], accepted: list[float]
) -> None:
    rows = "\n".join(f"{T + row}{separator}{cell}" for row, cell in enumerate(cells))
    found = said(f"TIMESTAMP{separator}P [W]\n{rows}\n")
    assert list(numbers(found).values()) == accepted
    assert list(found.values()).count("ambiguous_decimal") == len(cells) - len(accepted)


def test_a_file_of_two_writers_is_read_by_its_rows_in_every_piece_of_it() -> None:
    note = "x" * 2_000  # so that a few thousand rows make several pieces
    rows = [f"{T + row};{'21.5' if row % 7 == 3 else '1.234'};{note}" for row in range(2_000)]
    rows += [f"{T + row};{'21,5' if row % 7 == 3 else '1.234'};{note}" for row in range(2_000, 4_000)]
    found = numbers(said("\n".join(["TIMESTAMP;P [W];Note", *rows])))
    values = {at: value for (series, at), value in found.items() if series == "B1/P [W]"}
    last, first = max(row for row in range(2_000) if row % 7 == 3), 3
    assert {value for at, value in values.items() if first <= at <= last} == {21.5, 1.234}
    assert {value for at, value in values.items() if at > last} == {21.5, 1234.0}
    assert len(values) == 4_000 - first


TWO_NUMBERS = ("1.234", "1,234", "12.345", "-999,001", "+1.000", "'2.345", "1,234 W")
ONE_NUMBER = ("21.5", "21,5", "0.123", "0,123", "1.234,5", "1,234.5", "1.234.567", "1,234,567", "5.", ",5", "1.5e3",
              "1 234,567", "1'234.567", "1234.567", "\u22120,125", "0,5 W")  # fmt: skip
NO_PROOF = ("7", "950", "1 234", "", "---", "null", "n/a", "1.2.3")


def _anything(draw: random.Random, separator: str) -> list[str]:
    """Rows over four days, of however many writers: whatever cells may hold, and now and then a cell too much."""
    rows: list[str] = []
    kinds = [TWO_NUMBERS, TWO_NUMBERS, draw.choice([NO_PROOF, ONE_NUMBER]), (draw.choice(ONE_NUMBER),)]
    for row in range(draw.randrange(1, 9)):
        cells = [draw.choice(draw.choice(kinds)) for _ in range(2)]
        cells.append(draw.choice(["21,5", "21.5", "on"]))  # a text proves nothing
        quoted = [f'"{cell}"' if separator in cell or draw.random() < 0.1 else cell for cell in cells]
        time = "?" if draw.random() < 0.03 else str(T + row * DAY_MILLIS // 2)
        rows.append(separator.join([time, *quoted, *(["7"] if draw.random() < 0.03 else [])]))
    return rows


def _check_cuts(n_files: int) -> int:
    """How many values of all files could be two numbers and were read: in no piece another one than in the whole."""
    draw, n_read = random.Random(20261129), 0
    for _ in range(n_files):
        separator = draw.choice([";", ",", "\t"])
        rows = _anything(draw, separator)
        cuts = sorted({0, len(rows), *(draw.randrange(len(rows) + 1) for _ in range(3))})
        pieces = [(0, len(rows)), *itertools.combinations(cuts, 2)]
        head = separator.join(["TIMESTAMP", "P [W]", "Q [var]", "Note"])
        files = [(f"{at}.csv", "\n".join([head, *rows[slice(*piece)]])) for at, piece in enumerate(pieces)]
        found = _said_of(files, (SPAN,))
        assert _said_of(files, DAYS) == found, rows
        whole = found["0"]
        for at, piece in enumerate(pieces):
            assert found[str(at)].items() <= whole.items(), (separator, rows, piece)
        n_read += sum(value in {1.234, 1234.0, 12.345, 12345.0} for value in whole.values())
    return n_read


def _said_of(files: Sequence[tuple[str, str]], windows: Sequence[Window]) -> dict[str, dict[tuple[str, int], float]]:
    """Thing → column and instant → value."""
    found: dict[str, dict[tuple[str, int], float]] = {name.removesuffix(".csv"): {} for name, _ in files}
    for _, batch in normalize_each([answer(zipped(files), SPAN)], windows, ACCOUNT):
        for series, at, value in batch.measurements.itertuples(index=False, name=None):
            thing, _, column = str(series).partition("/")
            found[thing][column, at.value] = value
    return found


def test_files_of_any_cells_say_the_same_of_a_cell_however_their_span_is_cut() -> None:
    assert _check_cuts(120) > 70


@pytest.mark.prove
def test_thousands_of_files_of_any_cells_say_the_same_of_a_cell_however_their_span_is_cut() -> None:
    assert _check_cuts(6_000) > 4_000


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_no_row_of_any_short_file_has_two_signs_in_two_pieces_of_it(separator: str) -> None:
    """Every file of up to five rows that prove one sign, the other, both, or none."""
    kinds = {"": "7", ".": "21.5", ",": "21,5", "both": "21,5 21.5", "two": "1.234"}
    cells = {kind: [f'"{cell}"' for cell in (texts.split() * 2)[:2]] for kind, texts in kinds.items()}
    head = separator.join(["TIMESTAMP", "P [W]", "Q [var]"])

    @cache
    def signs(rows: tuple[str, ...]) -> list[DecimalSign | None]:
        lines = [separator.join(["1", *cells[row]]) for row in rows]
        found = sign_of(partial(list, ["\n".join([head, *lines]).encode()]), ACCOUNT, place="")
        sign = found.of(np.arange(len(rows)))
        return sign if isinstance(sign, list) else [sign] * len(rows)

    for rows in itertools.product(kinds, repeat=4):
        whole = signs(rows)
        for first, last in itertools.combinations(range(5), 2):
            for row, sign in enumerate(signs(rows[first:last]), start=first):
                assert rows[row] != "two" or sign in {None, whole[row]}, (rows, first, last)


def _spelled(draw: random.Random, decimal: str) -> str:
    """A number by one writer, who groups."""
    value = draw.choice([0.001, 1, 100, 5000, 3e6]) * draw.random() * draw.choice([1, 1, 1, -1])
    text = f"{value:,.{draw.choice([0, 0, 1, 3])}f}"
    return text.translate(str.maketrans(",.", ".,")) if decimal == "," else text


@pytest.mark.parametrize(("separator", "decimal"), [(";", ","), (",", "."), ("\t", ".")])
def test_a_file_of_one_writer_is_read_to_its_last_cell_if_anything_in_it_proves_his_sign(
    separator: str, decimal: DecimalSign
) -> None:
    draw = random.Random(20261129)
    for _ in range(40):
        cells = [_spelled(draw, decimal) for _ in range(30)]
        proof = draw.randrange(31)
        cells.insert(proof, "0.125" if decimal == "." else "0,125")
        rows = "\n".join(f'{T + row}{separator}"{cell}"' for row, cell in enumerate(cells))
        text = f"TIMESTAMP{separator}P [W]\n{rows}\n"
        assert said(text) == said(text, account=replace(ACCOUNT, decimal=decimal))


def test_the_look_at_bytes_misses_no_proof() -> None:
    """What one cell proves, its file proves: whatever stands around the cell."""
    cells: dict[DecimalSign, list[str]] = {
        ".": ["21.5", "0.123", "012.345", "1234.567", "5.", ".5", "-.500", "1,234.5", "1,234.567", "1,234,567",
              "1.234e3", "1 234.567", "1\u00a0234.567", "1\u202f234.567", "1\u2007234.567", "1'234.567", "21.500000",
              "\u22120.125", "'0.250", "0.5 W"],
    }  # fmt: skip
    cells[","] = [cell.translate(str.maketrans(",.", ".,")) for cell in cells["."]]
    for sign, texts in cells.items():
        for text in texts:
            for separator in (",", ";", "\t"):
                cell = f'"{text}"' if "," in text and separator == "," else text
                for tail in ("\n", "\r\n", "\r", "", f"{separator}x\n"):
                    more = f"{separator}Note" if "x" in tail else ""
                    file = f"TIMESTAMP{separator}P [W]{more}\n{T}{separator}{cell}{tail}"
                    assert sign in possible_signs([file.encode()]), (text, file)
                    beside = f'TIMESTAMP;P [W];Q [W]\n1;"{text}";1.234{tail.replace(separator, ";")}'
                    beside = beside.replace("Q [W]", "Q [W];Note") if "x" in tail else beside
                    found = sign_of(partial(list, [beside.encode()]), ACCOUNT, place="")
                    assert found.of(np.array([0])) == sign, (text, beside)
