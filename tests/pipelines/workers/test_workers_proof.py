"""Three workers against one; workers, code server and broker that go; and a provider that counts seconds.

`PROOF_SOURCES` (60) and `PROOF_REQUESTS` (30) make the first smaller, `PROOF_RUNS` (10) the second, `PROOF_SECONDS`
(120) the last.
"""

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from pipelines.local.processes import poll
from sandbox.running import Sandbox, running_sandbox
from sandbox.servitly.twin import Servitly
from tests.fakes.broker import Worker
from tests.fakes.worker_stack import WorkerStack, worker_stack

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

N_SOURCES: Final = int(os.environ.get("PROOF_SOURCES", "60"))
N_REQUESTS: Final = int(os.environ.get("PROOF_REQUESTS", "30"))
N_RUNS: Final = int(os.environ.get("PROOF_RUNS", "10"))
SECONDS: Final = int(os.environ.get("PROOF_SECONDS", "120"))
DOCUMENTS_A_DAY: Final = 1440
DAYS: Final = ["2026-01-15", "2026-01-16", "2026-01-17"]

HUB: Final = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "2026-01-01"
  organization: audicharginghub
  products: [audicharginghub_batteriedaten_analysis_batteriedaten_grid]
  base_url_env: HUB_URL
  client_id_env: HUB_CLIENT_ID
  client_secret_env: HUB_CLIENT_SECRET
"""
FLEET: Final = """\
type: pipelines.components.ServitlySource
attributes:
  description: "A fleet."
  first_day: "2026-01-01"
  base_url_env: FLEET_URL
  tenant: acme
  username_env: FLEET_USERNAME
  password_env: FLEET_PASSWORD
  api_key_env: FLEET_API_KEY
  requests_per_minute: 600
  poll_seconds: 1
"""
METERS: Final = """\
type: pipelines.components.ClimkitSource
attributes:
  description: "Meters."
  first_day: "2026-01-01"
  base_url_env: METERS_URL
  username_env: METERS_USERNAME
  password_env: METERS_PASSWORD
  sites: [5f3c1d2e4b6a7c8d9e0f1a2b]
"""

Print = Callable[[str], None]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(twins={"servitly": {"job_seconds": 15.0}}) as running:
        yield running


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="joulehouse-workers-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Print:
    def print_line(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}")

    return print_line


def accounts(sandbox: Sandbox) -> dict[str, str]:
    climkit, servitly = (sandbox.control.twins[slug].settings for slug in ("climkit", "servitly"))
    return {
        "HUB_URL": sandbox.url,
        "HUB_CLIENT_ID": sandbox.client_id,
        "HUB_CLIENT_SECRET": sandbox.client_secret,
        "FLEET_URL": sandbox.url_of("servitly"),
        "FLEET_USERNAME": servitly.username,
        "FLEET_PASSWORD": servitly.password,
        "FLEET_API_KEY": servitly.api_key,
        "METERS_URL": sandbox.url_of("climkit"),
        "METERS_USERNAME": climkit.username,
        "METERS_PASSWORD": climkit.password,
    }


@pytest.fixture
def stack(place: Path, package_cache: Path, sandbox: Sandbox, sources: Mapping[str, str]) -> Iterator[WorkerStack]:
    with worker_stack(
        place, package_cache, sources, accounts(sandbox), page_rows=-(-DOCUMENTS_A_DAY // N_REQUESTS)
    ) as running:
        yield running


class TestThroughput:
    @pytest.fixture
    def sources(self) -> Mapping[str, str]:
        return {f"hub_{number:02}": HUB for number in range(N_SOURCES)}

    def test_three_workers_do_more_than_two_and_a_half_times_the_work_of_one(
        self, stack: WorkerStack, sandbox: Sandbox, show: Print
    ) -> None:
        sandbox.control.export_service.fault("latency", endpoint="query", seconds=0.2)
        spans = {}
        for n_workers, day in ((1, DAYS[0]), (3, DAYS[1])):
            stack.start(n_workers)
            n_asked = len(sandbox.control.requests("/query"))
            with ExitStack() as running:
                workers = [running.enter_context(stack.worker(number + 1)) for number in range(n_workers)]
                before, began = sum(psutil.cpu_times()[:3]), time.monotonic()
                for name in sources_of(stack):
                    stack.launch(name, day)
                stack.wait(N_SOURCES, day, 60 * N_SOURCES)
                busy = (sum(psutil.cpu_times()[:3]) - before) / (time.monotonic() - began)
                own = sum(processor_seconds(worker) for worker in workers)
            spans[n_workers] = stack.span(day)
            n_asked = len(sandbox.control.requests("/query")) - n_asked
            show(
                f"{n_workers} workers: {N_SOURCES} sources, one day each, {n_asked / N_SOURCES:.0f} requests of 200 ms"
                f": {spans[n_workers]:.1f} s; {busy:.2f} of {psutil.cpu_count()} processors busy, "
                f"{own / N_SOURCES:.2f} s of the workers' for each run"
            )
            assert set(stack.statuses(day)) == {"SUCCESS"}
            assert set(stack.points(day).values()) == {2 * DOCUMENTS_A_DAY}
        show(f"3 workers against 1: {spans[1] / spans[3]:.2f} times")
        assert spans[1] / spans[3] >= 2.6


class TestWhatDies:
    @pytest.fixture
    def sources(self) -> Mapping[str, str]:
        return {f"hub_{number:02}": HUB for number in range(N_RUNS - 1)} | {"fleet": FLEET}

    def test_the_code_server_the_broker_and_a_worker_go_and_every_day_is_whole_without_anybody(
        self, stack: WorkerStack, sandbox: Sandbox, show: Print
    ) -> None:
        def restart_code() -> None:
            stack.kill_code()
            stack.start_code()

        def restart_broker() -> None:
            stack.broker.stop()
            time.sleep(5)
            stack.broker.start()

        fleet = sandbox.control.twins["servitly"]
        assert isinstance(fleet, Servitly)
        sandbox.control.export_service.fault("latency", endpoint="query", seconds=0.2)
        stack.start(3)
        with ExitStack() as running:
            workers = [running.enter_context(stack.worker(number + 1)) for number in range(3)]

            def kill_who_waits_for_the_order() -> None:
                host = stack.host_of(run_of["fleet"])
                workers[int(host.removeprefix("worker-")) - 1].kill()

            hubs = [name for name in sources_of(stack) if name != "fleet"]
            for what, day, disturb in (
                ("the code server is killed and started again", DAYS[0], restart_code),
                ("Redis is killed and started again", DAYS[1], restart_broker),
                ("a worker is killed with all its processes", DAYS[2], kill_who_waits_for_the_order),
            ):
                began, n_ordered = time.monotonic(), len(fleet.jobs)
                run_of = {name: stack.launch(name, day) for name in (*hubs[:3], "fleet", *hubs[3:])}
                # Some runs are over, and the one that waits for what it has ordered is at work.
                assert any(len(fleet.jobs) > n_ordered and "SUCCESS" in stack.statuses(day) for _ in poll(300))
                disturb()
                stack.wait(N_RUNS, day, 900)
                n_days, n_loads = stack.loads(day)
                statuses, points = Counter(stack.statuses(day)), stack.points(day)
                show(
                    f"{what}: {n_days} of {N_RUNS} days whole in {time.monotonic() - began:.0f} s, {dict(statuses)}, "
                    f"{n_loads - n_days} loaded again, {len(fleet.jobs) - n_ordered} ordered"
                )
                assert (n_days, n_loads, len(fleet.jobs) - n_ordered) == (N_RUNS, N_RUNS, 1)
                assert {points[name] for name in points if name != "fleet"} == {2 * DOCUMENTS_A_DAY}
                assert points["fleet"] > 0
                if disturb is not kill_who_waits_for_the_order:
                    assert set(statuses) == {"SUCCESS"}, "no run is touched by it"
                else:
                    assert statuses["FAILURE"] == 1, "the one that it was at work on"


class TestBounds:
    @pytest.fixture
    def sources(self) -> Mapping[str, str]:
        return {"hub": HUB}

    def test_a_run_that_nobody_has_is_started_again_within_four_minutes_and_a_lost_one_within_two(
        self, stack: WorkerStack, sandbox: Sandbox, show: Print
    ) -> None:
        def seconds_until(*statuses: str) -> float:
            began = time.monotonic()
            for _ in poll(600, every=0.2):
                if stack.statuses(DAYS[0]) == list(statuses):
                    return time.monotonic() - began
            raise AssertionError(stack.statuses(DAYS[0]))

        sandbox.control.export_service.fault("latency", endpoint="query", seconds=60 / N_REQUESTS)
        stack.start(2)
        stack.launch("hub", DAYS[0])
        seconds_until("STARTING")
        nobody = seconds_until("FAILURE", "STARTING")
        with stack.worker(1) as lost:
            seconds_until("FAILURE", "STARTED")
            with stack.worker(2):
                lost.kill()
                gone = seconds_until("FAILURE", "FAILURE", "STARTED")
                seconds_until("FAILURE", "FAILURE", "SUCCESS")
        show(f"started again: what nobody had after {nobody:.0f} s, what was lost at work after {gone:.0f} s")
        assert nobody < 240
        assert gone < 120
        assert stack.loads(DAYS[0]) == (1, 1)


class TestOneRequestASecond:
    @pytest.fixture
    def sources(self) -> Mapping[str, str]:
        return {f"meters_{number:02}": METERS for number in range(12)}

    def test_a_provider_that_allows_one_request_a_second_sees_that_and_no_more(
        self, stack: WorkerStack, sandbox: Sandbox, show: Print
    ) -> None:
        stack.start(3)
        with ExitStack() as running:
            for number in range(3):
                running.enter_context(stack.worker(number + 1))
            for source in sources_of(stack):
                stack.launch(source, DAYS[0])
            assert any(len(moments(sandbox)) > 5 for _ in poll(120))
            time.sleep(SECONDS)
            seen = moments(sandbox)
        gaps = [later - earlier for earlier, later in pairwise(seen[2:])]
        rate = len(gaps) / sum(gaps)
        show(
            f"1 request a second, three workers: {len(gaps)} gaps, {sum(gap < 1 for gap in gaps)} of them below 1 s, "
            f"the shortest {min(gaps):.3f} s; {100 * rate:.1f} % of the rate used"
        )
        assert min(gaps) >= 1.0
        assert rate >= 0.95


def sources_of(stack: WorkerStack) -> list[str]:
    return sorted(file.parent.name for file in (stack.clone / "assets").glob("*/defs.yaml"))


def moments(sandbox: Sandbox) -> list[float]:
    """When each request has come, in seconds."""
    entries: list[dict[str, Any]] = sandbox.control.requests()
    return sorted(float(entry["monotonic"]) for entry in entries)


def processor_seconds(worker: Worker) -> float:
    """Of a worker and all that it has started and that is over."""
    return sum(sum(process.cpu_times()[:4]) for process in worker.all_processes)
