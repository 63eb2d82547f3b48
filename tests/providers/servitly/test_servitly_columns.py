"""Files are read by whole columns: odd ones, drawn at random, mean what they mean read one cell after the other."""

import csv
import io
import random
from collections import defaultdict

import numpy as np
import pytest

from domain.texts import DecimalSign, storable
from providers._numbers import is_absent, looks_like_number, readings
from providers._points import no_number
from providers.servitly.account import AccountConfig
from providers.servitly.normalize import normalize
from providers.servitly.wire import key_of, meaning_of, split_header
from tests.fakes.zips import answer, zipped
from tests.providers.servitly.harness import DAY, MIDNIGHT

ACCOUNT = AccountConfig(tenant="acme")
HEADER = ["TIMESTAMP", "P [W]", "T [°C]", "E [kWh]", "Note", "U [V]"]
ODD = (
    "0", "-0", "-0.0", "+5", "5.", ".5", "007", "1e3", "1E-400", "1e999", "9007199254740993", "18446744073709551617",
    "1.234", "1,234", "1.234,5", "1,234.5", "21,5", "1 234", "1\u00a0234", "\u22125", "'-5.2", " 7", "8\t", "2.5 W",
    "2,5 °C", "-300", "1_0", "0x1F", "\u0661", "NaN", "-inf", "null", "unavailable", "", "---", " --- ", "true", "[1",
    "2]", "{}", "a\0b", "1.20.345", "on",
)  # fmt: skip
Said = dict[tuple[str, str], list[tuple[int | str, str]]]


def _drawn(draw: random.Random) -> list[list[str]]:
    """Rows: columns of plain numbers, of odd ones, and of some of both; some rows are too short or too long."""
    share = {name: draw.choice([0, 0, 0.05, 1]) for name in HEADER[1:]}
    rows = []
    for number in range(draw.choice([1, 7, 300])):
        usual = [f"{draw.random() * 90:.1f}", "12", "-0"]
        cells = [draw.choice(ODD if draw.random() < share[name] else usual) for name in HEADER[1:]]
        rows.append([str(MIDNIGHT + number // 2 * 1_000), *cells, "9"][: draw.choice([6] * 60 + [3, 7])])
    return rows


def _one_by_one(rows: list[list[str]], separator: str, sign: DecimalSign) -> Said:
    found: Said = defaultdict(list)
    for row in rows:
        text = storable(separator.join(row))
        if len(row) != len(HEADER):
            found["rejected", key_of("B1")].append((f"B1: {text}", "malformed_row"))
            continue
        for name, cell in zip(HEADER[1:], row[1:], strict=True):
            kind, said = _meant(name, cell, sign)
            if kind == "rejected":
                found[kind, key_of("B1", name)].append((f"{name} of B1: {text}", said))
            elif kind == "unmapped":
                found[kind, f"B1/{name}"].append((0, ""))
            elif kind:
                found[kind, key_of("B1", name)].append((int(row[0]) * 1_000, said))
    return found


def _meant(name: str, cell: str, sign: DecimalSign) -> tuple[str, str]:
    """One cell: a value, a state, unmapped, or rejected, and as what; an empty text where it says nothing."""
    metric, unit = split_header(name, ACCOUNT)
    meaning, plain = meaning_of(ACCOUNT, metric, unit), cell.strip()
    if plain in {"", "---"} or (is_absent(plain) and (unit or plain == "NaN")):
        return "", ""
    if meaning is None:
        if looks_like_number(plain, unit):
            return "unmapped", ""
        return ("state", repr(cell)) if "\0" not in cell else ("rejected", "not_storable_text")
    read = readings(cell, unit)
    value = read.under(sign)
    if value is None:
        return "rejected", "ambiguous_decimal" if read.is_number else no_number(plain).value
    value = value if meaning[1].factor == 1 and not meaning[1].offset else value * meaning[1].factor + meaning[1].offset
    if meaning[1].quantity.low <= value <= meaning[1].quantity.high:
        return "value", repr(value)
    return "rejected", "out_of_limits" if np.isfinite(value) else "not_finite"


def _by_columns(text: str, account: AccountConfig) -> Said:
    found: Said = defaultdict(list)
    for batch in normalize([answer(zipped([("B1.csv", text)]), DAY)], DAY, account):
        for kind, frame in (("value", batch.measurements), ("state", batch.states)):
            for series, at, value in frame.itertuples(index=False, name=None):
                found[kind, series].append((at.value // 1_000, repr(value)))
        for raw, reason, series in batch.rejected[["raw", "reason", "series"]].itertuples(index=False, name=None):
            found["rejected", series].append((raw, reason))
        for field, count in batch.unmapped.items():
            found["unmapped", field] += [(0, "")] * count
    return found


def _sorted(said: Said) -> Said:
    """Points as they come; what is rejected, and why, in any order."""
    return {key: sorted(entries) if key[0] == "rejected" else entries for key, entries in said.items()}


@pytest.mark.parametrize("seed", range(25))
def test_odd_files_mean_by_columns_what_they_mean_cell_by_cell(seed: int) -> None:
    draw = random.Random(seed)
    rows, separator, is_quoted = _drawn(draw), draw.choice(",;\t"), draw.random() < 0.5
    if not is_quoted:  # then no cell may hold what separates
        rows = [[cell.replace(separator, "") for cell in row] for row in rows]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_NONNUMERIC if is_quoted else csv.QUOTE_MINIMAL).writerows(
        [HEADER, *rows]
    )
    sign: DecimalSign = draw.choice([".", ","])
    expected = _one_by_one(rows, separator, sign)
    found = _by_columns(text.getvalue(), AccountConfig(tenant="acme", decimal=sign))
    assert _sorted(found) == _sorted(expected)
