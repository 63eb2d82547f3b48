"""Several processes describe the series of one source at once: one row of each, and nothing derived is left behind."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg

from domain.records import Series
from domain.window import Window
from tests.fakes.forked import together
from tests.fakes.points import load
from tests.fakes.registers import wrong_intervals
from tests.fakes.summaries import differences
from tests.warehouse.test_summaries import day, day_of, in_zones
from warehouse.store import open_warehouse

N_SERIES = 2_000  # the statement that adds them takes long enough for another to come in between
N_ROUNDS = 3


def test_two_that_describe_the_same_new_series_at_once_leave_one_row_of_each(database: str, tmp_path: Path) -> None:
    """Whichever comes first adds it, the other finds nothing to say; whatever the order, nobody waits in a circle."""
    series = [Series(f"s{n}", "power", device="d") for n in range(N_SERIES)]

    def describe(*, reverse: bool) -> list[int]:
        with open_warehouse(database, tmp_path) as warehouse:
            said = series[::-1] if reverse else series
            return [warehouse.catalogue(f"hub{n}", said) for n in range(N_ROUNDS)]

    counts = together([partial(describe, reverse=reverse) for reverse in (False, True)])

    assert [sum(both) for both in zip(*counts, strict=True)] == [N_SERIES] * N_ROUNDS
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT source, count(*), count(DISTINCT key) FROM series GROUP BY 1").fetchall()
    assert sorted(rows) == [(f"hub{n}", N_SERIES, N_SERIES) for n in range(N_ROUNDS)]


def test_series_that_are_described_while_loads_meet_them_for_the_first_time_are_one_row_of_each(
    database: str, tmp_path: Path
) -> None:
    keys = [f"s{n}" for n in range(N_SERIES)]

    def describe(site: str) -> int:
        with open_warehouse(database, tmp_path) as warehouse:
            said = [Series(key, "power", device=key, site=site) for key in keys]
            return sum(warehouse.catalogue(f"hub{n}", said) for n in range(N_ROUNDS))

    def meet(window: Window) -> int:
        with open_warehouse(database, tmp_path) as warehouse:
            said = {(key, 0): 1.0 for key in keys[::-1]}
            return sum(load(warehouse, said, f"hub{n}", window).n_inserted for n in range(N_ROUNDS))

    jobs = [partial(describe, "here"), partial(describe, "there"), partial(meet, day(0)), partial(meet, day(1))]
    n_described, n_again, *n_inserted = together(jobs)

    assert n_inserted == [N_SERIES * N_ROUNDS] * 2
    assert N_SERIES * N_ROUNDS <= n_described + n_again <= 3 * N_SERIES * N_ROUNDS
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT source, count(*), count(DISTINCT key), count(DISTINCT site) FROM series GROUP BY 1"
        ).fetchall()
    # One of the two has the last word on all of them, and no load has.
    assert sorted(rows) == [(f"hub{n}", N_SERIES, N_SERIES, 1) for n in range(N_ROUNDS)]


def test_who_describes_what_it_was_while_another_changes_it_leaves_what_is_derived_right(
    database: str, tmp_path: Path
) -> None:
    """The one is rewriting local days and intervals; the other has seen nothing to rewrite, and has the last word."""
    with open_warehouse(database, tmp_path) as warehouse:
        for n in range(2):
            said = {key: value for key, value in day_of(n, n_dense=120).items() if key[0][1] in "14"}
            said |= {("z1-register", 10 * m): 1440.0 * n + 7.0 * m for m in range(144)}
            load(warehouse, in_zones(said, day(n)), window=day(n))
        rows = warehouse.reading.series("hub")
    was = [
        Series(row["key"], row["quantity"], device=row["device"], time_zone=row["time_zone"], provider_unit="kWh")
        for row in rows.to_dict("records")
    ]
    other = [replace(one, time_zone="Asia/Kathmandu", provider_unit="MJ") for one in was]

    def describe(said: list[Series]) -> int:
        with open_warehouse(database, tmp_path) as warehouse:
            return warehouse.catalogue("hub", said)

    for _ in range(3):
        together([partial(describe, other), partial(describe, was)])
        with psycopg.connect(database) as connection:
            connection.execute("SET timezone TO 'UTC'")
            assert differences(connection) == []
            assert wrong_intervals(connection) == []
