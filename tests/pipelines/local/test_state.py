import stat
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from pipelines.local.state import keep, kept, recalled


def test_what_is_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "facts.json"
    keep(path, {"password": "canary"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert recalled(path) == {"password": "canary"}
    assert [file.name for file in path.parent.iterdir()] == ["facts.json"]


def test_a_password_is_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    drawn = iter(range(10))
    first = kept(path, lambda: {"password": next(drawn)})
    assert kept(path, lambda: {"password": next(drawn)}) == first


def test_a_fact_that_lacks_is_added_to_those_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    keep(path, {"port": 1})
    assert kept(path, lambda: {"port": 2, "password": "new"}) == {"port": 1, "password": "new"}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="a file of ours is damaged"):
        recalled(path)
