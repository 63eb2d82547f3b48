"""Runs through a real Redis and a real worker: a process of its own, a Dagster that launches for it, a provider."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
import psutil
import pytest

from pipelines.local.processes import poll
from pipelines.workers.launcher import WorkerLauncher
from sandbox.running import Sandbox, running_sandbox
from tests.fakes.broker import PASSWORD, Broker, Worker, running_broker, running_worker
from tests.fakes.dagster_stack import DagsterStack, clone_of_the_house, running_dagster
from tests.fakes.hub import BOTH, GRID, days, environment, hub
from warehouse.store import TimescaleWarehouse, open_warehouse

# Dagster 1.13.27 calls functions that it has deprecated itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster.*")

DAYS = days(3)


@dataclass
class House:
    sandbox: Sandbox
    dagster: DagsterStack
    warehouse: TimescaleWarehouse
    broker: Broker
    worker: Worker

    def status(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        found = self.dagster.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status

    def log(self, run: dg.DagsterRun) -> str:
        """What the run has said so far."""
        return "\n".join(entry.message for entry in self.dagster.instance.all_logs(run.run_id))

    def pids(self, run: dg.DagsterRun) -> set[int]:
        """The processes that have begun with it."""
        return {int(pid) for pid in re.findall(r"Started process for run \(pid: (\d+)\)", self.log(run))}

    def deliver_again(self, run: dg.DagsterRun) -> None:
        """Have the broker hand out the task of `run` once more."""
        launcher = self.dagster.instance.run_launcher
        assert isinstance(launcher, WorkerLauncher)
        launcher.task_of(run).apply_async(queue=launcher.default_queue)


@pytest.fixture
def house(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    clone = clone_of_the_house(tmp_path / "house", {"north": hub("north")})
    monkeypatch.chdir(clone)
    with running_broker(tmp_path / "redis") as broker, running_sandbox() as sandbox:
        for name, value in {
            **environment(clone, tmp_path, database, sandbox),
            "BROKER_URL": broker.url,
            "BROKER_PASSWORD": PASSWORD,
            "WORKER_PLACES": "2",
        }.items():
            monkeypatch.setenv(name, value)
        with (
            running_dagster(clone, tmp_path / "dagster", "workers") as stack,
            open_warehouse(database, str(tmp_path / "landing")) as warehouse,
            running_worker(tmp_path / "worker", os.environ, places=2) as worker,
        ):
            yield House(sandbox, stack, warehouse, broker, worker)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_run_goes_through_the_broker_to_a_worker_and_a_task_that_is_delivered_twice_starts_nothing(
    house: House,
) -> None:
    stack, asked = house.dagster, partial(house.sandbox.control.requests, "/query")
    [run] = stack.runs_of(stack.backfill(BOTH, DAYS))
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert set(stack.statuses(BOTH[1], DAYS, GRID).values()) == {"MATERIALIZED"}
    [pid] = house.pids(run)
    assert any(not psutil.pid_exists(pid) for _ in poll(60)), "a run's memory goes with it"

    # Delivered once more, at its end and while it is at work, it is begun by nobody else.
    newest, n_asked = house.warehouse.ledger.newest_id(), len(asked())
    house.sandbox.control.export_service.fault("latency", seconds=60)
    at_work = stack.start(BOTH, DAYS[:1])
    assert any(len(asked()) > n_asked for _ in poll(60))
    n_asked = len(asked())
    for one in (run, at_work):
        house.deliver_again(one)
        assert any(f"{one.run_id} was begun by another process" in house.worker.log.read_text() for _ in poll(60))
    assert (house.warehouse.ledger.newest_id(), len(asked())) == (newest, n_asked)
    assert len(house.pids(at_work)) == 1

    # One that is cancelled is interrupted by its worker, and says so itself.
    assert stack.instance.run_launcher.terminate(at_work.run_id)
    assert any(house.status(at_work) == dg.DagsterRunStatus.CANCELED for _ in poll(60))
