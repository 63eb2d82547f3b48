"""Processes of our own: started with a log, found again by number, asked over HTTP, ended with all their children.

Each one leads a session of its own, so that Ctrl-C in the terminal reaches the command line alone, which then ends them
in order. A random mark in the environment, which children inherit, tells ours from another process that got the number
since, and finds the children of one that was killed.

`LoopbackServer` is not a client for providers (that is `providers/_http.py`): it knows one host, and no credential.
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from domain.errors import ConfigurationError
from domain.records import Json
from pipelines.local.state import make_private_folder
from warehouse.embedded.host import free_port

HOST: Final = "127.0.0.1"

_REQUEST_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 20.0
_KILL_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2
_TAIL_LINES: Final = 12
_CHILDREN: Final[dict[int, subprocess.Popen[bytes]]] = {}  # Python warns of a living child whose handle is dropped
_MARK: Final = "JOULEHOUSE_PROCESS"


@dataclass(frozen=True, slots=True)
class Process:
    """A process by name: its number is in `<folder>/<name>.pid`, its output in `<folder>/<name>.log`.

    Attributes:
        name: What it is.
        folder: Where its two files are.
    """

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """What it wrote to stdout and stderr."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process number; None when it does not run. A number that another process has since got does not count."""
        number, mark = self._read_pid_file()
        if number is None or not psutil.pid_exists(number):
            return None
        with suppress(psutil.NoSuchProcess):
            return number if _is_ours(psutil.Process(number), None, mark) else None
        return None

    def start(
        self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], goes_on: bool = False
    ) -> None:
        """Begin, with an empty log. One of the same name that still runs is ended first, with all its children.

        With `goes_on` it takes the place of one that is dead: whose children live on, as its own, and its log goes on.
        """
        if not goes_on:
            self.stop()  # which forgets the mark
        make_private_folder(self.folder)
        mark = self._read_pid_file()[1] or f"{self.name}-{secrets.token_hex(8)}"
        with self.log.open("ab" if goes_on else "wb") as log:
            child = subprocess.Popen(  # noqa: S603 — our own programs, no shell
                list(command),
                cwd=cwd,
                env={**environment, _MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _CHILDREN[child.pid] = child
        self._pid_file.write_text(f"{child.pid}\n{mark}\n")
        for _ in poll(1.0, every=0.001):  # Linux shows the environment an instant after the program is there
            if self.pid is not None or child.poll() is not None:
                return

    def ask_to_stop(self) -> None:
        """Send SIGTERM to it and its children, and do not wait: `stop` does."""
        if (pid := self.pid) is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)

    def stop(self) -> bool:
        """End it and its children, first politely; whether any ran. Children are ended even if it is dead."""
        pid = self.pid
        number, mark = self._read_pid_file()
        has_ended_any = _end(pid, mark)
        if number is not None:
            _reap(number)
        self._pid_file.unlink(missing_ok=True)
        return has_ended_any

    def tail(self) -> str:
        """The last lines of its log."""
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return ""

    def _read_pid_file(self) -> tuple[int | None, str]:
        """Its number and its mark; None and an empty text where there is no file."""
        try:
            first, _, rest = self._pid_file.read_text().partition("\n")
        except FileNotFoundError:
            return None, ""
        number = first.partition(" ")[0]
        return int(number) if number else None, rest.strip()

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"


@dataclass(frozen=True, slots=True)
class LoopbackServer:
    """One server on this machine.

    Attributes:
        port: Where it listens.
        title: What it is, for a message.
        log: The file to read when it does not answer.
    """

    port: int
    title: str
    log: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def request(self, method: str, path: str, document: object = None) -> Json:
        """The JSON that it answers.

        Raises:
            ConfigurationError: It is away, or refuses.
        """
        body = self._successful_body(method, path, document)
        return json.loads(body) if body else None

    def lines(self, path: str) -> list[bytes]:
        """The lines of a newline-delimited answer.

        Raises:
            ConfigurationError: It is away, or refuses.
        """
        return self._successful_body("GET", path, None).splitlines()

    def is_up(self, path: str) -> bool:
        """Whether it answers `path` with a success."""
        try:
            status, _ = self._exchange("GET", path, None)
        except ConfigurationError:
            return False
        return status < http.client.BAD_REQUEST

    def _successful_body(self, method: str, path: str, document: object) -> bytes:
        status, body = self._exchange(method, path, document)
        if status >= http.client.BAD_REQUEST:
            raise ConfigurationError(
                f"{self.title} answered {status}: {_reason(body)}",
                place=f"{method} {path.partition('?')[0]}",
                fix=f"ask for something else, or read {self.log}",
            )
        return body

    def _exchange(self, method: str, path: str, document: object) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_REQUEST_SECONDS)
        body = None if document is None else json.dumps(document)
        try:
            headers = {"Content-Type": "application/json", "Origin": self.url} if body else {}  # as its own page sends
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ConfigurationError(
                f"{self.title} does not answer: {error}", place=f"{HOST}:{self.port}", fix=f"read {self.log}"
            ) from None
        finally:
            connection.close()


def handle_signals() -> None:
    """Let SIGINT and SIGTERM interrupt this process, even if the shell that started it ignores them.

    A shell's `command &` hands down an ignored SIGINT, our children would inherit it, and Dagster copies what it finds
    to SIGTERM: nothing but SIGKILL, which orphans its children, would then end them.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def ignore_signals() -> None:
    """Ignore further interruptions, so that stopping is not itself interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def poll(seconds: float, *, every: float = _POLL_SECONDS) -> Iterator[None]:
    """Yield every `every` seconds until `seconds` have passed; the body leaves when its condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(every)


def require_free(port: int | None) -> None:
    """Refuse a port that somebody listens on.

    Raises:
        ConfigurationError: It is taken.
    """
    if port is not None and free_port(port) != port:
        raise ConfigurationError("the port is taken", place=f"{HOST}:{port}", fix="choose another with --port")


def _end(leader: int | None, mark: str) -> bool:
    """SIGTERM to all that belong together, and SIGKILL to those left after the grace period; whether any ran."""
    running = found = _belonging(leader, mark)
    for number, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        for process in running:
            with suppress(psutil.Error):
                process.send_signal(number)
        for _ in poll(seconds, every=0.05):
            for process in running:
                _reap(process.pid)
            if any(_is_ours(process, leader, mark) for process in running):
                continue
            if not (running := _belonging(leader, mark)):
                return bool(found)
    return bool(found)


def _belonging(leader: int | None, mark: str) -> list[psutil.Process]:
    """The living processes of the session of `leader`, and those that carry the mark."""
    if leader is None and not mark:
        return []
    return [process for process in psutil.process_iter() if _is_ours(process, leader, mark)]


def _is_ours(process: psutil.Process, leader: int | None, mark: str) -> bool:
    """Whether it lives, and is of the leader's group or carries the mark. A zombie that nobody reaps does not live."""
    try:
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return False
        return os.getpgid(process.pid) == leader or (mark != "" and process.environ().get(_MARK) == mark)
    except (psutil.Error, OSError):
        return False


def _reap(pid: int) -> None:
    child = _CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        del _CHILDREN[pid]


def _reason(body: bytes) -> str:
    """The `error` of a JSON body, or the beginning of any other."""
    try:
        return str(json.loads(body)["error"]).rstrip(".")
    except (ValueError, TypeError, KeyError):
        return body[:200].decode(errors="replace").strip()
