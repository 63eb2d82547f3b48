"""A real Redis as the broker of the workers, and real workers at it: processes on loopback, each with a log to read."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from pipelines.local.processes import poll
from resources.settings import PROJECT
from tests.fakes.demo import PROGRAM
from warehouse.embedded.host import free_port

PASSWORD: Final = "p@ss/w:o#r?d;%41"
"""As people choose them, but for spaces."""


@dataclass
class Broker:
    """A Redis that wants a password and keeps what it holds in a file, as the container's does.

    Attributes:
        folder: Where the file is.
        port: Where it listens.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    _server: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """For `BROKER_URL`; the password is for `BROKER_PASSWORD`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Begin, and wait until it answers."""
        program = shutil.which("redis-server")
        assert program, "there is no redis-server here: install it (Debian: apt-get install redis-server)"
        self.folder.mkdir(parents=True, exist_ok=True)
        options = [
            "--requirepass",
            PASSWORD,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--save",
            "",
        ]
        self._server = subprocess.Popen(
            [program, *options, "--appendonly", "yes", "--logfile", str(self.folder / "log")]
        )
        assert any(self.ask("PING") == "+PONG" for _ in poll(20, every=0.02)), "Redis does not answer"

    def stop(self) -> None:
        """End it as a host does that goes down: at once."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def ask(self, *words: str) -> str:
        """The first line of the answer to a command; empty where nobody answers."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as session:
            session.sendall(f"AUTH {PASSWORD}\r\n{' '.join(words)}\r\n".encode())
            with session.makefile("rb") as answers:
                answers.readline()
                return answers.readline().decode().removesuffix("\r\n")
        return ""


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """One that runs as long as the block."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@dataclass(frozen=True)
class Worker:
    """A worker that runs.

    Attributes:
        process: The process that started it; the worker and its runs are below it, or are it.
        log: What it says.
    """

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def all_processes(self) -> list[psutil.Process]:
        """It and everything below it."""
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def kill(self) -> None:
        """End it with all its processes at once, as a host that loses power does."""
        for process in self.all_processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def stop(self, *, seconds: float = 60) -> None:
        """Tell it to end; its runs are ended first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def running_worker(
    folder: Path, environment: Mapping[str, str], *, places: int = 1, within: Sequence[str] = ()
) -> Iterator[Worker]:
    """`joulehouse worker`, ready to take runs, as long as the block.

    Args:
        folder: For its log.
        environment: What it finds in its environment.
        places: How many runs at a time.
        within: What is typed before the command: of a namespace.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "worker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*within, PROGRAM, "worker", "--places", str(places)],
            cwd=PROJECT,  # whatever it is started in, here a folder with other sources
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    worker = Worker(process, log)
    try:
        for _ in poll(120, every=0.05):
            if " ready." in log.read_text("utf-8"):
                break
            assert process.poll() is None, log.read_text("utf-8")[-2000:]
        else:
            raise AssertionError(log.read_text("utf-8")[-2000:])
        yield worker
    finally:
        worker.stop()
