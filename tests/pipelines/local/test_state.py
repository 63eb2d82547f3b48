import stat
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from pipelines.local import state


def test_what_is_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "facts.json"
    state.write(path, {"password": "canary"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert state.read(path) == {"password": "canary"}
    assert [file.name for file in path.parent.iterdir()] == ["facts.json"]


def test_a_password_is_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    drawn = iter(range(10))
    first = state.read_or_create(path, lambda: {"password": next(drawn)})
    assert state.read_or_create(path, lambda: {"password": next(drawn)}) == first


def test_a_fact_that_lacks_is_added_to_those_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    state.write(path, {"port": 1})
    assert state.read_or_create(path, lambda: {"port": 2, "password": "new"}) == {"port": 1, "password": "new"}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="a file of ours is damaged"):
        state.read(path)
