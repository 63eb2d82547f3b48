"""Sites that are proven to be absent: their points go and are recorded, and everything else is guarded as ever."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.errors import NormalizationError, ShrinkRefusedError
from domain.measurement import Normalized
from domain.records import LoadReport
from tests.fakes.forked import ended, fork, replace_in_child
from tests.fakes.points import DAY, Said, batch, landed, load, table
from warehouse.store import TimescaleWarehouse, open_warehouse

MINE: Said = {("mine", minute): 1.0 for minute in range(6)}
YOURS: Said = {("yours", minute): 2.0 for minute in range(10)} | {("your state", 0): "on"}
SITE_OF = {"mine": "m", "yours": "y", "your state": "y"}


def at_sites(said: Said, *absent: str) -> Normalized:
    """Points of series that stand at sites, and the sites that are proven to be absent."""
    made = batch(said)
    series = tuple(replace(one, site=SITE_OF[one.key]) for one in made.series)
    return replace(made, series=series, absent_sites=frozenset(absent))


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    """Six points of one site and eleven of another are loaded."""
    with open_warehouse(database, tmp_path / "landing") as opened:
        load(opened, at_sites({**MINE, **YOURS}))
        yield opened


def _accounts(report: LoadReport) -> bool:
    known = (report.n_inserted, report.n_changed, report.n_unchanged, report.n_rejected, report.n_duplicate)
    return report.n_received == sum(known)


def test_the_points_of_an_absent_site_go_and_every_one_is_recorded(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, at_sites(MINE, "y"))

    assert (report.n_removed, report.n_unchanged, report.withdrawn) == (11, 6, ["y"])
    assert _accounts(report)
    assert table(warehouse) == MINE
    revisions = warehouse.reading.revisions("hub", DAY)
    assert set(revisions["change"]) == {"removed"}
    assert set(revisions["load_id"]) == {report.load_id}
    assert sorted(revisions["value"].dropna()) == [2.0] * 10
    assert revisions["text_value"].dropna().tolist() == ["on"]
    entry = warehouse.ledger.entries("hub", DAY)[-1]
    assert (entry.status, entry.withdrawn, entry.n_removed, entry.is_correction) == ("committed", ["y"], 11, False)


def test_a_site_that_vanishes_without_proof_still_trips_the_guard(warehouse: TimescaleWarehouse) -> None:
    with pytest.raises(ShrinkRefusedError, match="6 points would replace 17, of which 11 would vanish"):
        load(warehouse, at_sites(MINE))

    assert table(warehouse) == {**MINE, **YOURS}
    assert warehouse.ledger.entries("hub", DAY)[-1].withdrawn == []


def test_the_proof_is_of_that_site_and_of_no_other(warehouse: TimescaleWarehouse) -> None:
    with pytest.raises(ShrinkRefusedError):
        load(warehouse, at_sites(MINE, "somewhere else"))
    assert table(warehouse) == {**MINE, **YOURS}


@pytest.mark.parametrize(("n_kept", "is_refused"), [(5, False), (4, True), (0, True)])
def test_an_absent_site_excuses_no_loss_of_another_one(
    warehouse: TimescaleWarehouse, n_kept: int, *, is_refused: bool
) -> None:
    kept = dict(list(MINE.items())[:n_kept])
    if is_refused:
        with pytest.raises(ShrinkRefusedError, match=f"would replace 6, of which {6 - n_kept} would vanish"):
            load(warehouse, at_sites(kept, "y"))
        assert table(warehouse) == {**MINE, **YOURS}
    else:
        assert load(warehouse, at_sites(kept, "y")).n_removed == 12


def test_a_site_that_was_never_there_is_called_deleted_upstream_by_nobody(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, at_sites({**MINE, **YOURS}, "offline for weeks"))

    assert (report.n_written, report.withdrawn) == (0, [])


def test_the_same_load_again_deletes_nothing_more(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, at_sites(MINE, "y"))
    again = load(warehouse, at_sites(MINE, "y"))

    assert (again.n_written, again.withdrawn) == (0, [])


def test_a_site_that_comes_back_is_there_again(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, at_sites(MINE, "y"))
    report = load(warehouse, at_sites({**MINE, **YOURS}))

    assert (report.n_inserted, table(warehouse)) == (11, {**MINE, **YOURS})


def test_another_sources_site_of_the_same_name_is_left_alone(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, at_sites(YOURS), source="other")
    load(warehouse, at_sites(MINE, "y"))

    assert table(warehouse, "other") == YOURS


def test_a_site_that_has_points_and_is_said_to_be_absent_is_our_bug(warehouse: TimescaleWarehouse) -> None:
    pull = landed(warehouse)
    with pytest.raises(NormalizationError, match="the site 'm' has points, and is said to be absent"):
        warehouse.load("hub", DAY, pull, [at_sites(MINE), at_sites({}, "m", "y")])
    with pytest.raises(NormalizationError, match="without a name"):
        load(warehouse, at_sites(MINE, ""))

    assert table(warehouse) == {**MINE, **YOURS}


def test_a_loader_killed_while_it_removes_a_deleted_site_leaves_all_or_nothing(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    wait = psycopg.Connection.wait
    n_steps, outcomes = 0, []
    while True:
        load(warehouse, at_sites({**MINE, **YOURS}))

        def child(fatal: int = n_steps + 1) -> None:
            left = [fatal]

            def counted(*arguments: Any, **named: Any) -> Any:
                result = wait(*arguments, **named)
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), 9)
                return result

            with open_warehouse(database, tmp_path / "landing") as opened:
                pull = landed(opened)
                replace_in_child(psycopg.Connection, "wait", counted)
                opened.load("hub", DAY, pull, [at_sites(MINE, "y")])

        status = ended(fork(child))
        _settle(database)
        found = table(warehouse)
        assert found in (MINE, {**MINE, **YOURS})
        removed = len(warehouse.reading.revisions("hub", DAY))
        removals = [one for one in warehouse.ledger.entries("hub", DAY) if one.withdrawn]
        assert removed == sum(one.n_removed for one in removals)
        if status == 0:
            break
        n_steps += 1
        outcomes.append(found == MINE)
    assert n_steps >= 10
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}


def _settle(database: str) -> None:
    """Wait until the dead child's session has ended its transaction."""
    with psycopg.connect(database) as connection:
        key = f"joulehouse load hub {DAY.day.isoformat()}"
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
