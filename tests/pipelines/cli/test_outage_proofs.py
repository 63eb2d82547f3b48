"""A backfill of 28 days in a process of its own, and a database that goes at a random moment of it.

The moment is drawn by the run's number: some days are loaded, and a little later. Each run has its own database. Seven
kinds of going, 20 moments of each (`PROOF_MOMENTS` says another number), and a line for each kind, printed.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pytest

from domain.window import Window
from pipelines.local import state
from pipelines.local.project import Project
from pipelines.local.verification import verify
from sandbox.running import Sandbox, running_sandbox
from tests.fakes.outages import BOUNDS, DISTURBANCES, set_everywhere
from tests.fakes.standby import with_standby
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import migrate
from warehouse.server import create_database, drop_database, with_database

pytestmark = [pytest.mark.prove, pytest.mark.timeout(7200)]

LAST: Final = datetime.now(UTC).date() - timedelta(days=1)
DAYS: Final = [LAST - timedelta(days=n) for n in range(27, -1, -1)]
N_MOMENTS: Final = int(os.environ.get("PROOF_MOMENTS", "20"))
PROGRAM: Final = Path(sys.executable).with_name("joulehouse")


@dataclass(frozen=True)
class Place:
    """A server that is nobody else's, and a sandbox."""

    server: EmbeddedWarehouse
    sandbox: Sandbox


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[Place]:
    server = EmbeddedWarehouse(tmp_path_factory.mktemp("own") / "home", cache=package_cache, durable=False)
    server.start()
    create_database(server.admin_url, "template", owner="joulehouse")
    migrate(with_database(server.url, "template"))
    with (
        running_sandbox(client_id="tests", client_secret="of-the-tests") as sandbox,
        pytest.MonkeyPatch.context() as set_,
    ):
        home = tmp_path_factory.mktemp("home")
        set_.setenv("JOULEHOUSE_HOME", str(home))
        set_.setenv("CHARGING_HUB_URL", sandbox.url)
        set_.setenv("CHARGING_HUB_CLIENT_ID", "tests")
        set_.setenv("CHARGING_HUB_CLIENT_SECRET", "of-the-tests")
        drawn = {"client_id": "tests", "client_secret": "of-the-tests"}
        port = int(sandbox.url.rpartition(":")[2])
        facts = {"port": port, "paths": {"export_service": ""}, "credentials": {"export_service": drawn}}
        state.write(home / "sandbox.json", facts)
        yield Place(server, sandbox)
    server.remove()


@contextmanager
def fresh_database(place: Place, **defaults: str) -> Iterator[str]:
    place.server.start()
    create_database(place.server.admin_url, "disturbed", owner="joulehouse", template="template")
    url = with_database(place.server.url, "disturbed")
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            for name, value in defaults.items():
                owner.execute(f"ALTER DATABASE disturbed SET {name} = '{value}'".encode())
        yield url
    finally:
        place.server.start()
        drop_database(place.server.admin_url, "disturbed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one backfill: how the process ended, and how the points compare with those that were served."""

    exit_code: int
    n_lost: int
    n_doubled: int
    complaint: str

    @property
    def is_whole(self) -> bool:
        """Whether it is as if nothing had happened."""
        return not (self.exit_code or self.n_lost or self.n_doubled)


def backfilled(url: str, disturb: Callable[[], None], seed: str) -> Outcome:
    """Backfill all days, in a process of its own that is disturbed at a moment between the first day and the last."""
    draw = random.Random(seed)
    n_days, delay = draw.randint(1, len(DAYS) - 2), draw.uniform(0.0, 0.3)
    command = [str(PROGRAM), "backfill", "charging_hub", "--from", str(DAYS[0]), "--to", str(DAYS[-1])]
    with subprocess.Popen(
        command, env={**os.environ, "WAREHOUSE_URL": url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        n_loaded = 0
        while n_loaded < n_days and (line := running.stdout.readline()):
            n_loaded += line.startswith("charging_hub 2")
        time.sleep(delay)
        assert running.poll() is None, "it was over before it was disturbed"
        disturb()
        _, complaints = running.communicate(timeout=300)
    return compared(url, running.returncode, f"after {n_loaded} days and {delay:.2f} s: {complaints}")


def compared(url: str, exit_code: int, complaint: str) -> Outcome:
    """Whether every day is there, once, as it was served; by the points themselves and by the ledger."""
    with pytest.MonkeyPatch.context() as set_:
        set_.setenv("WAREHOUSE_URL", url)
        project = Project()
        binding = project.source("charging_hub").sandbox_binding
        with project.warehouse() as warehouse:
            found = verify(project.sandbox, warehouse.reading, binding, DAYS).total
            entries = warehouse.ledger.entries("charging_hub", Window.of_days(DAYS[0], DAYS[-1]))
    # A load that is repeated inserts nothing: whatever was inserted beyond what is there was there before.
    n_doubled = found.n_loaded - found.n_equal + max(0, sum(entry.n_inserted for entry in entries) - found.n_loaded)
    n_missing = len(DAYS) - len({entry.window for entry in entries if entry.status == "committed"})
    n_lost = found.n_served - found.n_equal + n_missing
    return Outcome(exit_code, n_lost, n_doubled, f"{complaint}{found.difference}")


@pytest.fixture
def row(capsys: pytest.CaptureFixture[str]) -> Callable[[str, list[Outcome], float], None]:
    """Prints the line of one kind, whatever pytest captures, and fails where a moment was not survived."""

    def print_row(kind: str, outcomes: list[Outcome], began: float) -> None:
        with capsys.disabled():
            sys.stdout.write(
                f"\n{kind:<32} {len(outcomes):>2} moments, exit 0: {sum(not one.exit_code for one in outcomes)},"
                f" lost {sum(one.n_lost for one in outcomes)}, doubled {sum(one.n_doubled for one in outcomes)}"
                f" ({time.monotonic() - began:.0f} s)\n"
            )
        assert [one for one in outcomes if not one.is_whole] == []

    return print_row


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_a_server_that_goes_at_any_moment_of_a_backfill_costs_no_day(
    place: Place, kind: str, row: Callable[[str, list[Outcome], float], None]
) -> None:
    outcomes, began = [], time.monotonic()
    for number in range(N_MOMENTS):
        draw = random.Random(number)
        with fresh_database(place) as url:
            try:
                outcomes.append(backfilled(url, partial(DISTURBANCES[kind], place.server, draw), f"{kind} {number}"))
            finally:
                place.server.start()
                for name in BOUNDS:
                    set_everywhere(place.server, f"RESET {name}")
    row(kind, outcomes, began)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_database_that_ends_what_rests_or_takes_long_from_the_first_session_on_costs_no_day(
    place: Place, name: str
) -> None:
    with fresh_database(place, **{name: "50ms"}) as url:
        assert backfilled(url, lambda: None, name).is_whole


def test_a_synchronous_standby_that_is_promoted_at_any_moment_costs_no_day(
    place: Place,  # noqa: ARG001 - the sandbox
    tmp_path: Path,
    package_cache: Path,
    row: Callable[[str, list[Outcome], float], None],
) -> None:
    outcomes, began = [], time.monotonic()
    for number in range(N_MOMENTS):
        primary = EmbeddedWarehouse(tmp_path / str(number), cache=package_cache, durable=False)
        try:
            primary.start()
            create_database(primary.admin_url, "warehouse", owner="joulehouse")
            migrate(with_database(primary.url, "warehouse"))
            with with_standby(primary) as pair:
                outcomes.append(backfilled(pair.url("warehouse"), pair.fail_over, str(number)))
        finally:
            primary.remove()
    row("promotion of a standby", outcomes, began)
