"""The ledger of export jobs: told of every step, one place for each tenant over all processes."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from domain.errors import ExportPendingError, WarehouseUnavailableError
from domain.export_jobs import JobState, Order
from domain.window import Window
from tests.fakes.forked import ended, fork, together
from warehouse.export_jobs import DatabaseExportJobs

TENANT = "api.example acme"
JUNE = Window.of_days(date(2026, 6, 1), date(2026, 6, 30))
ORDER = Order("things", JUNE, {"startTimestamp": 1}, "ab" * 32)
OLD = {"fresh_seconds": 3600.0, "settled_seconds": 86_400.0, "kept_seconds": 29 * 86_400.0}


@pytest.fixture
def jobs(database: str) -> Iterator[DatabaseExportJobs]:
    with DatabaseExportJobs(database, "fleet", TENANT) as jobs:
        yield jobs


def completed(jobs: DatabaseExportJobs, order: Order = ORDER) -> int:
    number = jobs.intend(order).number
    jobs.taken(number, f"job-{number}", "PENDING")
    jobs.ended(number, JobState.COMPLETED)
    return number


def test_every_step_of_a_job_is_written_down(jobs: DatabaseExportJobs, observer: psycopg.Connection) -> None:
    number = jobs.intend(ORDER).number
    assert [(job.state, job.provider_job) for job in jobs.alive()] == [(JobState.INTENDED, None)]
    jobs.taken(number, "job-1", "PENDING")
    jobs.seen(number, "PENDING")
    assert [(job.state, job.provider_job, job.provider_state) for job in jobs.alive()] == [
        (JobState.PENDING, "job-1", "PENDING")
    ]
    jobs.ended(number, JobState.COMPLETED)
    jobs.fetched(number, "cd" * 32, 1234)
    jobs.landed(ORDER.sha256)
    row = observer.execute(
        "SELECT source, tenant, part, request, state, provider_job, n_polls, archive_sha256, archive_bytes,"
        " window_start, window_end FROM export_job"
    ).fetchall()
    assert row == [
        ("fleet", TENANT, "things", {"startTimestamp": 1}, "landed", "job-1", 1, "cd" * 32, 1234, JUNE.start, JUNE.end)
    ]


def test_an_intention_is_sent_or_cancelled_and_never_both(jobs: DatabaseExportJobs) -> None:
    sent, cancelled = jobs.intend(ORDER).number, jobs.intend(ORDER).number
    assert jobs.sent(sent)
    assert jobs.cancelled(cancelled)
    assert not jobs.cancelled(sent)
    assert not jobs.sent(cancelled)
    assert not jobs.sent(sent)
    assert [(job.number, job.state) for job in jobs.alive()] == [(sent, JobState.SENT)]


def test_of_two_processes_one_sends_or_one_cancels(database: str) -> None:
    with DatabaseExportJobs(database, "fleet", TENANT) as jobs:
        for _ in range(20):
            number = jobs.intend(ORDER).number
            assert together([partial(_settle, database, number, way) for way in ("sent", "cancelled")]).count(True) == 1


def _settle(database: str, number: int, way: str) -> bool:
    with DatabaseExportJobs(database, "fleet", TENANT) as jobs:
        return bool(getattr(jobs, way)(number))


def test_an_order_is_as_old_as_the_moment_it_was_sent(jobs: DatabaseExportJobs, observer: psycopg.Connection) -> None:
    number = jobs.intend(ORDER).number
    observer.execute("UPDATE export_job SET ordered_at = ordered_at - interval '1 hour', seen_at = ordered_at")
    assert jobs.alive()[0].age_seconds > 3600
    jobs.sent(number)
    assert jobs.alive()[0].age_seconds < 60


def test_an_archive_that_was_not_landed_is_found_again(jobs: DatabaseExportJobs) -> None:
    number = completed(jobs)
    ready = jobs.ready(ORDER.sha256, **OLD)
    assert ready is not None
    assert (ready.number, ready.provider_job) == (number, f"job-{number}")
    assert jobs.ready("ef" * 32, **OLD) is None


def test_an_archive_that_was_landed_is_not_used_again(jobs: DatabaseExportJobs) -> None:
    completed(jobs)
    jobs.landed(ORDER.sha256)
    assert jobs.ready(ORDER.sha256, **OLD) is None


@pytest.mark.parametrize(("days", "is_found"), [(0.01, True), (20, True), (28, True), (30, False)])
def test_the_archive_of_settled_values_is_good_for_its_thirty_days(
    jobs: DatabaseExportJobs, observer: psycopg.Connection, days: float, *, is_found: bool
) -> None:
    completed(jobs)
    observer.execute(
        "UPDATE export_job SET ordered_at = clock_timestamp() - %(age)s, seen_at = clock_timestamp() - %(age)s",
        {"age": timedelta(days=days)},
    )
    assert (jobs.ready(ORDER.sha256, **OLD) is not None) == is_found


@pytest.mark.parametrize(("minutes", "is_found"), [(30, True), (90, False)])
def test_the_archive_of_values_that_may_still_have_moved_is_good_for_an_hour(
    jobs: DatabaseExportJobs, observer: psycopg.Connection, minutes: float, *, is_found: bool
) -> None:
    completed(jobs)
    observer.execute(
        "UPDATE export_job SET ordered_at = clock_timestamp() - %(age)s, window_end = clock_timestamp() - %(age)s,"
        " seen_at = clock_timestamp() - %(age)s",
        {"age": timedelta(minutes=minutes)},
    )
    assert (jobs.ready(ORDER.sha256, **OLD) is not None) == is_found


def test_a_failure_is_remembered_until_a_job_succeeds(jobs: DatabaseExportJobs) -> None:
    assert jobs.unhappy_seconds(ORDER.sha256) is None
    number = jobs.intend(ORDER).number
    jobs.taken(number, "job-1", "PENDING")
    jobs.ended(number, JobState.FAILED, "ERROR no space")
    assert 0 <= (jobs.unhappy_seconds(ORDER.sha256) or -1) < 60
    completed(jobs)
    assert jobs.unhappy_seconds(ORDER.sha256) is None


def test_a_loss_is_remembered_as_a_failure_is_unless_nobody_could_ask_after_the_job(jobs: DatabaseExportJobs) -> None:
    number = jobs.intend(ORDER).number
    jobs.ended(number, JobState.LOST, "the run that ordered it did not live to hear its name")
    assert jobs.unhappy_seconds(ORDER.sha256) is None
    number = jobs.intend(ORDER).number
    jobs.taken(number, "job-1", "PENDING")
    jobs.ended(number, JobState.LOST, "the provider does not know it any longer")
    assert 0 <= (jobs.unhappy_seconds(ORDER.sha256) or -1) < 60


def test_an_archive_that_took_hours_is_as_fresh_as_one_that_took_minutes(
    jobs: DatabaseExportJobs, observer: psycopg.Connection
) -> None:
    number = completed(jobs)
    observer.execute(
        "UPDATE export_job SET ordered_at = clock_timestamp() - interval '3 hours', window_end = clock_timestamp()"
    )
    assert jobs.ready(ORDER.sha256, **OLD) is not None
    observer.execute("UPDATE export_job SET seen_at = clock_timestamp() - interval '2 hours'")
    jobs.fetched(number, "cd" * 32, 1234)  # which makes its values no newer
    assert jobs.ready(ORDER.sha256, **OLD) is None


def test_what_the_provider_says_is_stored_whatever_it_is(jobs: DatabaseExportJobs) -> None:
    number = jobs.intend(ORDER).number
    jobs.taken(number, "job-1", "PEN\0DING")
    jobs.ended(number, JobState.FAILED, "\0\ud800" + "x" * 10_000)


def test_another_tenants_jobs_are_none_of_ours(database: str, jobs: DatabaseExportJobs) -> None:
    completed(jobs)
    jobs.intend(ORDER)
    with DatabaseExportJobs(database, "fleet", "api.example other") as others, others.slot(1):
        assert others.alive() == []
        assert others.ready(ORDER.sha256, **OLD) is None
        with jobs.slot(0.1):
            assert len(jobs.alive()) == 1


def test_the_place_is_one_for_all_sources_of_a_tenant(database: str, jobs: DatabaseExportJobs) -> None:
    naps: list[float] = []
    now = [0.0]

    def nap(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    second = DatabaseExportJobs(database, "another source", TENANT, sleep=nap, clock=lambda: now[0])
    with second, jobs.slot(1):
        with pytest.raises(ExportPendingError, match="another process"), second.slot(10):
            pytest.fail("two have the place")
        assert sum(naps) == 10
    with second, second.slot(0.1):
        pass


def test_the_place_is_free_again_after_an_error(database: str, jobs: DatabaseExportJobs) -> None:
    with pytest.raises(RuntimeError), jobs.slot(1):
        raise RuntimeError
    with DatabaseExportJobs(database, "fleet", TENANT) as second, second.slot(0.1):
        pass


def test_the_place_of_a_killed_process_is_free(database: str, tmp_path: Path) -> None:
    def hold() -> None:
        with DatabaseExportJobs(database, "fleet", TENANT) as jobs, jobs.slot(1):
            jobs.intend(ORDER)
            (tmp_path / "held").touch()
            time.sleep(60)

    child = fork(hold)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL
    with DatabaseExportJobs(database, "fleet", TENANT, sleep=lambda _: time.sleep(0.05)) as jobs, jobs.slot(30):
        assert [job.state for job in jobs.alive()] == [JobState.INTENDED]


def test_whoever_lost_the_session_does_not_write_on_as_if_it_held_the_place(
    jobs: DatabaseExportJobs, observer: psycopg.Connection
) -> None:
    with pytest.raises(WarehouseUnavailableError), jobs.slot(1):  # noqa: PT012 - the place is held meanwhile
        number = jobs.intend(ORDER).number
        observer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'joulehouse' AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(WarehouseUnavailableError):
            jobs.taken(number, "job-1", "PENDING")
        jobs.taken(number, "job-1", "PENDING")
    assert [job.state for job in jobs.alive()] == [JobState.INTENDED]


def _hold_in_turn(database: str, log: Path, name: str) -> None:
    with DatabaseExportJobs(database, name, TENANT, sleep=lambda _: time.sleep(0.002)) as jobs:
        for _ in range(5):
            with jobs.slot(60), log.open("a") as file:
                file.write("in\n")
                file.flush()
                time.sleep(0.005)
                file.write("out\n")


def test_four_processes_hold_the_place_one_after_the_other(database: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    together([partial(_hold_in_turn, database, log, f"source-{number}") for number in range(4)])
    assert log.read_text().split() == ["in", "out"] * 20
