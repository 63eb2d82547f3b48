"""Values, texts and names that nothing can hold are rejected, each alone.

Every answer is a batch of its own, and its rejected values say where they come from.

A counter that counts both ways is a quantity of its own, which a source declares for the field.
"""

import gc
import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from assets.steps import land, load
from domain.errors import TooManyRejectedError
from domain.measurement import concat
from domain.texts import MAX_TEXT
from providers.export_service.account import AccountConfig, FieldMeaning
from providers.export_service.normalize import normalize
from tests.providers.export_service.harness import (
    ACCOUNT,
    DAY,
    MIDNIGHT,
    NOON,
    PLAIN,
    hub,
    meant,
    measured,
    payload,
    reasons,
    rejected,
)
from warehouse.store import open_warehouse


@pytest.mark.parametrize("value", ["12", "n/a", "", True, [1.0]])
def test_anything_but_a_number_where_a_number_belongs_is_rejected_with_its_document(value: object) -> None:
    rows = [{"timestamp": NOON, "P_kW": value}, {"timestamp": NOON + 1, "P_kW": 1}]
    assert rejected(rows) == [("wrong_type", f'"P_kW" of {json.dumps(rows[0], sort_keys=True)}')]
    assert len(meant(rows).measurements) == 1


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_rejected_alone(text: str) -> None:
    body = f'{{"numResults":1,"result":[{{"timestamp":{NOON},"P_kW":{text},"U_V":1}}]}}'.encode()
    batch = meant(body)
    assert list(batch.rejected["reason"]) == ["not_finite"]
    assert len(batch.measurements) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("f_Hz", -1), ("T_degC", -300), ("P_MW", 1e9), ("P_W", 2**64), ("P_W", -(2**70)), ("soc_pct", 1001)],
)
def test_a_physically_impossible_number_is_rejected(name: str, value: float) -> None:
    assert reasons({name: value}) == ["out_of_limits"]


def test_the_limit_itself_is_possible() -> None:
    assert measured({"T_degC": -273.15, "soc_pct": 1000}) == {"T_degC": -273.15, "soc_pct": 10.0}


def test_an_integer_that_no_double_holds_is_rejected_and_its_neighbour_is_not() -> None:
    account = AccountConfig("hub", fields={"E": FieldMeaning("energy_register", "J")})
    assert reasons({"E": 2**53 + 1}, account) == ["not_finite"]
    assert measured({"E": 2**53 + 2}, account) == {"E": (2**53 + 2) / 3600}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_no_database_holds_is_rejected_and_stays_readable(text: str) -> None:
    ((reason, raw),) = rejected([{"timestamp": NOON, "mode": text}])
    assert reason == "not_storable_text"
    assert "\0" not in raw
    raw.encode()


def test_a_text_as_long_as_a_file_is_rejected() -> None:
    assert reasons({"mode": "x" * (MAX_TEXT + 1)}) == ["malformed_row"]
    assert reasons({"mode": "x" * MAX_TEXT}) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\0_W", "not_storable_text"),
        ("\ud800", "not_storable_text"),
        ("x" * 257, "malformed_row"),
        ("", "malformed_row"),
    ],
)
def test_a_field_whose_name_no_key_can_hold_is_rejected(name: str, reason: str) -> None:
    assert reasons({name: "on", "P_W": 1}) == [reason]


def test_an_empty_answer_is_an_empty_batch() -> None:
    batch = meant([])
    assert batch.n_received == 0
    assert len(batch.rejected) == 0


def test_every_page_is_a_batch_of_its_own() -> None:
    pages = [payload([{"timestamp": NOON + n, "P_W": n}], page=n) for n in (1, 2, 3)]
    batches = list(normalize(iter(pages), DAY, PLAIN))
    assert [len(batch.measurements) for batch in batches] == [1, 1, 1]
    assert len(concat(batches).series) == 1


def test_a_rejected_value_names_the_answer_it_came_in() -> None:
    sent = payload([{"timestamp": NOON, "P_W": "x"}])
    (batch,) = normalize([sent], DAY, PLAIN)
    assert list(batch.rejected["payload"]) == [sent.sha256]


def test_a_rejected_document_of_megabytes_is_kept_in_part() -> None:
    ((_, raw),) = rejected([{"timestamp": NOON, "P_W": "x" * 1_000_000}])
    assert len(raw) < 5_000


def test_a_series_stands_where_the_account_says() -> None:
    (series,) = meant([{"timestamp": NOON, "P_W": 1}], AccountConfig("hub", site="Ingolstadt")).series
    assert series.site == "Ingolstadt"


def test_an_answer_that_has_been_read_waits_for_nobody_who_collects_circles() -> None:
    """A day has hundreds of them: what each leaves behind would be as much memory again as its points."""
    gc.collect()
    gc.disable()
    try:
        for page in range(1, 6):
            rows = [{"timestamp": NOON + n, "P_kW": n, "T_degC": "odd"} for n in range(50)]
            for batch in normalize([payload(rows, page=page)], DAY, PLAIN):
                assert len(batch.rejected) == 50
        # As a text: a few kinds of others say their module by something else.
        left = [one for one in gc.get_objects() if str(type(one).__module__).startswith("providers.export_service")]
        kinds = {type(one).__name__ for one in left}
    finally:
        gc.enable()
    assert not kinds & {"_Page", "Quarantine", "_Rows", "Table"}


NET = replace(ACCOUNT, fields={"net_kWh": FieldMeaning("net_energy_register", "kWh")})
ONE_WAY = replace(ACCOUNT, fields={"net_kWh": FieldMeaning("energy_register", "kWh")})


def documents(start: float) -> list[dict[str, float]]:
    """It runs backwards by 7.15 kWh in a day."""
    return [{"net_kWh": round(start - 0.05 * n, 3), "timestamp": MIDNIGHT + n * 600_000} for n in range(144)]


@pytest.mark.parametrize("start", [467.0, -467.0, 3.0])
def test_what_a_net_counter_falls_by_was_counted_backwards(database: str, tmp_path: Path, start: float) -> None:
    with hub(documents(start), account=NET, page_rows=500) as made, open_warehouse(database, tmp_path) as warehouse:
        land(made.provider, warehouse, "hub", DAY)
        report = load(made.provider, warehouse, "hub", DAY)

    assert (report.n_inserted, report.n_rejected) == (144, 0)
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT sum(amount), array_agg(DISTINCT flag) FROM register_energy").fetchall()
    assert rows == [(pytest.approx(-7_150), ["measured"])]


def test_a_counter_that_stands_below_zero_and_is_declared_as_one_way_is_refused(database: str, tmp_path: Path) -> None:
    with (
        hub(documents(-467.0), account=ONE_WAY, page_rows=500) as made,
        open_warehouse(database, tmp_path) as warehouse,
    ):
        land(made.provider, warehouse, "hub", DAY)
        with pytest.raises(TooManyRejectedError, match="out_of_limits"):
            load(made.provider, warehouse, "hub", DAY)
