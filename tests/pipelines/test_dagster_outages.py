"""A backfill of 28 days from the UI, and a server that goes at a random moment: points and history are on it.

A real webserver, daemon and code server; nobody else does anything until all 28 days are green. `PROOF_MOMENTS_OF_RUNS`
says another number of moments than 3 for each kind.
"""

import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from psycopg.conninfo import conninfo_to_dict

from sandbox.running import running_sandbox
from tests.fakes.demo import clean_home
from tests.fakes.open_ui import OpenUi, open_ui
from tests.fakes.outages import BOUNDS, DISTURBANCES, set_everywhere
from tests.fakes.standby import with_standby
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import migrate
from warehouse.server import create_database, ensure_database, with_database

pytestmark = [pytest.mark.prove, pytest.mark.timeout(7200)]

SOURCE: Final = "charging_hub"
N_MOMENTS: Final = int(os.environ.get("PROOF_MOMENTS_OF_RUNS", "3"))
LAST: Final = datetime.now(UTC).date() - timedelta(days=1)
ACCOUNT: Final = {"CHARGING_HUB_CLIENT_ID": "tests", "CHARGING_HUB_CLIENT_SECRET": "of-the-tests"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one backfill, without anybody's help.

    Attributes:
        status: Of the backfill.
        n_green: Days that Dagster calls materialized.
        n_loaded: Days that the ledger has.
        n_repeated: Loads beyond one a day.
    """

    status: str
    n_green: int
    n_loaded: int
    n_repeated: int


@contextmanager
def own_server(home: Path, cache: Path) -> Iterator[EmbeddedWarehouse]:
    """A server with both databases, which is nobody else's."""
    server = EmbeddedWarehouse(home, cache=cache, durable=False)
    try:
        server.start()
        create_database(server.admin_url, "warehouse", owner="joulehouse")
        migrate(with_database(server.url, "warehouse"))
        ensure_database(server.admin_url, "dagster", "dagster", "secret")
        yield server
    finally:
        server.remove()


def history(url: str) -> dict[str, str]:
    """Where Dagster keeps its own: on the server of `url`."""
    at = conninfo_to_dict(url)
    login = {"DAGSTER_PG_USER": "dagster", "DAGSTER_PG_PASSWORD": "secret", "DAGSTER_PG_DB": "dagster"}
    hosts, ports = str(at["host"]).split(","), str(at["port"]).split(",")
    if len(hosts) == 1:
        return {"DAGSTER_PG_HOST": hosts[0], "DAGSTER_PG_PORT": ports[0], **login}
    named = [f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)]
    return {"DAGSTER_PG_HOST": ",".join(named), **login}


def days(number: int) -> list[date]:
    """The 28 days of one moment."""
    return [LAST - timedelta(days=28 * number + n) for n in range(27, -1, -1)]


def backfilled(ui: OpenUi, number: int, kind: str, disturb: Callable[[], None]) -> Outcome:
    """Backfill its days, disturbed."""
    status = ui.backfill(SOURCE, days(number), disturb, f"{kind} {number}")
    n_loaded, n_loads = ui.loads(days(number))
    return Outcome(status, ui.n_green(SOURCE, days(number)), n_loaded, n_loads - n_loaded)


@pytest.fixture
def row(capsys: pytest.CaptureFixture[str]) -> Callable[[str, list[Outcome], float], None]:
    """Prints the line of one kind, whatever pytest captures, and fails where a moment was not survived."""

    def print_row(kind: str, outcomes: list[Outcome], began: float) -> None:
        with capsys.disabled():
            sys.stdout.write(
                f"\n{kind:<24} {len(outcomes)} moments, green {[one.n_green for one in outcomes]},"
                f" loaded {[one.n_loaded for one in outcomes]}, loaded again {[one.n_repeated for one in outcomes]}"
                f" ({time.monotonic() - began:.0f} s) {[one.status for one in outcomes]}\n"
            )
        for one in outcomes:
            assert one.status.startswith("COMPLETED_SUCCESS")
            assert one.n_green == one.n_loaded == 28
            assert one.n_repeated <= 1  # the day that was loaded as it went

    return print_row


@contextmanager
def opened(tmp_path: Path, cache: Path, url: str, history_at: str = "") -> Iterator[OpenUi]:
    """A UI over the server of `url`, where the history is as well unless it is elsewhere; and its account."""
    with (
        running_sandbox(client_id="tests", client_secret="of-the-tests") as sandbox,
        clean_home(tmp_path / "home", cache) as home,
        open_ui(home, url, CHARGING_HUB_URL=sandbox.url, **ACCOUNT, **history(history_at or url)) as ui,
    ):
        yield ui


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_a_server_that_goes_at_any_moment_of_a_backfill_from_the_ui_leaves_every_day_green(
    kind: str, tmp_path: Path, package_cache: Path, row: Callable[[str, list[Outcome], float], None]
) -> None:
    outcomes, began = [], time.monotonic()
    with (
        own_server(tmp_path / "own", package_cache) as server,
        opened(tmp_path, package_cache, with_database(server.url, "warehouse")) as ui,
    ):
        for number in range(N_MOMENTS):
            draw = random.Random(number)
            outcomes.append(backfilled(ui, number, kind, partial(DISTURBANCES[kind], server, draw)))
            for name in BOUNDS:
                set_everywhere(server, f"RESET {name}")
    row(kind, outcomes, began)


def test_a_synchronous_standby_that_is_promoted_at_any_moment_leaves_every_day_green(
    tmp_path: Path, package_cache: Path, row: Callable[[str, list[Outcome], float], None]
) -> None:
    outcomes, began = [], time.monotonic()
    for number in range(N_MOMENTS):
        folder = tmp_path / str(number)
        with (
            own_server(folder / "own", package_cache) as primary,
            with_standby(primary) as pair,
            opened(folder, package_cache, pair.url("warehouse")) as ui,
        ):
            outcomes.append(backfilled(ui, number, "promotion", pair.fail_over))
    row("promotion of a standby", outcomes, began)


def test_a_standby_that_was_behind_is_promoted_and_the_doctor_names_what_is_lost_and_what_mends_it(
    tmp_path: Path, package_cache: Path
) -> None:
    with (
        own_server(tmp_path / "elsewhere", package_cache) as elsewhere,
        own_server(tmp_path / "own", package_cache) as primary,
        with_standby(primary, is_synchronous=False) as pair,
        opened(tmp_path, package_cache, pair.url("warehouse"), elsewhere.url) as ui,
    ):
        outcome = backfilled(ui, 0, "behind", pair.fall_behind)
        assert outcome == Outcome("COMPLETED_SUCCESS SUCCESS", 28, 28, 0)
        pair.fail_over(waits=True)
        n_kept, _ = ui.loads(days(0))
        assert n_kept < 28
        found = ui.command("doctor")
        assert f"Dagster calls {28 - n_kept} days of {SOURCE} loaded by loads that the ledger lacks" in found
        for words in re.findall(rf"joulehouse (backfill {SOURCE} --from \S+ --to [0-9-]+)", found):
            ui.command(*words.split())
        assert "The ledger has every day that Dagster calls loaded." in ui.command("doctor")
        assert ui.loads(days(0)) == (28, 28)
