"""The shipped way to Servitly's twin: how a source is reached, its environment, and workers that die at any step."""

import contextlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import psycopg

from domain.contract import Budget
from providers.servitly.account import AccountConfig
from providers.servitly.client import Servitly
from providers.servitly.polling_policy import PollingPolicy
from resources import order_worker
from resources.endpoint import Endpoint
from resources.servitly import ServitlyConfig
from resources.session import ProviderSession
from resources.settings import Settings
from sandbox.running import Sandbox
from sandbox.servitly import twin as served
from tests.fakes.forked import ended, fork, replace_in_child
from tests.providers.servitly.harness import ACCOUNT, PACE

CONFIG = ServitlyConfig(
    Endpoint("fleet", "assets/fleet/defs.yaml", base_url_env="FLEET_URL"),
    ACCOUNT,
    username_env="FLEET_USERNAME",
    password_env="FLEET_PASSWORD",
    api_key_env="FLEET_API_KEY",
    requests_per_minute=60_000.0,
    polling_policy=replace(PollingPolicy(), first_poll=0.02),
)


def config_to(source: str, account: AccountConfig = ACCOUNT, policy: PollingPolicy = PACE) -> ServitlyConfig:
    """A source at the twin that `environment` names."""
    endpoint = replace(CONFIG.endpoint, source=source)
    return replace(CONFIG, endpoint=endpoint, account=account, polling_policy=policy)


def environment(sandbox: Sandbox, database: str, home: str) -> dict[str, str]:
    """The variables of a source at the twin, and nothing else."""
    twin = sandbox.control.twins["servitly"]
    assert isinstance(twin, served.Servitly)
    return {
        "FLEET_URL": sandbox.url + served.ROOT,
        "FLEET_USERNAME": twin.settings.username,
        "FLEET_PASSWORD": twin.settings.password,
        "FLEET_API_KEY": twin.settings.api_key,
        "WAREHOUSE_URL": database,
        "JOULEHOUSE_HOME": home,
    }


class Unmetered(ProviderSession):
    """A session without a budget, whose bookkeeping would be most of the steps of a run."""

    def budget(self, counted_by: str, per_second: float | None) -> Budget | None:
        assert counted_by
        assert per_second
        return None


@contextmanager
def shipped(config: ServitlyConfig, variables: Mapping[str, str]) -> Iterator[tuple[ProviderSession, Servitly]]:
    """The client as a step is given it, but for its budget; the warehouse is taken for checked."""
    with Unmetered(
        config.endpoint, Settings(variables), provider="servitly", path="", warehouse=variables["WAREHOUSE_URL"]
    ) as session:
        yield session, config.client(session)


class Steps:
    """Counts steps in this process, and does at one of them what it was told to.

    A step is the moment after a process has spoken with somebody else: until it speaks again, the world stays as it is.
    Around what it does with files there are two.

    Args:
        fatal: The step, from 1 on; with 0 nothing happens.
        act: What happens; by default, this process ends as by a power cut.
    """

    def __init__(self, fatal: int, act: Callable[[], object] | None = None) -> None:
        self._left = fatal
        self._act = act or _die
        self._pid = os.getpid()

    def step(self) -> None:
        if self._pid == os.getpid():  # and in no child of it
            self._left -= 1
            if self._left == 0:
                self._act()

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            result = call(*arguments, **named)
            self.step()
            return result

        return counted

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        counted = self.after(call)

        def counted_twice(*arguments: Any, **named: Any) -> Any:
            self.step()
            return counted(*arguments, **named)

        return counted_twice

    def install(self) -> None:
        """Only ever called in a child: nothing is put back."""
        replace_in_child(psycopg.Connection, "wait", self.after(psycopg.Connection.wait))
        for name in ("fsync", "replace", "write", "read"):
            replace_in_child(os, name, self.around(getattr(os, name)))
        for name in ("sendall", "recv"):
            replace_in_child(socket.socket, name, self.after(getattr(socket.socket, name)))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class ForkedWorker:
    """What `OrderWorker` starts by `subprocess.Popen`, started by fork: a tenth of the time, as all is imported.

    It is the same `main` in a process and a session of its own, with its own variables, and talks through two pipes.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        start_new_session: bool,
        env: Mapping[str, str],
        steps: Callable[[int], Steps] | None,
    ) -> None:
        assert command == order_worker.COMMAND
        assert (stdin, stdout, start_new_session) == (subprocess.PIPE, subprocess.PIPE, True)
        told, self._tell = os.pipe()
        self._hear, say = os.pipe()
        run = os.getpid()
        self.stdin = self.stdout = None
        self.pid = fork(lambda: self._be(told, say, dict(env), steps and steps(run)))
        os.close(told)
        os.close(say)

    def _be(self, told: int, say: int, variables: dict[str, str], steps: Steps | None) -> None:
        os.setsid()
        os.dup2(told, 0)
        os.dup2(say, 1)
        # Sockets of the run among them: its session with the warehouse must end when it dies.
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(variables)
        sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
        if steps is not None:
            steps.install()
        order_worker.main()

    def communicate(self, told: bytes, timeout: float) -> tuple[bytes, None]:
        half = len(told) // 2
        for piece in (told[:half], told[half:]):
            with contextlib.suppress(BrokenPipeError):
                os.write(self._tell, piece)
        os.close(self._tell)
        said, until = BytesIO(), time.monotonic() + timeout
        while select.select([self._hear], [], [], max(until - time.monotonic(), 0))[0]:
            piece = os.read(self._hear, 65536)
            if not piece:
                self.wait()
                return said.getvalue(), None
            said.write(piece)
        raise subprocess.TimeoutExpired(order_worker.COMMAND, timeout)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        return ended(self.pid)


def message(config: ServitlyConfig, number: int, order: object) -> bytes:
    """What a worker is sent."""
    return pickle.dumps((config, number, order))


def by_fork(steps: Callable[[int], Steps] | None = None) -> SimpleNamespace:
    """What stands for `subprocess` in `resources.order_worker`, so that workers are forked.

    Args:
        steps: Makes what counts a worker's steps, given the process id of its run; None if none is counted.
    """
    return SimpleNamespace(
        Popen=partial(ForkedWorker, steps=steps), PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired
    )


def start_workers_by(stand_in: SimpleNamespace) -> None:
    """Have workers started by `stand_in.Popen`. Only ever called in a child: nothing is put back."""
    replace_in_child(order_worker, "subprocess", stand_in)
