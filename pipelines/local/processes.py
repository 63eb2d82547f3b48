"""Processes of our own: started with a log, found again by their number, ended with all their children.

Each one leads a session of its own, so that Ctrl-C in the terminal reaches the command line alone, which then ends them
in order. What a killed command line leaves behind is found by its number file and ended by the next one; the children
of one that was killed itself are found by a mark in their environment.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from pipelines.local.loopback import looks
from pipelines.local.state import private_folder

_GRACE_SECONDS: Final = 20.0
_TAIL_LINES: Final = 12
_PROC: Final = Path("/proc")
_HELD: Final[dict[int, subprocess.Popen[bytes]]] = {}  # a forgotten handle of a living process is a warning
_MARK: Final = "JOULEHOUSE_PROCESS"
_STARTED: Final = 19  # the start time, counted from the state (proc(5))


@dataclass(frozen=True, slots=True)
class Process:
    """A process by name: `<folder>/<name>.pid` says which one, `<folder>/<name>.log` what it said.

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
        number, _, birth = self._noted()[0].partition(" ")
        return int(number) if number and birth.strip() == _birth(int(number)) != "" else None

    def start(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> None:
        """Begin, with an empty log. A left-over of the same name is ended first."""
        self.stop()
        private_folder(self.folder)
        mark = f"{self.name}-{secrets.token_hex(8)}"
        with self.log.open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 — our own programs, no shell
                list(command),
                cwd=cwd,
                env={**environment, _MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _HELD[child.pid] = child
        self._number_file.write_text(f"{child.pid} {_birth(child.pid)}\n{mark}\n")

    def ask_to_stop(self) -> None:
        """Tell it and its children that the end has come, and do not wait: `stop` does."""
        if (pid := self.pid) is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)

    def stop(self) -> bool:
        """End it and its children, first politely; whether there was one. Children are ended even if it is dead."""
        pid, (noted, mark) = self.pid, self._noted()
        if pid is not None:
            _end_group(pid)
        elif noted:
            _bury(int(noted.partition(" ")[0]))
        left = _end_marked(mark) if mark else 0
        self._number_file.unlink(missing_ok=True)
        return pid is not None or left > 0

    def tail(self) -> str:
        """The last lines of its log."""
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return ""

    def _noted(self) -> tuple[str, str]:
        """Its number and birth, and its mark; empty texts where nothing is noted."""
        try:
            first, _, rest = self._number_file.read_text().partition("\n")
        except FileNotFoundError:
            return "", ""
        return first, rest.strip()

    @property
    def _number_file(self) -> Path:
        return self.folder / f"{self.name}.pid"


def hear_signals() -> None:
    """Let SIGINT and SIGTERM interrupt this process, whatever the shell that started it had said.

    A shell's `command &` hands down an ignored SIGINT, our children would inherit it, and Dagster copies what it finds
    to SIGTERM: nothing but SIGKILL, which orphans its children, would then end them.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def let_finish() -> None:
    """Ignore further interruptions: what is being ended is ended whole."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _end_group(leader: int) -> None:
    """SIGTERM to the whole session, and SIGKILL to whoever is left when the grace is over."""
    for number, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
        for _ in looks(seconds, every=0.05):
            is_over = not _group_lives(leader)
            _bury(leader)
            if is_over:
                return


def _end_marked(mark: str) -> int:
    """End every process that has `mark` in its environment, first politely; how many there were."""
    found = _marked(mark)
    for number, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, 5.0)):
        for pid in _marked(mark):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        for _ in looks(seconds, every=0.05):
            if not _marked(mark):
                return len(found)
    return len(found)


def _marked(mark: str) -> list[int]:
    """The living processes with `mark` in their environment; none where the system has no `/proc` to tell."""
    wanted = f"{_MARK}={mark}".encode()
    return [pid for pid in (_numbers() if _PROC.exists() else ()) if wanted in _environment(pid).split(b"\0")]


def _environment(pid: int) -> bytes:
    """What the process was started with; nothing of the dead, and nothing of somebody else's."""
    fields = _stat(pid)
    if not fields or fields[0] in "ZX":
        return b""
    try:
        return (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


def _bury(pid: int) -> None:
    child = _HELD.get(pid)
    if child is not None and child.poll() is not None:
        del _HELD[pid]


def _group_lives(leader: int) -> bool:
    """Whether anybody of it still runs. The dead that nobody buries (a container without init) do not count."""
    if not _PROC.exists():
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return False
        return True
    return any(fields[2] == str(leader) and fields[0] not in "ZX" for fields in map(_stat, _numbers()) if fields)


def _numbers() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/<pid>/stat` behind the name: state, parent, group …; empty when there is no such process."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _birth(pid: int) -> str:
    """When the process began, in whatever unit this system counts; empty when it does not run."""
    if _PROC.exists():
        fields = _stat(pid)
        return "" if not fields or fields[0] in "ZX" else fields[_STARTED]
    answer = subprocess.run(  # noqa: S603 — a number of ours, no shell
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 — every Unix has it
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()
