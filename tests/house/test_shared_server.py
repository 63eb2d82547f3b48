"""The server that a test run shares: one for all workers, in memory where there is room, and nothing left of it."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.fakes import shared_server
from warehouse.embedded import EmbeddedWarehouse


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A file system with room, for us alone."""
    folder = tmp_path / "memory"
    folder.mkdir()
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(above.stat().st_mode | 0o011)
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def ended() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def test_all_who_share_a_run_have_one_home_and_the_last_takes_it_away(
    run_folder: Path, memory: Path, package_cache: Path
) -> None:
    home = shared_server.enter(run_folder, memory=memory, room_bytes=0)
    assert home.is_relative_to(memory)
    assert shared_server.enter(run_folder, memory=memory, room_bytes=0) == home
    other = home / "users" / str(os.getppid())
    other.touch()
    assert not shared_server.leave(run_folder, package_cache)
    other.unlink()
    (home / "users" / str(os.getpid())).touch()
    assert shared_server.leave(run_folder, package_cache)
    assert list(memory.glob("*")) == [] == shared_server.sweep(package_cache, memory=memory)


def test_without_room_in_memory_it_lives_on_the_disk(run_folder: Path, memory: Path, tmp_path: Path) -> None:
    assert shared_server.enter(run_folder, memory=memory, room_bytes=1 << 60).is_relative_to(run_folder)
    assert shared_server.enter(tmp_path, memory=tmp_path / "not there").is_relative_to(tmp_path)


def test_what_a_killed_run_left_is_stopped_and_taken_away_and_what_is_in_use_stays(
    run_folder: Path, memory: Path, package_cache: Path, ended: int, tmp_path: Path
) -> None:
    home = shared_server.enter(run_folder, memory=memory, room_bytes=0)
    warehouse = EmbeddedWarehouse(home, cache=package_cache, durable=False)
    url = warehouse.start()
    assert shared_server.sweep(package_cache, memory=memory) == []
    with psycopg.connect(url) as session:
        session.execute("SELECT 1")
    (home / "users" / str(os.getpid())).rename(home / "users" / str(ended))
    (tmp_path / "another").mkdir()
    in_use = shared_server.enter(tmp_path / "another", memory=memory, room_bytes=0)
    assert shared_server.sweep(package_cache, memory=memory) == [home]
    assert [entry for entry in memory.iterdir() if entry.is_dir()] == [in_use.parent]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_a_home_that_is_gone_is_made_anew_for_those_who_note_it(
    run_folder: Path, memory: Path, package_cache: Path, ended: int
) -> None:
    home = shared_server.enter(run_folder, memory=memory, room_bytes=0)
    (home / "users" / str(os.getpid())).rename(home / "users" / str(ended))
    assert shared_server.sweep(package_cache, memory=memory) == [home]
    again = shared_server.enter(run_folder, memory=memory, room_bytes=0)
    assert again != home
    assert again.is_dir()
