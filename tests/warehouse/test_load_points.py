"""What a load does to the table, the revisions and the ledger."""

from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from domain.records import Series
from domain.window import Window
from tests.fakes.points import DAY, Said, at, batch, landed, load, table
from warehouse.store import TimescaleWarehouse

FIRST: Said = {("a/p", 0): 1.0, ("a/p", 1): 2.0, ("b/p", 0): 3.0, ("b/p", 1439): -0.5, ("a/mode", 5): "on"}


def test_a_first_load_inserts_every_point(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, FIRST)

    assert (report.n_received, report.n_inserted, report.n_points, report.n_series) == (5, 5, 5, 3)
    assert table(warehouse) == FIRST


def test_a_repeated_load_writes_no_row(warehouse: TimescaleWarehouse, database: str) -> None:
    load(warehouse, FIRST)
    before = _row_versions(database)

    report = load(warehouse, FIRST)

    assert (report.n_written, report.n_unchanged) == (0, 5)
    assert _row_versions(database) == before


def test_one_changed_and_one_vanished_point_are_both_in_the_revisions(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, FIRST)
    second = {key: value for key, value in FIRST.items() if key != ("b/p", 1439)} | {("a/p", 1): 2.5}

    report = load(warehouse, second)

    assert (report.n_changed, report.n_removed, report.n_inserted, report.n_unchanged) == (1, 1, 0, 3)
    assert table(warehouse) == second
    revisions = warehouse.reading.revisions("hub", DAY)
    assert [tuple(row) for row in revisions[["series", "measured_at", "value", "change", "load_id"]].to_numpy()] == [
        ("b/p", at(1439), -0.5, "removed", report.load_id),
        ("a/p", at(1), 2.0, "changed", report.load_id),
    ]


def test_a_point_that_appears_late_is_inserted_beside_the_others(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, FIRST)

    report = load(warehouse, {**FIRST, ("a/p", 2): 9.0, ("c/p", 0): 4.0})

    assert (report.n_inserted, report.n_unchanged, report.n_written) == (2, 5, 2)
    assert warehouse.reading.revisions("hub", DAY).empty


def test_states_are_compared_revised_and_removed_like_numbers(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, {("m", minute): "on" for minute in range(10)})
    second = {("m", minute): "on" for minute in range(9)} | {("m", 3): "off — später", ("m", 20): ""}

    report = load(warehouse, second)

    assert (report.n_changed, report.n_removed, report.n_inserted, report.n_unchanged) == (1, 1, 1, 8)
    assert table(warehouse) == second
    assert sorted(warehouse.reading.revisions("hub", DAY)["text_value"]) == ["on", "on"]


def test_a_series_that_falls_silent_is_removed_with_its_name_kept(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, {("a", minute): 1.0 for minute in range(20)} | {("b", 0): 1.0})

    report = load(warehouse, {("a", minute): 1.0 for minute in range(20)})

    assert (report.n_removed, report.n_unchanged) == (1, 20)
    assert list(warehouse.reading.series("hub")["key"]) == ["a", "b"]


def test_other_sources_and_other_days_are_never_touched(warehouse: TimescaleWarehouse) -> None:
    next_day = Window.of_day(date(2026, 3, 30))
    load(warehouse, FIRST, source="other")
    load(warehouse, {("a/p", 0): 7.0}, window=next_day)

    load(warehouse, {("a/p", 0): 8.0})
    load(warehouse, {}, is_correction=True)

    assert table(warehouse) == {}
    assert table(warehouse, "other") == FIRST
    assert table(warehouse, window=next_day) == {("a/p", 0): 7.0}


def test_two_sources_with_one_device_id_stay_apart(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, {("meter/1", 0): 1.0}, source="first")
    load(warehouse, {("meter/1", 0): 2.0}, source="second")

    assert (table(warehouse, "first"), table(warehouse, "second")) == ({("meter/1", 0): 1.0}, {("meter/1", 0): 2.0})


def test_a_window_of_several_days_is_one_load(warehouse: TimescaleWarehouse) -> None:
    week = Window.of_days(date(2026, 3, 25), date(2026, 4, 7))
    said = {("a", day * 1440): float(day) for day in range(14)}

    assert load(warehouse, said, window=week).n_inserted == 14
    assert load(warehouse, said | {("a", 1440): 0.5}, window=week).n_changed == 1
    assert len(warehouse.ledger.days("hub")) == 14


def test_equal_points_are_duplicates_and_one_stays(warehouse: TimescaleWarehouse) -> None:
    rows = [(("a", 0), 1.0), (("a", 0), 1.0), (("a", 0), 1.0), (("b", 0), 2.0)]

    report = load(warehouse, batch(rows, n_duplicates=2))

    assert (report.n_received, report.n_inserted, report.n_duplicate, report.n_rejected) == (6, 2, 4, 0)


def test_contradicting_points_are_all_rejected(warehouse: TimescaleWarehouse) -> None:
    rows: list[tuple[tuple[str, int], float | str]]
    rows = [(("a", 0), 1.0), (("b", 0), 5.0), (("a", 0), 2.0), (("a", 0), 1.0), (("m", 1), "on"), (("m", 1), "off")]

    report = load(warehouse, batch(rows))

    assert table(warehouse) == {("b", 0): 5.0}
    assert (report.n_rejected, report.rejected_by_reason) == (5, {"conflicting_values": 5})
    rejected = warehouse.reading.rejected("hub", DAY)
    assert sorted(rejected["raw"]) == [
        '{"series": "a", "measured_at": "2026-03-29T00:00:00+00:00", "value": 1.0}',
        '{"series": "a", "measured_at": "2026-03-29T00:00:00+00:00", "value": 2.0}',
        '{"series": "m", "measured_at": "2026-03-29T00:01:00+00:00", "value": "off"}',
        '{"series": "m", "measured_at": "2026-03-29T00:01:00+00:00", "value": "on"}',
    ]
    assert rejected["n_rows"].sum() == 5


def test_points_of_many_batches_in_any_order_become_one_partition(warehouse: TimescaleWarehouse) -> None:
    said = {(f"s{i % 7}", 1439 - i): float(i) for i in range(1000)}
    rows = list(said.items())
    batches = [batch(dict(rows[start : start + 90])) for start in range(0, 1000, 90)]

    warehouse.load("hub", DAY, landed(warehouse), batches)
    again = warehouse.load("hub", DAY, landed(warehouse), reversed(batches))

    assert table(warehouse) == said
    assert (again.n_unchanged, again.n_written) == (1000, 0)


def test_rejected_rows_are_kept_with_text_reason_and_payload(warehouse: TimescaleWarehouse) -> None:
    nasty = "x\x00y\ud800" + "z" * 10_000
    rejected = [(nasty, "wrong_type", "ab" * 32), ("{}", "no_time", "cd" * 32), ("{}", "no_time", "cd" * 32)]

    report = load(warehouse, batch(FIRST, rejected=rejected, unmapped={"new\x00field": 4}))

    assert (report.n_received, report.n_rejected, report.n_inserted) == (8, 3, 5)
    assert report.rejected_by_reason == {"wrong_type": 1, "no_time": 2}
    assert report.unmapped == {"new\\x00field": 4}
    kept = warehouse.reading.rejected("hub", DAY).set_index("reason")
    assert str(kept.loc["wrong_type", "raw"]).startswith("x\\x00y\\ud800zzz")
    assert len(str(kept.loc["wrong_type", "raw"])) == 8192
    assert kept["n_rows"].to_dict() == {"no_time": 2, "wrong_type": 1}
    assert set(kept["last_load_id"]) == {report.load_id}


def test_a_rejected_row_seen_again_keeps_its_first_sight(warehouse: TimescaleWarehouse) -> None:
    rejected = [("{}", "no_time", "cd" * 32)]
    first = load(warehouse, batch(FIRST, rejected=rejected))
    second = load(warehouse, batch(FIRST, rejected=rejected))

    kept = warehouse.reading.rejected("hub", DAY)
    assert [(row.first_load_id, row.last_load_id, row.n_rows) for row in kept.itertuples()] == [
        (first.load_id, second.load_id, 1)
    ]


def test_a_state_that_no_text_can_hold_is_rejected_alone(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, {("m", 0): "on", ("m", 1): "a\x00b", ("m", 2): "\udfff"})

    assert table(warehouse) == {("m", 0): "on"}
    assert report.rejected_by_reason == {"not_storable_text": 2}


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE measurement; --",
        "%s %(x)s {} {0}",
        'Robert"); DELETE FROM series; --',
        "$$ $1 \\x00 \\",
        "=cmd|' /C calc'!A0",
        "\r\n\x1b[31mred",
        "ünïcödé 🔌 \u202e",
    ],
)
def test_sql_in_names_is_stored_verbatim(warehouse: TimescaleWarehouse, database: str, text: str) -> None:
    before = _catalogue_hash(database)
    odd = Series(text, "power", device=text, site=text, provider_unit=text, labels={text: text})
    warehouse.catalogue("hub", [odd])

    load(warehouse, {(text, 0): 1.0, (text + "m", 0): text})

    assert table(warehouse) == {(text, 0): 1.0, (text + "m", 0): text}
    row = warehouse.reading.series("hub").set_index("key").loc[text]
    assert (row["device"], row["site"], row["provider_unit"], row["labels"]) == (text, text, text, {text: text})
    assert _catalogue_hash(database) == before


def test_the_ledger_says_what_the_load_did(warehouse: TimescaleWarehouse) -> None:
    pull = landed(warehouse)
    report = warehouse.load("hub", DAY, pull, [batch(FIRST, rejected=[("{}", "no_time", "")], n_duplicates=3)])

    (entry,) = warehouse.ledger.entries("hub", DAY)
    assert (entry.status, entry.reason, entry.pull_id, entry.payload_sha256s) == (
        "committed",
        None,
        pull.pull_id,
        list(pull.sha256s),
    )
    assert (entry.n_received, entry.n_inserted, entry.n_rejected, entry.n_duplicate) == (9, 5, 1, 3)
    assert (entry.load_id, entry.proof, entry.window) == (report.load_id, "content-length", DAY)


def test_microseconds_and_both_ends_of_the_window_survive(warehouse: TimescaleWarehouse) -> None:
    frame = batch({("a", 0): 1.0, ("a", 1): 2.0})
    frame.measurements["measured_at"] = [DAY.start, DAY.end - timedelta(microseconds=1)]

    warehouse.load("hub", DAY, landed(warehouse), [frame])

    stored = warehouse.reading.measurements("hub", DAY)
    assert list(stored["measured_at"]) == [DAY.start, DAY.end - timedelta(microseconds=1)]


def _row_versions(database: str) -> list[tuple[object, ...]]:
    """Where each row lies and which transaction wrote it: untouched rows keep both."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT series_id, measured_at, ctid::text, xmin::text FROM measurement UNION ALL"
            " SELECT series_id, measured_at, ctid::text, xmin::text FROM state ORDER BY 1, 2"
        ).fetchall()


def _catalogue_hash(database: str) -> object:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT md5(string_agg(format('%s %s', relname, relkind), ',' ORDER BY relname)) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace"
        ).fetchone()


def test_words_for_nothing_are_counted_in_the_ledger_and_are_no_points(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, replace(batch({("a", 0): 1.0}), n_absent=7))
    assert (report.n_received, report.n_points, dict(report.unmapped)) == (1, 1, {"(absent)": 7})
