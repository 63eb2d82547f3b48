"""Orders carried by processes of their own: the shipped worker, an interpreter of its own, against the twin."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.errors import (
    CredentialsRejectedError,
    ExportPendingError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RequestRejectedError,
    WarehouseUnavailableError,
)
from domain.export_jobs import ExportJobs, Order
from domain.records import Payload
from providers._http import Origin
from providers.servitly.polling_policy import PollingPolicy
from resources import order_worker
from resources.order_worker import COMMAND, OrderWorker
from resources.provider import LazyProvider
from resources.servitly import ServitlyConfig
from resources.settings import PROJECT, Settings
from sandbox.running import Sandbox
from sandbox.servitly import twin as served
from tests.fakes.forked import ended, fork
from tests.fakes.harness import shared_sandbox
from tests.fakes.leaks import found
from tests.fakes.order_workers import config_to, environment, message
from tests.providers.servitly.harness import DAY, PACE, boilers
from warehouse.export_jobs import DatabaseExportJobs

BE_A_WORKER = "from resources import order_worker; order_worker.main()"
PATIENT = replace(PACE, unknown=60.0)
ORDER = Order("things", DAY, {"startTimestamp": 1, "endTimestamp": 2}, "ab" * 32)


@dataclass(frozen=True, slots=True)
class Depot:
    """A source at the twin, its ledger, and what its workers are given."""

    sandbox: Sandbox
    twin: served.Servitly
    database: str
    variables: Mapping[str, str]
    jobs: ExportJobs

    def worker(self, policy: PollingPolicy = PATIENT, patience: float = 60.0, **other: Any) -> OrderWorker:
        variables = {**self.variables, **other.pop("variables", {})}
        return OrderWorker(config_to("fleet", policy=policy), variables, source="fleet", patience=patience, **other)

    def fetch(self, policy: PollingPolicy = PATIENT) -> list[Payload]:
        """One run, as a step would do it."""
        with closing(LazyProvider(config_to("fleet", policy=policy), Settings(self.variables))) as provider:
            return list(provider.fetch(DAY, {}))

    def started(self, config: ServitlyConfig, number: int, *, cut: int | None = None) -> "subprocess.Popen[bytes]":
        """A worker that has been sent all that it needs, or the first `cut` bytes of it."""
        started = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**self.variables, "PYTHONPATH": str(PROJECT)},
        )
        assert started.stdin is not None
        started.stdin.write(message(config, number, ORDER)[:cut])
        started.stdin.close()
        return started

    def states(self) -> list[str]:
        with psycopg.connect(self.database) as connection:
            return [row[0] for row in connection.execute("SELECT state FROM export_job ORDER BY export_job_id")]

    def n_asked(self, path: str) -> int:
        return len([one for one in self.sandbox.control.requests(path) if one["method"] == "POST"])


@pytest.fixture
def depot(database: str, tmp_path: Path) -> Iterator[Depot]:
    sandbox = shared_sandbox()
    sandbox.control.reset()
    twin = sandbox.control.twins["servitly"]
    assert isinstance(twin, served.Servitly)
    twin.configure(job_seconds=0.05)
    tenant = f"{Origin.parse(sandbox.url + served.ROOT, place='test').place('')} acme"
    with DatabaseExportJobs(database, "fleet", tenant) as jobs:
        yield Depot(sandbox, twin, database, environment(sandbox, database, str(tmp_path)), jobs)
    sandbox.control.reset()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, and fail if it never is."""
    for _ in range(3000):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it never is")


def test_an_order_is_carried_by_a_process_with_a_login_of_its_own_whose_requests_are_counted(depot: Depot) -> None:
    with closing(LazyProvider(config_to("fleet", policy=PATIENT), Settings(depot.variables))) as provider:
        assert len(list(provider.fetch(DAY, {}))) == 1
        until(lambda: len(depot.sandbox.control.requests()) == provider.n_requests)
    assert depot.n_asked(served.LOGIN) == 2
    assert depot.n_asked(served.EXPORTS) == 1
    assert depot.states() == ["landed"]


def _in_process(fault: Mapping[str, Any]) -> ProviderError:
    with boilers(policy=PATIENT) as made:
        made.twin.fault(**fault)
        with pytest.raises(ProviderError) as caught:
            made.fetch()
        return caught.value


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (CredentialsRejectedError, {"name": "status", "code": 403}),
        (RequestRejectedError, {"name": "answer", "status": 400, "body": '{"message": "metric unknown"}'}),
        (ProviderUnavailableError, {"name": "status", "code": 503}),
        (PayloadUnreadableError, {"name": "no_id"}),
    ],
    ids=["403", "400", "503", "no name"],
)
def test_what_a_worker_meets_reaches_the_run_as_if_it_had_asked_itself(
    depot: Depot, kind: type[ProviderError], fault: dict[str, Any]
) -> None:
    in_process = _in_process({**fault, "endpoint": "orders"})
    depot.sandbox.control.reset()
    depot.twin.fault(**fault, endpoint="orders")
    with pytest.raises(ProviderError) as caught:
        depot.fetch()
    assert type(caught.value) is type(in_process) is kind
    assert str(caught.value) == str(in_process)
    assert caught.value.__dict__ == in_process.__dict__
    assert depot.n_asked(served.EXPORTS) == 1


def test_a_refusal_that_a_worker_brings_back_is_waited_for(depot: Depot) -> None:
    depot.twin.fault("status", code=429, endpoint="orders", times=1)
    assert len(depot.fetch(replace(PATIENT, busy=0.1))) == 1
    assert depot.states() == ["refused", "landed"]


def test_a_worker_whose_login_fails_sends_nothing_and_says_so(depot: Depot) -> None:
    depot.twin.fault("answer", status=401, body="{}", endpoint="login", from_request=2)
    with pytest.raises(CredentialsRejectedError, match="401"):
        depot.fetch()
    assert depot.n_asked(served.EXPORTS) == 0
    assert depot.states() == ["refused"]


def test_a_provider_that_accepts_no_connection_has_no_job_for_sure(depot: Depot) -> None:
    quick = f"import providers._retry as r; r._FIRST_WAIT_SECONDS = 0.01; {BE_A_WORKER}"
    gone = depot.worker(command=(sys.executable, "-P", "-c", quick), variables={"FLEET_URL": "http://127.0.0.1:9/x"})
    with pytest.raises(ProviderUnavailableError, match="no connection could be made") as caught:
        gone.carry(depot.jobs.intend(ORDER).number, ORDER)
    assert not caught.value.was_sent
    assert depot.states() == ["refused"]


def test_a_worker_without_a_ledger_sends_nothing(depot: Depot) -> None:
    gone = depot.worker(variables={"WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:9/none"})
    with pytest.raises(WarehouseUnavailableError):
        gone.carry(depot.jobs.intend(ORDER).number, ORDER)
    assert depot.n_asked(served.EXPORTS) == 0


def test_a_worker_that_comes_late_sends_nothing(depot: Depot) -> None:
    number = depot.jobs.intend(ORDER).number
    assert depot.jobs.cancelled(number)
    with pytest.raises(ExportPendingError, match="another run has cancelled it"):
        depot.worker().carry(number, ORDER)
    assert depot.n_asked(served.EXPORTS) == 0
    assert depot.states() == ["refused"]


def test_a_worker_that_was_frozen_until_its_order_was_given_up_sends_nothing(depot: Depot) -> None:
    depot.twin.fault("latency", seconds=0.5, endpoint="login")
    number = depot.jobs.intend(ORDER).number
    with depot.started(config_to("fleet", policy=replace(PACE, unknown=2.0)), number) as frozen:
        until(lambda: depot.n_asked(served.LOGIN) == 1)
        os.kill(frozen.pid, signal.SIGSTOP)
        time.sleep(2.1)
        os.kill(frozen.pid, signal.SIGCONT)
        assert frozen.wait(timeout=30) == -signal.SIGALRM
    assert depot.n_asked(served.EXPORTS) == 0
    assert depot.states() == ["intended"]


def test_a_worker_that_was_told_half_sends_nothing_and_says_nothing(depot: Depot) -> None:
    number = depot.jobs.intend(ORDER).number
    with depot.started(config_to("fleet"), number, cut=200) as started:
        assert started.stdout is not None
        assert started.stdout.read() == b""
        assert started.wait(timeout=30) == 0
    assert depot.sandbox.control.requests() == []
    assert depot.states() == ["intended"]


def test_no_part_of_what_a_worker_is_told_is_taken_for_the_whole() -> None:
    whole = message(config_to("fleet"), 1, ORDER)
    assert order_worker._received(BytesIO(whole)) == (config_to("fleet"), 1, ORDER)
    assert all(order_worker._received(BytesIO(whole[:cut])) is None for cut in range(len(whole)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_ends_a_run_and_all_its_group_leaves_the_worker_and_its_job_is_adopted(
    depot: Depot, number: signal.Signals
) -> None:
    depot.twin.configure(job_seconds=3.0)
    depot.twin.fault("latency", seconds=0.7, endpoint="orders")

    def run() -> None:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        depot.fetch()

    child = fork(run)
    until(lambda: len(depot.twin.jobs) == 1)
    assert depot.states() == ["sent"]
    os.killpg(child, number)
    assert ended(child) in (-number, 1)  # 1: a KeyboardInterrupt
    until(lambda: depot.states() == ["pending"])
    assert len(depot.fetch()) == 1
    assert depot.states() == ["landed"]
    assert len(depot.twin.jobs) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_that_is_asked_to_end_comes_to_its_end_first(depot: Depot, number: signal.Signals) -> None:
    depot.twin.fault("latency", seconds=0.7, endpoint="orders")
    with depot.started(config_to("fleet", policy=PATIENT), depot.jobs.intend(ORDER).number) as started:
        until(lambda: len(depot.twin.jobs) == 1)
        assert depot.states() == ["sent"]
        started.send_signal(number)
    assert started.returncode == 0
    assert depot.states() == ["pending"]


def test_the_next_run_waits_for_the_name_while_the_worker_of_a_killed_run_is_under_way(depot: Depot) -> None:
    depot.twin.fault("latency", seconds=1.0, endpoint="orders")
    child = fork(depot.fetch)
    until(lambda: len(depot.twin.jobs) == 1)
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL
    assert depot.states() == ["sent"]
    assert len(depot.fetch()) == 1
    assert depot.states() == ["landed"]
    assert len(depot.twin.jobs) == 1


def test_a_workers_secrets_are_in_its_variables_alone(depot: Depot) -> None:
    password = depot.database.partition("@")[0].rpartition(":")[2]
    secrets = (depot.twin.settings.password, depot.twin.settings.api_key, password)
    assert not list(found(secrets, [("message", message(config_to("fleet"), 1, ORDER))]))
    depot.twin.fault("latency", seconds=0.7, endpoint="orders")
    run = fork(depot.fetch)
    until(lambda: len(depot.twin.jobs) == 1)
    (started,) = [child for child in children(run) if b"resources.order_worker" in (child / "cmdline").read_bytes()]
    assert not list(found(secrets, [("cmdline", (started / "cmdline").read_bytes())]))
    assert list(found(secrets, [("environ", (started / "environ").read_bytes())])) == ["environ"]
    assert ended(run) == 0


def children(pid: int) -> Iterator[Path]:
    """The processes that `pid` has started and that run."""
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdecimal() and f"\nPPid:\t{pid}\n" in (process / "status").read_text():
                yield process


def test_a_worker_that_does_not_come_back_is_killed_and_its_order_waited_for_by_the_next_run(depot: Depot) -> None:
    depot.twin.fault("latency", seconds=6.0, endpoint="orders")
    number = depot.jobs.intend(ORDER).number
    with pytest.raises(ExportPendingError, match="whether the provider has it is not known"):
        depot.worker(patience=3.0).carry(number, ORDER)
    assert depot.states() == ["sent"]


def test_an_order_that_no_worker_could_start_with_is_cancelled_by_the_next_run(depot: Depot) -> None:
    number = depot.jobs.intend(ORDER).number
    with pytest.raises(ExportPendingError, match="could not start"):
        depot.worker(command=(sys.executable, "-c", "raise SystemExit(3)")).carry(number, ORDER)
    assert len(depot.fetch()) == 1
    assert depot.states() == ["refused", "landed"]


def test_a_worker_imports_neither_dagster_nor_pandas(depot: Depot, tmp_path: Path) -> None:
    """Each of them takes longer than all the rest, and each order waits for it."""
    show = f"import sys; {BE_A_WORKER}; open(sys.argv[1], 'w').write(' '.join(sys.modules))"
    command = (sys.executable, "-P", "-c", show, str(tmp_path / "modules"))
    assert depot.worker(command=command).carry(depot.jobs.intend(ORDER).number, ORDER) is None
    modules = set((tmp_path / "modules").read_text().split())
    assert "providers.servitly.orders" in modules
    assert not modules & {"dagster", "pandas", "numpy", "sqlalchemy", "alembic"}
