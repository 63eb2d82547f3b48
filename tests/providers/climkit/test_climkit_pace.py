"""One request a second for one credential, whoever asks: measured where the requests arrive, logins included."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest

from providers._http import ApiClient, Origin, Secret
from providers.climkit.login import password_login
from providers.climkit.spec import INSTALLATIONS
from tests.fakes.forked import ended, fork, together
from warehouse.budget import DatabaseBudget

PASSWORD = "a-password-of-this-test"


@dataclass
class Pace:
    """A server of its own, and what arrives there."""

    url: str
    database: str

    def ask(
        self,
        n_requests: int,
        *,
        died: Callable[[int], None] = lambda _: None,
        budgets: type[DatabaseBudget] = DatabaseBudget,
    ) -> int:
        """Send `n_requests` and a login, as a process of its own would; how many were answered."""
        origin = Origin.parse(f"{self.url}/climkit/api/v1", place="test")
        with (
            budgets(self.database, "climkit-test", 1.0) as budget,
            ApiClient(origin, source="house", budget=budget) as logins,
        ):
            login = password_login(logins, username="api@joulehouse.example", password=Secret(PASSWORD))
            with ApiClient(origin, source="house", credentials=login, budget=budget) as http:
                for number in range(n_requests):
                    http.get(INSTALLATIONS)
                    died(number)
        return n_requests

    def n_answered(self) -> int:
        """Requests that are no logins and were answered; tokens are renewed every nine to twelve minutes."""
        return sum(entry["status"] == 200 and entry["path"].endswith(INSTALLATIONS) for entry in self.arrivals())

    def arrivals(self) -> list[dict[str, Any]]:
        """Everything that arrived, oldest first."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/requests") as said:
            entries = json.load(said)
        asked = [entry for entry in entries if entry["path"].startswith("/climkit/")]
        return sorted(asked, key=lambda entry: float(entry["monotonic"]))


@pytest.fixture
def pace(database: str, tmp_path: Path) -> Iterator[Pace]:
    with _server(tmp_path / "port") as url:
        yield Pace(url, database)


@contextmanager
def _server(port_file: Path) -> Iterator[str]:
    environment = {**os.environ, "SANDBOX_CLIMKIT_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "sandbox", "--port-file", str(port_file)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not port_file.exists():
            assert server.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port_file.read_text().strip()}"
    finally:
        server.terminate()
        server.wait(30)


def assert_paced(arrivals: Sequence[dict[str, Any]]) -> None:
    """No two too close, hardly a second unused, and nobody told to slow down."""
    instants = [float(entry["monotonic"]) for entry in arrivals]
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    close = [(number, round(gap, 4)) for number, gap in enumerate(gaps) if gap < 1.0]
    assert not close
    assert {entry["status"] for entry in arrivals} == {200}
    assert len(gaps) / (instants[-1] - instants[0]) >= 0.95


def test_four_processes_never_ask_twice_in_a_second_and_use_most_of_it(pace: Pace) -> None:
    together([lambda: pace.ask(4)] * 4)

    assert_paced(pace.arrivals())
    assert pace.n_answered() == 4 * 4


class Stalled(DatabaseBudget):
    """Its process is held up now and then between the slot and the request: by load, or where connecting is slow."""

    _stalls = cycle([0.0, 1.3, 0.4])

    def take(self) -> int:
        slot = super().take()
        time.sleep(next(self._stalls))
        return slot


def test_a_process_that_stalls_between_its_slot_and_its_request_comes_close_to_nobody(pace: Pace) -> None:
    together([lambda: pace.ask(2), lambda: pace.ask(2), lambda: pace.ask(2, budgets=Stalled)])

    instants = [float(entry["monotonic"]) for entry in pace.arrivals()]
    assert min(later - earlier for earlier, later in pairwise(instants)) >= 1.0
    assert pace.n_answered() == 3 * 2


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_four_processes_send_a_thousand_requests_at_the_pace_that_is_allowed(pace: Pace) -> None:
    together([lambda: pace.ask(249)] * 4)

    assert_paced(pace.arrivals())
    assert pace.n_answered() == 4 * 249


@pytest.mark.parametrize("n_requests", [4, pytest.param(249, marks=[pytest.mark.prove, pytest.mark.timeout(1800)])])
def test_a_process_that_is_killed_holds_up_nobody(pace: Pace, n_requests: int) -> None:
    def die(number: int) -> None:
        if number == n_requests // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    others = [fork(lambda: pace.ask(n_requests)) for _ in range(3)]
    victim = fork(lambda: pace.ask(n_requests, died=die))

    assert ended(victim) == -signal.SIGKILL
    assert [ended(other) for other in others] == [0, 0, 0]
    assert_paced(pace.arrivals())
    assert pace.n_answered() == 3 * n_requests + n_requests // 2 + 1
