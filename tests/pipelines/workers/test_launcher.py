"""The launcher against a real Redis that nobody works for: what it keeps, what it gives back, what it ends."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.test_utils import create_run_for_test, instance_for_test
from kombu.exceptions import OperationalError

from pipelines.lost_runs import Patience
from pipelines.workers.launcher import WorkerLauncher
from resources.settings import PROJECT
from tests.fakes.broker import PASSWORD, Broker, running_broker
from warehouse.embedded.host import free_port

INSTANCE = PROJECT / "pipelines" / "instance"
NOWHERE: Any = None  # the launcher asks no code server
ORIGIN = JobPythonOrigin(
    "days", RepositoryPythonOrigin("python", ModuleCodePointer("pipelines.definitions", "defs", None))
)


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    with running_broker(tmp_path / "redis") as broker:
        monkeypatch.setenv("BROKER_URL", broker.url)
        monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)
        monkeypatch.setenv("WORKER_PLACES", "8")
        yield broker


@pytest.fixture
def instance(broker: Broker, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    assert broker.url
    settings = yaml.safe_load((INSTANCE / "workers" / "dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    with instance_for_test(temp_dir=str(tmp_path), overrides=settings) as instance:
        yield instance


def test_what_the_settings_promise_is_what_celery_has(instance: dg.DagsterInstance) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, WorkerLauncher)
    conf = launcher.celery.conf
    # A worker takes a run when it has a place for it, and says so at once; what is lost then is Dagster's to start.
    assert (conf.worker_prefetch_multiplier, conf.worker_disable_prefetch) == (1, True)
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost) == (False, None)
    assert conf.broker_transport_options["visibility_timeout"] < Patience().start.total_seconds()
    # There is no result that could expire under a run at work, and nobody who would believe it.
    assert (conf.result_backend, conf.task_ignore_result) == (None, True)
    assert not launcher.supports_check_run_worker_health
    assert not launcher.supports_resume_run
    assert conf.worker_max_tasks_per_child == 1
    assert conf.broker_connection_max_retries is None
    assert (conf.task_serializer, conf.accept_content) == ("json", ("json",))


def test_the_queue_is_as_wide_as_the_workers_and_backfills_leave_one_place(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config().run_queue_config
    assert limits is not None
    assert limits.max_concurrent_runs == 8
    assert {"key": "dagster/backfill", "limit": 7} in limits.tag_concurrency_limits


def test_the_settings_for_workers_differ_from_the_others_in_what_they_are_about() -> None:
    shipped, for_workers = (
        yaml.safe_load((folder / "dagster.yaml").read_text("utf-8")) for folder in (INSTANCE, INSTANCE / "workers")
    )
    assert shipped.pop("concurrency")["pools"] == for_workers.pop("concurrency")["pools"]
    del shipped["run_launcher"], for_workers["run_launcher"]
    assert for_workers.keys() - shipped.keys() == {"run_coordinator", "compute_logs"}
    assert {name: for_workers[name] for name in shipped} == shipped


def test_a_run_that_nobody_has_begun_is_cancelled_at_once(instance: dg.DagsterInstance, broker: Broker) -> None:
    run = launched(instance)
    assert broker.ask("LLEN", "dagster") == ":1"
    assert instance.run_launcher.terminate(run.run_id)
    assert not instance.run_launcher.terminate(run.run_id), "it is over"
    assert status(instance, run) == dg.DagsterRunStatus.CANCELED


def test_a_run_stays_in_dagsters_queue_while_the_broker_is_away(instance: dg.DagsterInstance, broker: Broker) -> None:
    broker.stop()
    with pytest.raises(DagsterUserCodeUnreachableError, match="broker"):
        launched(instance)
    limits = instance.get_concurrency_config().run_queue_config
    assert limits is not None
    # The daemon gives back what ends so, this often, instead of failing it.
    assert limits.max_user_code_failure_retries * limits.user_code_failure_retry_delay > 30 * 86_400

    broker.start()
    launched(instance)
    assert broker.ask("LLEN", "dagster") == ":1"
    time.sleep(2.1)  # Redis writes it down each second, and two later at most where the disk is slow
    broker.stop()
    broker.start()
    assert broker.ask("LLEN", "dagster") == ":1", "what waits in it outlives it"


@pytest.mark.parametrize("password", ["p@ss/w:o#r?d %41€;+", "'single' \"double\" \\n $HOME `id` &", "plain"])
def test_a_password_with_any_character_opens_the_broker_of_the_containers(
    password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = yaml.safe_load((PROJECT / "docker-compose.yml").read_text("utf-8"))["services"]["redis"]
    port = free_port()
    here = f"--dir {tmp_path} --bind 127.0.0.1 --port {port}"
    command = redis["command"][-1].replace("$$", "$").replace("/tmp/", f"{tmp_path}/").replace("--dir /data", here)  # noqa: S108
    inherited = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": password}
    with subprocess.Popen(["sh", "-c", command], env=inherited, stdout=subprocess.DEVNULL) as server:
        try:
            monkeypatch.setenv("BROKER_PASSWORD", password)
            celery = WorkerLauncher(default_queue="dagster", broker=f"redis://127.0.0.1:{port}/0", backend=None).celery
            celery.connection_for_write().ensure_connection(max_retries=100, interval_start=0.05, interval_max=0.05)
            assert celery.connection_for_write().default_channel.client.ping()
            monkeypatch.setenv("BROKER_PASSWORD", "another")
            other = WorkerLauncher(default_queue="dagster", broker=f"redis://127.0.0.1:{port}/0", backend=None).celery
            with pytest.raises(OperationalError):
                other.connection_for_write().ensure_connection(max_retries=1, interval_start=0)
        finally:
            server.terminate()


def launched(instance: dg.DagsterInstance) -> dg.DagsterRun:
    run: dg.DagsterRun = create_run_for_test(
        instance, job_name="days", status=dg.DagsterRunStatus.STARTING, job_code_origin=ORIGIN
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, NOWHERE))
    return run


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status
