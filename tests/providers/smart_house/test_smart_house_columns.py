"""Changes are read by whole columns: odd ones, drawn at random, mean what a table says of each of them alone."""

import io
import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import PayloadUnreadableError
from domain.instants import MICROSECOND
from providers.smart_house import batches, columns
from providers.smart_house.account import AccountConfig
from providers.smart_house.json_file import json_rows
from providers.smart_house.normalize import normalize
from tests.providers.smart_house.harness import DAY, archive, payload, row

ACCOUNT = AccountConfig(homes={"mine": ("sensor.mine",)})
# State → its number; None where it says that there is none; else why it is rejected.
NUMBERS: dict[Any, float | str | None] = {
    "0": 0, "-0": 0, "-0.0": 0, "+5": 5, "5.": 5, ".5": 0.5, "007": 7, "1e3": 1000, "1E-400": 0, " 7": 7, "8\t": 8,
    "9007199254740993": "out_of_limits", "1.234": 1.234, "1,234": "ambiguous_decimal", "1,234.5": 1234.5,
    "1\u00a0234": 1234, "\u22125": -5, "'-5.2": -5.2, "5-": "wrong_type", "0x1F": "wrong_type",
    "[1": "wrong_type", "2]": "wrong_type", "on": "wrong_type", "x" * 500: "wrong_type", "0." + "0" * 450: "wrong_type",
    "a\0b": "not_storable_text", "NaN": None, "Infinity": "not_finite", "1e999": "not_finite", "null": None,
    "unavailable": None, "unknown": None, "": None, None: None, 5: "wrong_type", True: "wrong_type",
}  # fmt: skip
WITH_COMMAS: dict[Any, float | str | None] = {
    "21,5": 21.5, "1.234": "ambiguous_decimal", "1,234": "ambiguous_decimal", "1.234,5": 1234.5, "7": 7, "12.5": 12.5,
}  # fmt: skip
TEXTS: dict[Any, float | str | None] = {"off": "off", "open": "open", "unavailable": None, "unknown": None, "": None}
# What stands for a time → why it is none.
NO_TIMES: dict[Any, str] = {
    None: "no_time", "": "no_time", "soon": "wrong_type", 5: "wrong_type", "2025-06-03T12:00:00": "wrong_type",
    "2025-06-31T12:00:00Z": "implausible_time", "1970-01-01T00:00:00+00:00": "implausible_time",
    "2999-01-01T00:00:00+00:00": "implausible_time", "2025-06-04T00:30:00+00:00": "outside",
}  # fmt: skip
NO_CHANGES: list[Any] = [None, {}, [], 5, "x", [1, 2], {"last_updated": "2025-06-03T12:00:00Z"}]
UNITS = {"W": 1, "kW": 1000, "rpm": None}


class Drawn:
    """Changes of entities, and what they mean.

    Attributes:
        points: Series → instant and value of each, in order.
        rejected: Why, in order.
        unmapped: Field → numbers of it.
        n_absent: Words that say that there is no number.
    """

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._share = self._draw.choice([0, 0.02, 0.5])
        self.points: dict[str, list[tuple[datetime, float | str]]] = defaultdict(list)
        self.rejected: list[str] = []
        self.unmapped: Counter[str] = Counter()
        self.n_absent = 0

    def cell(self, entity: str, said: dict[Any, float | str | None], n_changes: int) -> list[object]:
        return [self._change(entity, said) for _ in range(n_changes)]

    def _change(self, entity: str, said: dict[Any, float | str | None]) -> object:
        if self._draw.random() < self._share / 5:
            self.rejected.append("malformed_row")
            return self._draw.choice(NO_CHANGES)
        is_text, unit = said is TEXTS, self._draw.choice(list(UNITS))
        state = self._draw.choice(list(said)) if is_text or self._draw.random() < self._share else "21.5"
        meaning = said.get(state, 21.5)
        at = DAY.start + self._draw.randrange(86_400_000_000) * MICROSECOND
        attributes = f"{{unit_of_measurement={unit}, n={self._draw.randrange(3)}}}"
        changed: dict[str, object] = {"last_updated": self._time(at), "state": state, "attributes": attributes}
        if is_text:
            changed["attributes"] = self._draw.choice(["{friendly_name=X}", None, {}])
        elif self._draw.random() < self._share:
            changed["attributes"] = {"unit_of_measurement": unit, "friendly_name": "X"}
        if self._draw.random() < self._share:
            changed["last_updated"] = self._draw.choice(list(NO_TIMES))
            self.rejected.append(NO_TIMES[changed["last_updated"]])
        elif is_text and isinstance(meaning, str):
            self.points[f"mine/{entity}"].append((at, meaning))
        elif meaning is None:
            self.n_absent += 1
        else:
            self._number(entity, unit, at, meaning)
        return changed

    def _number(self, entity: str, unit: str, at: datetime, meaning: float | str) -> None:
        factor = UNITS[unit]
        # Where nobody knows the unit, nobody knows what is too large, nor where two numbers differ.
        if factor is None and meaning not in {"wrong_type", "not_storable_text"}:
            is_other = meaning == "not_finite"
            self.unmapped[f"mine/{entity} [{unit}]"] += not is_other
            self.rejected += ["not_finite"] * is_other
        elif isinstance(meaning, str):
            self.rejected.append(meaning)
        else:
            self.points[f"mine/{entity}/power/{unit}"].append((at, meaning * (factor or 0)))

    def _time(self, at: datetime) -> str:
        local = at + timedelta(hours=1)
        return self._draw.choice(
            [f"{at:%FT%T.%f}+00:00"] * 9
            + [f"{at:%FT%T.%fZ}", f"{local:%FT%T.%f}+01:00", f"{local:%FT%T.%f}.01:00", f"{at:%F %T.%f}+00"]
        )


@pytest.mark.parametrize(("n_together", "n_points"), [(1, 50), (100, 20_000), (5_000, 20_000)])
@pytest.mark.parametrize("seed", range(8))
def test_odd_changes_mean_by_columns_what_each_means_alone(
    seed: int, n_together: int, n_points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_CHANGES", n_together)
    monkeypatch.setattr(batches, "BATCH_POINTS", n_points)
    drawn = Drawn(seed)
    rows = [
        row(
            sensor_mine=drawn.cell("sensor_mine", NUMBERS, 60 * number),
            switch_text=drawn.cell("switch_text", TEXTS, 20),
            sensor_comma=[{**proof, "state": "20,5"}, *drawn.cell("sensor_comma", WITH_COMMAS, 30)],
        )
        for number in range(6)
        for proof in [{"last_updated": "2025-06-02T10:00:00Z", "attributes": "{unit_of_measurement=W}"}]
    ]
    found = list(normalize([payload(archive(rows), received_at=datetime(2025, 7, 1, tzinfo=UTC))], DAY, ACCOUNT))
    points: dict[str, list[tuple[datetime, float | str]]] = defaultdict(list)
    for batch in found:
        for frame in (batch.measurements, batch.states):
            for series, at, value in frame.itertuples(index=False, name=None):
                points[series].append((at.to_pydatetime(), value))
    assert points == drawn.points
    assert max(batch.n_received for batch in found) <= n_points
    assert [reason for batch in found for reason in batch.rejected["reason"]] == drawn.rejected
    assert sum((Counter(batch.unmapped) for batch in found), Counter()) == drawn.unmapped
    assert sum(batch.n_absent for batch in found) == drawn.n_absent


class Dripping(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(self.n_bytes, size) if size and size > 0 else size)

    n_bytes = 1


@pytest.mark.parametrize("n_bytes", [1, 2, 7, 10_000])
def test_rows_are_cut_where_they_end_whatever_their_texts_hold_and_wherever_a_piece_ends(n_bytes: int) -> None:
    draw = random.Random(n_bytes)
    texts = ["".join(draw.choices('ab"\\[]{},: \n°\u2028', k=draw.randrange(12))) for _ in range(300)]
    rows = [{"id": number, text: [{text: [text, None, {}]}], "x": [[], "\\"]} for number, text in enumerate(texts)]
    for spaces in (None, 2):
        file = Dripping(
            b"\xef\xbb\xbf" * (spaces is None) + json.dumps(rows, indent=spaces, ensure_ascii=False).encode()
        )
        file.n_bytes = n_bytes
        assert list(json_rows(file, "test")) == rows


def test_a_bracket_behind_the_list_of_rows_is_refused_where_it_begins_a_piece_too() -> None:
    rows = b'[{"id": 1}]'
    for n_blanks in (0, 3, (1 << 20) - len(rows)):
        with pytest.raises(PayloadUnreadableError, match="no JSON list of rows"):
            list(json_rows(io.BytesIO(rows + b" " * n_blanks + b"["), "test"))
