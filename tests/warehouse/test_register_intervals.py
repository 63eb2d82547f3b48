"""Register intervals are what a rebuild of everything would say, in whatever order the days are loaded, and by whom."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest

from domain.live import LivePoint
from domain.records import Series
from domain.window import Window
from tests.fakes.forked import together
from tests.fakes.registers import Readings, load_readings, local_days, rebuilt, stored
from warehouse import registers
from warehouse.store import TimescaleWarehouse, open_warehouse
from warehouse.summary_check import recompute

FIRST = date(2026, 3, 20)
QUARTER = timedelta(minutes=15)


def day(number: int, n_days: int = 1) -> Window:
    return Window.of_days(FIRST + timedelta(days=number), FIRST + timedelta(days=number + n_days - 1))


def history(seed: int, n_days: int = 9) -> dict[datetime, float]:
    """A counter's readings with whatever may happen to one: zeros, peaks, resets, jumps, gaps, days without any."""
    chance = random.Random(seed)
    every = chance.choice([timedelta(days=1), timedelta(hours=6), timedelta(minutes=90), timedelta(hours=1), QUARTER])
    value, usual = chance.choice([0.0, 20_000.0, 5e6]), chance.choice([0.0, 50.0, 4_000.0])
    readings: dict[datetime, float] = {}
    at, end = day(0).start, day(n_days - 1).end
    while at < end:
        value += usual * chance.random()
        what = chance.random()
        if what < 0.01:
            value = chance.choice([0.0, value + 2e7, value / 2])
        shown = value
        if 0.01 <= what < 0.03:
            shown = chance.choice([0.0, value + 2e4, max(0.0, value - 500.0)])
        if what < 0.95:
            readings[at] = shown
        at += every if what < 0.98 else every * chance.randrange(1, 60)
    return readings


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, tmp_path / "landing") as opened:
        yield opened


ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Auckland", "Pacific/Apia")


def test_readings_that_somebody_put_into_the_table_become_intervals_when_their_days_are_recomputed(
    database: str, house: TimescaleWarehouse
) -> None:
    load_readings(house, {"box": {day(0).start: 20_000.0}}, day(0))
    shown = [20_110.0, 20_220.0, 0.0, 20_440.0, 20_530.0]
    with psycopg.connect(database, autocommit=True) as connection:
        for number, value in enumerate(shown, 1):
            at = day(0).start + number * QUARTER
            connection.execute("INSERT INTO measurement SELECT series_id, %s, %s FROM series", [at, value])
    assert stored(database) == []

    recompute(database, "house", day(0))

    assert sum(row[3] for row in stored(database)) == 530
    assert stored(database) == rebuilt(database)
    assert recompute(database, "house", day(0)) == 0


@pytest.mark.parametrize("seed", range(6))
def test_days_in_any_order_again_changed_and_removed_say_what_a_rebuild_says(
    database: str, house: TimescaleWarehouse, seed: int
) -> None:
    chance = random.Random(1_000 + seed)
    n_days = 9
    meters = {f"meter {n}": history(seed * 10 + n, n_days) for n in range(6)}
    days = list(range(n_days)) + [chance.randrange(n_days) for _ in range(4)]
    chance.shuffle(days)
    for number in days:
        said: dict[str, Readings] = dict(meters)
        if chance.random() < 0.3:
            # A day that is said otherwise, or not at all; it may be put right by a later load of the same day.
            key = chance.choice(list(meters))
            changed = {at: value + chance.choice([0.0, 7.0, -3e4]) for at, value in meters[key].items()}
            said[key] = {} if chance.random() < 0.5 else changed
        load_readings(house, said, day(number), time_zone=ZONES[seed])
        assert stored(database) == rebuilt(database), f"after day {number}"
        written, added_up = local_days(database)
        assert written == added_up, f"after day {number}"
    for number in range(0, n_days, 2):
        load_readings(house, meters, day(number, min(2, n_days - number)), time_zone=ZONES[seed])
    assert stored(database) == rebuilt(database)
    written, added_up = local_days(database)
    assert written == added_up != []


@pytest.mark.parametrize(
    ("first", "length", "shown"), [(65, 30, "zeros"), (145, 15, "a peak"), (77, 17, "an old value")]
)
def test_a_first_load_beside_days_that_just_make_up_a_hop_knows_of_a_glitch_beyond_them(
    database: str, house: TimescaleWarehouse, first: int, length: int, shown: str
) -> None:
    """Sixteen readings a day: the intervals that a new day touches reach into the second hop."""
    readings: dict[datetime, float] = {}
    for n in range(224):
        right = 5e6 + 1_000.0 * n + n * 7_919 % 13
        wrong = {"zeros": 0.0, "a peak": right + 5e5, "an old value": 5e6 + 1_000.0 * (first - 3)}[shown]
        readings[day(0).start + n * timedelta(minutes=90)] = wrong if first <= n < first + length else right
    load_readings(house, {"meter": readings}, day(0, 7))
    load_readings(house, {"meter": readings}, day(8, 6))

    load_readings(house, {"meter": readings}, day(7))

    assert stored(database) == rebuilt(database)


def test_a_register_that_gets_another_zone_gets_other_local_days(database: str, house: TimescaleWarehouse) -> None:
    meters = {"meter": {day(0).start + n * QUARTER: 5e6 + 100.0 * n for n in range(20 * 96)}}
    for number in range(0, 20, 4):
        load_readings(house, meters, day(number, 4))
    before = local_days(database)

    house.catalogue(
        "house",
        [Series("meter", "energy_register", device="meter", provider_unit="kWh", time_zone="Europe/Berlin")],
    )

    written, added_up = local_days(database)
    assert written == added_up
    assert (written, added_up) != before
    # 2026-03-29 has 23 hours in Berlin.
    assert [amount for _, local, amount, *_ in written if local == date(2026, 3, 29)] == [9_200]


def test_the_view_says_what_the_table_holds_in_the_unit_of_the_series(database: str, house: TimescaleWarehouse) -> None:
    load_readings(house, {"meter": {day(0).start + n * QUARTER: 5e6 + 100.0 * n for n in range(96)}}, day(0))

    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT sum(amount), min(unit), min(flag), count(*) FROM register_energy").fetchall()
    assert rows == [(9_500.0, "Wh", "measured", 95)]


def test_a_register_that_is_loaded_again_unchanged_writes_no_interval(database: str, house: TimescaleWarehouse) -> None:
    meters = {"meter": {day(0).start + n * QUARTER: 5e6 + 100.0 * n for n in range(192)}}
    for number in (0, 1):
        load_readings(house, meters, day(number))
    query = "SELECT xmin::text, ctid::text FROM register_interval ORDER BY series_id, ended_at"
    with psycopg.connect(database, autocommit=True) as connection:
        before = connection.execute(query).fetchall()
        for number in (1, 0):
            assert load_readings(house, meters, day(number)).n_written == 0
        assert connection.execute(query).fetchall() == before


def test_two_days_loaded_at_once_are_as_if_one_had_come_after_the_other(database: str, tmp_path: Path) -> None:
    _race(database, tmp_path, n_rounds=25)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_five_hundred_races_of_neighbouring_days_are_as_if_one_had_come_after_the_other(
    database: str, tmp_path: Path
) -> None:
    _race(database, tmp_path, n_rounds=500)


def _race(database: str, tmp_path: Path, n_rounds: int) -> None:
    """Two processes, one for each of two neighbouring days, round after round: each time both say something new."""
    rounds = [{"meter": history(seed, 4)} for seed in range(n_rounds)]

    start = get_context("fork").Barrier(2)

    def load_all(number: int) -> None:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            for n, meters in enumerate(rounds):
                start.wait(timeout=20)
                try:
                    load_readings(warehouse, meters, day(number), f"house-{n}")
                except BaseException:
                    start.abort()
                    raise

    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for n, meters in enumerate(rounds):
            for number in (0, 3):
                load_readings(warehouse, meters, day(number), f"house-{n}")

    together([partial(load_all, 1), partial(load_all, 2)])

    for n in range(n_rounds):
        assert stored(database, f"house-{n}") == rebuilt(database, f"house-{n}"), f"round {n}"


def test_without_the_lock_of_registers_the_race_is_lost(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tooth: the same race with the lock taken out."""
    monkeypatch.setattr(registers, "_lock", lambda *_: None)

    with pytest.raises((AssertionError, RuntimeError)):
        _race(database, tmp_path, n_rounds=25)


def test_a_live_stream_beside_a_load_leaves_what_a_rebuild_says(database: str, tmp_path: Path) -> None:
    readings = {day(0).start + n * QUARTER: 5e6 + 40.0 * n for n in range(4 * 96)}
    readings[day(1).start + 40 * QUARTER] = 0.0
    series = Series("meter", "energy_register", device="meter", provider_unit="kWh")

    def stream() -> None:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            for at, value in readings.items():
                if at >= day(2).start:
                    warehouse.live.put("house", [LivePoint(series, at.astimezone(UTC), value)])

    def load_two() -> None:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            for _ in range(8):
                for number in (1, 0):
                    load_readings(warehouse, {"meter": readings}, day(number))
                    load_readings(warehouse, {"meter": {}}, day(number))
            for number in (1, 0):
                load_readings(warehouse, {"meter": readings}, day(number))

    together([stream, load_two])

    assert stored(database) == rebuilt(database)
    assert len(stored(database)) == 4 * 96 - 2


def test_a_register_that_is_described_in_another_unit_is_judged_in_it(database: str, house: TimescaleWarehouse) -> None:
    """It rolls over at a power of ten of kilowatt hours, and was said to count megajoules."""
    readings = {day(0).start + n * QUARTER: (99_000_000.0 + 20_000 * n) % 100_000_000 for n in range(192)}
    for number in (0, 1):
        load_readings(house, {"meter": readings}, day(number), provider_unit="MJ")
    before = stored(database)

    house.catalogue("house", [Series("meter", "energy_register", device="meter", provider_unit="kWh")])

    assert stored(database) == rebuilt(database)
    assert next(row for row in stored(database) if row not in before)[-1] == "rollover"


def test_a_loader_writes_no_intervals_of_what_is_no_register(database: str, house: TimescaleWarehouse) -> None:
    load_readings(house, {"meter": {day(0).start: 1.0}}, day(0), quantity="power", provider_unit="W")

    assert stored(database) == []
