"""A run's own lease says whether it lives: real processes, ended by real signals, over a real Dagster and warehouse."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
import psycopg
import pytest
import yaml
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.storage.tags import MAX_RETRIES_TAG, RUN_FAILURE_REASON_TAG
from dagster._core.test_utils import create_run_for_test, instance_for_test

from domain.errors import WarehouseUnavailableError
from pipelines.executor import RENEWED_EVERY_SECONDS, leased_executor
from pipelines.local.processes import poll
from pipelines.lost_runs import LOST_WORKERS_TAG, MOST_LOST_WORKERS, Patience, lost_runs_sensor
from resources.settings import PROJECT
from tests.fakes import leased_run
from tests.fakes.days import Opener
from warehouse.connections import Address
from warehouse.run_leases import hold
from warehouse.store import open_warehouse

Status: Final = dg.DagsterRunStatus
AT_ONCE: Final = timedelta()
SHORT: Final = timedelta(seconds=1)


@dataclass
class Dagster:
    """An instance, its warehouse, and the processes that work on runs."""

    instance: dg.DagsterInstance
    url: str
    folder: Path
    opener: Opener
    opened: ExitStack
    cursor: str | None = None
    sleep: Callable[[float], None] = field(default=lambda _: None)

    def run(self, status: dg.DagsterRunStatus = Status.STARTED, tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
        """A run of which no process knows."""
        run: dg.DagsterRun = create_run_for_test(self.instance, job_name="days", status=status, tags=tags)
        return run

    def holds(self, run: dg.DagsterRun, holder: str = "process 1 on a") -> bool:
        return hold(Address.of(self.url), run.run_id, holder)

    def ages(self, seconds: float) -> None:
        """Let every lease be older."""
        with psycopg.connect(self.url) as session:
            session.execute("UPDATE run_lease SET renewed_at = renewed_at - make_interval(secs => %s)", [seconds])

    def look(
        self, renewal: timedelta = SHORT, start: timedelta = SHORT, definitions: dg.Definitions | None = None
    ) -> str:
        """One tick of the sensor, as the daemon does it; what it says."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"warehouse": self.opener},
            repository_def=definitions.get_repository_def() if definitions else None,
        )
        sensor = lost_runs_sensor(Patience(renewal, start, AT_ONCE, self.sleep))
        told = sensor.evaluate_tick(context)
        self.cursor = told.cursor
        return str(told.skip_message)

    def status(self, run: dg.DagsterRun) -> str:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status.name

    def is_restarted(self, run: dg.DagsterRun) -> bool:
        """What the daemon decides of a run that has failed."""
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        reason = RunFailureReason(found.tags[RUN_FAILURE_REASON_TAG])
        return bool(auto_reexecution_should_retry_run(self.instance, found, reason))

    def retry(self, run: dg.DagsterRun, status: dg.DagsterRunStatus = Status.STARTED) -> dg.DagsterRun:
        """The run that the daemon starts for it, with its tags, as Dagster copies them."""
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        kept = {name: value for name, value in found.tags.items() if name in (LOST_WORKERS_TAG, MAX_RETRIES_TAG)}
        root = found.root_run_id or run.run_id
        ids = {"parent_run_id": run.run_id, "root_run_id": root}
        tags = {"dagster/parent_run_id": run.run_id, "dagster/root_run_id": root}
        made: dg.DagsterRun = create_run_for_test(
            self.instance, job_name="days", status=status, tags=kept | tags, **ids
        )
        return made

    def sentences(self, run: dg.DagsterRun) -> str:
        """All that is said in its log."""
        events = [entry.dagster_event for entry in self.instance.all_logs(run.run_id)]
        return " ".join(event.message or "" for event in events if event)

    def launch(self, run: dg.DagsterRun) -> subprocess.Popen[bytes]:
        """A process to which the run is delivered."""
        command = [sys.executable, "-m", "tests.fakes.leased_run", self.instance.root_directory, run.run_id]
        process = subprocess.Popen(command, env=os.environ | self.environment, cwd=PROJECT, stderr=subprocess.PIPE)
        self.opened.enter_context(process)
        self.opened.callback(process.kill)
        return process

    @property
    def environment(self) -> dict[str, str]:
        return {"WAREHOUSE_URL": self.url, "WORK_FOLDER": str(self.folder)}

    @property
    def n_begun(self) -> int:
        """How often the run's step was begun."""
        return len(list(self.folder.glob("begun-*")))

    def let_steps_end(self) -> None:
        (self.folder / "end").touch()


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    for _ in poll(seconds, every=0.05):
        if what():
            return
    pytest.fail("it did not come about")


@pytest.fixture
def dagster(database: str, tmp_path: Path) -> Iterator[Dagster]:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    folder = tmp_path / "work"
    folder.mkdir()
    with (
        instance_for_test(temp_dir=str(tmp_path), overrides=settings) as instance,
        open_warehouse(database, tmp_path / "landing") as warehouse,
        ExitStack() as opened,
    ):
        yield Dagster(instance, database, folder, Opener(warehouse), opened)


def test_a_run_whose_process_was_killed_is_failed_and_started_again_and_one_that_lives_is_left_alone(
    dagster: Dagster,
) -> None:
    killed = leased_run.made_run(dagster.instance)
    process = dagster.launch(killed)
    wait_for(lambda: dagster.n_begun)
    assert dagster.status(killed) == "STARTED"
    dagster.look(renewal=timedelta(seconds=45))
    assert dagster.status(killed) == "STARTED"

    process.send_signal(signal.SIGKILL)
    process.wait()
    dagster.ages(45)
    dagster.look(renewal=timedelta(seconds=45))
    assert dagster.status(killed) == "FAILURE"
    assert dagster.is_restarted(killed)
    assert f"Process {process.pid} on " in dagster.sentences(killed)


def test_a_run_that_another_process_has_begun_is_not_touched_by_the_one_to_which_it_is_delivered_as_well(
    dagster: Dagster,
) -> None:
    run = leased_run.made_run(dagster.instance)
    assert dagster.holds(run)
    process = dagster.launch(run)
    _, said = process.communicate(timeout=60)
    assert b"does nothing" in said
    assert (process.returncode, dagster.n_begun) == (0, 0)
    assert dagster.status(run) == "STARTED"


def test_a_process_that_was_paused_until_its_run_was_given_up_ends_and_the_run_stays_failed(dagster: Dagster) -> None:
    run = leased_run.made_run(dagster.instance)
    process = dagster.launch(run)
    wait_for(lambda: dagster.n_begun)
    process.send_signal(signal.SIGSTOP)
    dagster.ages(45)
    dagster.look(renewal=timedelta(seconds=45))
    assert dagster.status(run) == "FAILURE"
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert b"was given up while this process paused" in said
    assert not (dagster.folder / "done").exists()
    assert dagster.status(run) == "FAILURE"


def test_a_run_whose_steps_are_done_just_after_it_was_given_up_stays_failed(
    dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in dagster.environment.items():
        monkeypatch.setenv(name, value)
    run = leased_run.made_run(dagster.instance)

    def give_up() -> None:
        wait_for(lambda: dagster.n_begun)
        dagster.ages(45)
        dagster.look(renewal=timedelta(seconds=45))
        dagster.let_steps_end()

    with ThreadPoolExecutor() as beside:
        given_up = beside.submit(give_up)
        leased_run.execute(run.run_id, dagster.instance)
        given_up.result()
    assert (dagster.folder / "done").exists()
    assert dagster.status(run) == "FAILURE"


def test_a_run_that_nobody_begins_is_failed_in_the_end_and_started_again_each_time_with_more_patience(
    dagster: Dagster,
) -> None:
    waiting = dagster.run(Status.STARTING)
    dagster.look(start=timedelta(seconds=100))
    assert dagster.status(waiting) == "STARTING"
    dagster.cursor = aged(dagster.cursor, 100)
    dagster.look(start=timedelta(seconds=100))
    assert dagster.status(waiting) == "FAILURE"
    assert dagster.is_restarted(waiting)
    assert "Nobody has begun this run" in dagster.sentences(waiting)
    assert not dagster.holds(waiting), "whoever comes late to it starts nothing"

    again = dagster.run(Status.STARTING, {"joulehouse/lost_starts": "1"})
    dagster.look(start=timedelta(seconds=100))
    dagster.cursor = aged(dagster.cursor, 150)
    dagster.look(start=timedelta(seconds=100))
    assert dagster.status(again) == "STARTING"
    dagster.cursor = aged(dagster.cursor, 50)
    dagster.look(start=timedelta(seconds=100))
    assert dagster.status(again) == "FAILURE"


def aged(cursor: str | None, seconds: float) -> str:
    """The cursor, as if it had been written so long before."""
    noted: dict[str, str] = json.loads(cursor or "{}")
    moved = timedelta(seconds=seconds)
    return json.dumps({run: (datetime.fromisoformat(at) - moved).isoformat() for run, at in noted.items()})


def test_a_run_that_died_before_it_had_a_lease_is_lost_too_and_one_that_was_being_cancelled_is_cancelled(
    dagster: Dagster,
) -> None:
    died, cancelling = dagster.run(), dagster.run(Status.CANCELING)
    dagster.look()
    dagster.cursor = aged(dagster.cursor, 1)
    dagster.look()
    assert [dagster.status(run) for run in (died, cancelling)] == ["FAILURE", "CANCELED"]


def test_an_outage_of_the_database_makes_nobody_lost(dagster: Dagster) -> None:
    healthy, dead = dagster.run(), dagster.run()
    assert dagster.holds(healthy)
    assert dagster.holds(dead)
    unbegun = dagster.run(Status.STARTING)
    dagster.look()
    dagster.ages(600)  # nobody could renew anything
    dagster.cursor = aged(dagster.cursor, 600)  # nor begin
    dagster.opener.away = WarehouseUnavailableError("no answer", place="localhost", fix="wait")
    assert "Nobody is judged" in dagster.look()
    dagster.opener.away = None
    dagster.sleep = lambda _: assert_true(dagster.holds(healthy))  # the database is back, and so is who lives
    dagster.look()
    assert [dagster.status(run) for run in (healthy, dead, unbegun)] == ["STARTED", "FAILURE", "STARTING"]


def test_an_outage_while_the_overdue_are_watched_makes_nobody_lost(
    dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, dead = dagster.run(), dagster.run()
    assert dagster.holds(healthy)
    assert dagster.holds(dead)
    dagster.ages(60)
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.lost_runs._MOST_LATE", timedelta(seconds=0.2))
        dagster.sleep = lambda _: time.sleep(0.5)  # as long as it takes until somebody answers again
        assert "Nobody is judged" in dagster.look()
    assert [dagster.status(run) for run in (healthy, dead)] == ["STARTED", "STARTED"]
    dagster.sleep = lambda _: assert_true(dagster.holds(healthy))
    dagster.look()
    assert [dagster.status(run) for run in (healthy, dead)] == ["STARTED", "FAILURE"]


def test_what_is_lost_is_started_again_within_two_minutes_and_what_nobody_begins_within_four() -> None:
    """As it ships; that it is so is proved by `test_workers_proof.py` and `test_lost_runs_proof.py`."""
    patience, look = Patience(), timedelta(seconds=lost_runs_sensor().minimum_interval_seconds or 0)
    restart = timedelta(
        seconds=30
    )  # the daemon's looks for what failed and for what is queued, and a process that comes
    assert patience.renewal + look + patience.proof + restart <= timedelta(minutes=2)
    assert patience.start + look + patience.proof + restart <= timedelta(minutes=4)


def test_who_is_watched_has_time_for_a_renewal_where_the_clock_was_set_forward() -> None:
    assert Patience().proof >= timedelta(seconds=RENEWED_EVERY_SECONDS) * 1.2


def assert_true(what: object) -> None:
    assert what


def test_lost_workers_use_up_no_retry_and_what_ends_its_worker_each_time_ends_by_name(dagster: Dagster) -> None:
    def lose(run: dg.DagsterRun) -> bool:
        assert dagster.holds(run)
        dagster.ages(60)
        dagster.look()
        assert dagster.status(run) == "FAILURE"
        return dagster.is_restarted(run)

    run = dagster.run()
    for _ in range(dagster.instance.run_retries_max_retries + 2):
        assert lose(run)
        run = dagster.retry(run)
    dagster.instance.add_run_tags(run.run_id, {LOST_WORKERS_TAG: str(MOST_LOST_WORKERS - 1)})
    assert lose(run)
    run = dagster.retry(run)
    assert not lose(run)
    assert "11 processes were lost at it" in dagster.sentences(run)


def test_whoever_wants_no_retry_gets_none(dagster: Dagster) -> None:
    run = dagster.run(tags={MAX_RETRIES_TAG: "0"})
    assert dagster.holds(run)
    dagster.ages(60)
    dagster.look()
    assert dagster.status(run) == "FAILURE"
    assert not dagster.is_restarted(run)


def test_a_lost_run_holds_no_pool(dagster: Dagster) -> None:
    run, storage = dagster.run(), dagster.instance.event_log_storage
    assert dagster.holds(run)
    storage.initialize_concurrency_limit_to_default("roof")
    assert storage.claim_concurrency_slot("roof", run.run_id, "days").is_claimed
    dagster.ages(60)
    dagster.look()
    assert storage.get_concurrency_info("roof").active_slot_count == 0


def test_a_claim_is_one_processs_and_survives_a_lost_answer_and_a_lost_row(dagster: Dagster) -> None:
    run = dagster.run()
    assert [dagster.holds(run, name) for name in ("a", "b", "a")] == [True, False, True]
    with psycopg.connect(dagster.url) as session:
        session.execute("DELETE FROM run_lease")  # as a fail-over to a standby that was behind
    assert dagster.holds(run, "a")
    assert not dagster.holds(run, "b")


def test_a_run_of_a_job_with_an_executor_of_its_own_has_no_lease_and_is_left_to_dagster(dagster: Dagster) -> None:
    @dg.job(name="days")
    def days() -> None: ...

    foreign = dg.Definitions(jobs=[days], executor=dg.multiprocess_executor)
    ours = dg.Definitions(jobs=[days], executor=leased_executor)
    run = dagster.run()
    for definitions, expected in ((foreign, "STARTED"), (dg.Definitions(), "STARTED"), (ours, "FAILURE")):
        dagster.look(definitions=definitions)
        dagster.cursor = aged(dagster.cursor, 1)
        dagster.look(definitions=definitions)
        assert dagster.status(run) == expected


def test_only_the_leases_judge_and_only_the_daemon_restarts() -> None:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    monitoring = settings["run_monitoring"]
    assert monitoring["max_resume_run_attempts"] == 0
    assert monitoring["start_timeout_seconds"] >= timedelta(hours=1).total_seconds()
    assert monitoring["enabled"], "Dagster then ignores a process that comes to a run that is STARTED"


def test_every_job_of_ours_holds_a_lease_and_is_judged() -> None:
    from pipelines.definitions import defs  # noqa: PLC0415  # reads every source

    repository = defs().get_repository_def()
    jobs: Sequence[dg.JobDefinition] = repository.get_all_jobs()
    assert len(jobs) > 1
    assert {job.executor_def for job in jobs} == {leased_executor}
