import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.local import processes
from pipelines.local.processes import Process

PARENT_AND_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def first_line(process: Process) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.log.exists() and (lines := process.log.read_text().splitlines()):
            return lines[0]
        time.sleep(0.02)
    raise AssertionError(process.tail())


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process("one", tmp_path)


def start(process: Process, program: str) -> None:
    process.start([sys.executable, "-c", program], cwd=process.folder, environment=os.environ)


def test_stopping_ends_the_process_and_its_children(process: Process) -> None:
    start(process, PARENT_AND_CHILD)
    child = int(first_line(process))
    pid = process.pid
    assert pid is not None
    assert lives(child)
    assert process.stop()
    assert not lives(pid)
    assert not lives(child)
    assert process.pid is None
    assert not process.stop()


def test_what_takes_the_place_of_a_dead_one_leaves_its_children_at_work_and_ends_them_with_itself(
    process: Process,
) -> None:
    start(process, PARENT_AND_CHILD)
    child = int(first_line(process))
    os.kill(process.pid or 0, signal.SIGKILL)
    process.start(
        [sys.executable, "-c", "import time; time.sleep(60)"], cwd=process.folder, environment=os.environ, goes_on=True
    )
    assert lives(child)
    assert str(child) in process.tail()
    assert process.stop()
    assert not lives(child)


def test_the_dead_that_nobody_reaps_are_not_waited_for(process: Process) -> None:
    """As in a container without an init, where a child whose parent has ended stays a zombie."""
    start(process, "import time; time.sleep(60)")
    assert process.pid is not None
    unreaped = processes._CHILDREN.pop(process.pid)
    begin = time.monotonic()
    assert process.stop()
    assert time.monotonic() - begin < 10
    unreaped.wait()


def test_children_are_ended_even_if_their_process_was_killed_and_they_have_left_its_session(process: Process) -> None:
    start(process, PARENT_AND_CHILD.replace('time.sleep(60)"]', 'time.sleep(60)"], start_new_session=True'))
    child = int(first_line(process))
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while lives(pid):
            time.sleep(0.02)
        assert lives(child)
        assert Process("one", process.folder).stop(), "another command line finds them"
        assert not lives(child)
        assert lives(bystander.pid)
        assert not process.stop()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_is_found_again_by_its_number(process: Process) -> None:
    start(process, PARENT_AND_CHILD)
    try:
        assert Process("one", process.folder).pid == process.pid
    finally:
        process.stop()


def test_a_number_that_another_process_has_since_got_is_never_ended(process: Process) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        (process.folder / "one.pid").write_text(f"{bystander.pid} 1")
        assert process.pid is None
        assert not process.stop()
        assert lives(bystander.pid)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_second_start_ends_the_first(process: Process) -> None:
    start(process, PARENT_AND_CHILD)
    first = process.pid
    start(process, PARENT_AND_CHILD)
    try:
        assert first is not None
        assert not lives(first)
        assert process.pid != first
    finally:
        process.stop()


def test_a_process_that_does_not_listen_is_killed(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.local.processes._GRACE_SECONDS", 0.3)
    start(process, DEAF)
    assert first_line(process) == "deaf"
    pid = process.pid
    assert pid is not None
    assert process.stop()
    assert not lives(pid)


def test_ctrl_c_is_heard_even_if_the_shell_that_started_us_ignored_it(tmp_path: Path) -> None:
    """A shell's `command &` hands down an ignored SIGINT, which Dagster copies to SIGTERM."""
    program = f"""
import os, signal
from pathlib import Path
from pipelines.local.processes import Process, handle_signals
handle_signals()
process = Process("child", Path({str(tmp_path)!r}))
process.start([{sys.executable!r}, "-c", "import signal; print(signal.getsignal(signal.SIGINT) != signal.SIG_IGN)"],
    cwd=Path("."), environment=os.environ)
"""
    quoted = f"trap '' INT; exec {sys.executable} -c \"$PROGRAM\""
    environment = os.environ | {"PROGRAM": program}
    subprocess.run(["sh", "-c", quoted], env=environment, check=True, timeout=30)
    assert first_line(Process("child", tmp_path)) == "True"
