"""A run that was given up writes nothing that counts, wherever its process lives on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from domain.errors import WarehouseError
from tests.fakes.points import DAY, batch, landed, load, payload, table
from tests.warehouse.test_export_jobs import ORDER, TENANT
from warehouse.connections import Address
from warehouse.export_jobs import DatabaseExportJobs
from warehouse.run_leases import hold
from warehouse.sessions import RUNS_AT_WORK
from warehouse.store import TimescaleWarehouse, open_warehouse

RUN = "a run"


@pytest.fixture
def run(database: str) -> Iterator[str]:
    """A run that this process works on, and has claimed."""
    assert hold(Address.of(database), RUN, "us")
    RUNS_AT_WORK.add(RUN)
    yield RUN
    RUNS_AT_WORK.clear()


def give_up(warehouse: TimescaleWarehouse) -> bool:
    """What the judge does."""
    return warehouse.run_leases.give_up(RUN, warehouse.run_leases.of_runs([RUN]).by_run.get(RUN))


@pytest.mark.usefixtures("run")
def test_a_run_that_was_given_up_loads_no_day_finishes_no_pull_and_orders_no_job(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    load(warehouse, {("a", 1): 1.0})
    newest, pull = landed(warehouse), warehouse.begin_pull("hub", DAY)
    pull.keep(payload(b"older"))
    assert give_up(warehouse)

    with DatabaseExportJobs(database, "fleet", TENANT) as jobs:
        late: list[Callable[[], object]] = [
            lambda: warehouse.load("hub", DAY, newest, [batch({("a", 1): 2.0})]),
            lambda: pull.finish(n_requests=1),
            lambda: jobs.intend(ORDER),
        ]
        for write in late:
            with pytest.raises(
                WarehouseError, match=r"the run a run was given up at .* another run has taken its days"
            ):
                write()
    assert table(warehouse) == {("a", 1): 1.0}
    assert warehouse.payloads("hub", DAY).pull_id == newest.pull_id
    with psycopg.connect(database) as session:
        assert session.execute("SELECT count(*) FROM export_job").fetchall() == [(0,)]


@pytest.mark.usefixtures("run")
def test_who_gives_a_run_up_while_it_commits_a_day_waits_for_the_day(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    seen = warehouse.run_leases.of_runs([RUN]).by_run[RUN]
    with psycopg.connect(database) as session:
        session.execute("SELECT set_config('joulehouse.run_id', %s, false)", [RUN])
        session.execute("UPDATE pull SET finished_at = finished_at WHERE false")  # as its last statement of a day
        judge = Thread(target=warehouse.run_leases.give_up, args=(RUN, seen))
        judge.start()
        judge.join(0.3)
        assert judge.is_alive()
    judge.join(10)
    assert warehouse.run_leases.of_runs([RUN]).by_run[RUN].lost_at is not None


@pytest.mark.usefixtures("run")
def test_a_process_with_two_runs_and_one_with_none_say_no_run_and_are_not_refused(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    assert give_up(warehouse)
    for runs in ({RUN, "another"}, set[str]()):
        RUNS_AT_WORK.clear()
        RUNS_AT_WORK.update(runs)
        with open_warehouse(database, tmp_path / "landing") as fresh:
            load(fresh, {("a", 1): 1.0})
    assert table(warehouse) == {("a", 1): 1.0}
