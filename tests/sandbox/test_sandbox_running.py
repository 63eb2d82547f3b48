"""The sandbox in a thread, and as a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.export_service.twin import KEYCLOAK_PATH, PRODUCTS_PATH
from sandbox.running import main, running_sandbox
from sandbox.settings import SettingError
from tests.sandbox.export_service.harness import ExportCaller

ROOT = Path(__file__).parents[2]
CLIENT = {
    "SANDBOX_EXPORT_SERVICE_CLIENT_ID": "a-client",
    "SANDBOX_EXPORT_SERVICE_CLIENT_SECRET": "canary-of-the-sandbox",
}

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments],
            cwd=ROOT,
            env=os.environ | CLIENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def said_url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found is not None
    return found.group()


def test_a_process_serves_with_the_client_of_its_environment_and_writes_its_port(start: Start, tmp_path: Path) -> None:
    url = said_url(
        start("--port-file", str(tmp_path / "port"), "--set", "token_seconds=7", "--set", "semantics=offset")
    )
    assert url.endswith(":" + (tmp_path / "port").read_text().strip())
    form = {"grant_type": "client_credentials", "client_id": "a-client", "client_secret": "canary-of-the-sandbox"}
    token = httpx.post(url + KEYCLOAK_PATH, data=form, trust_env=False).json()
    assert token["expires_in"] == 7
    products = httpx.get(
        url + PRODUCTS_PATH,
        params={"organization": "audicharginghub"},
        headers={"Authorization": f"Bearer {token['access_token']}"},
        trust_env=False,
    )
    assert len(products.json()) == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_within_two_seconds_whatever_it_does(start: Start, number: signal.Signals) -> None:
    process = start()
    url = said_url(process)
    fault = {"fault": "latency", "seconds": 60, "endpoint": "any"}
    httpx.put(f"{url}/_sandbox/export_service/faults", json=fault, trust_env=False)
    waiting = threading.Thread(target=lambda: swallow(url + PRODUCTS_PATH))
    waiting.start()
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(5) == 0
    assert time.monotonic() - began < 2
    waiting.join(5)
    assert not waiting.is_alive()


def swallow(url: str) -> None:
    try:
        httpx.get(url, trust_env=False, timeout=10)
    except httpx.HTTPError:
        return


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "example.org"])  # noqa: S104 - to be refused
def test_it_refuses_to_listen_beyond_loopback(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", host]) == 2
    assert "loopback only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "semantics=cursor"], "it is one of scroll, search_after, offset"),
        (["--set", "colour=red"], "there is no setting 'colour'"),
        (["--set", "boiler.colour=red"], "there is no twin 'boiler'"),
        (["--set", "semantics"], "--set takes SLUG.NAME=VALUE"),
        (["--set", "volume_documents=-1"], "volume_documents must lie between"),
    ],
)
def test_a_wrong_argument_is_said_in_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_taken_port_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err


def test_two_sandboxes_live_side_by_side_and_leave_nothing_behind() -> None:
    threads = threading.active_count()
    with running_sandbox(client_secret="one") as one, running_sandbox(client_secret="other") as other:
        assert one.url != other.url
        callers = [ExportCaller(sandbox) for sandbox in (one, other)]
        assert callers[0].token(client_secret="other").status_code == 401
        callers[1].bearer = callers[0].bearer
        assert callers[1].query().status_code == 401
        for caller in callers:
            caller.close()
    assert threading.active_count() == threads
    with pytest.raises(httpx.ConnectError):
        httpx.get(one.url, trust_env=False)


def test_a_setting_that_is_none_is_refused_before_anything_runs() -> None:
    with pytest.raises(SettingError, match="there is no setting 'colour'"), running_sandbox(colour="red"):
        pass
