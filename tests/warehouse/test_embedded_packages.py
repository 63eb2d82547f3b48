"""The cache of fetched packages heals itself. Needs a host that uses fetched packages."""

import shutil
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.packages import fetched_installation


@pytest.fixture
def cache(warehouse_server: EmbeddedWarehouse, tmp_path: Path) -> Path:
    """A cache with good archives and no tree: a copy of the one that this run uses."""
    programs = Path(warehouse_server.psql_command()[0]).parent
    source = next((folder for folder in programs.parents if folder.name == "tree"), None)
    if source is None:
        pytest.skip("this host has a PostgreSQL with TimescaleDB of its own and fetches nothing")
    place = tmp_path / "cache" / source.parent.name
    shutil.copytree(source.with_name("archives"), place / "archives")
    shutil.copy(source.with_name("archives.contents"), place)
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH without apt: whatever heals here heals from the archives alone."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("dpkg-deb", "tar", "xz", "zstd"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))


def test_a_tree_that_is_half_unpacked_or_damaged_is_unpacked_again_and_a_whole_one_is_not(cache: Path) -> None:
    place = next(cache.iterdir())
    for name in ("tree", "tree.partial"):
        (place / name / "usr").mkdir(parents=True)
        (place / name / "usr" / "half").touch()
    programs = fetched_installation(cache).programs
    assert not (place / "tree" / "usr" / "half").exists()
    whole, made_at = (place / "tree.contents").read_text(), (programs / "postgres").stat().st_ctime_ns

    fetched_installation(cache)
    assert (programs / "postgres").stat().st_ctime_ns == made_at

    library = next(place.glob("tree/**/libssl.so.*"))
    sound = library.read_bytes()
    for damaged in (b"half", sound[:-1] + bytes([sound[-1] ^ 1])):
        library.write_bytes(damaged)
        fetched_installation(cache)
        assert (place / "tree.contents").read_text() == whole
        assert library.read_bytes() == sound
    assert not (place / "tree.old").exists()


def test_a_damaged_archive_is_never_unpacked_and_the_way_out_is_said(cache: Path) -> None:
    archive = next(cache.rglob("postgresql-17_*.deb"))
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    with pytest.raises(ConfigurationError, match=r"make \.env && docker compose up -d warehouse.*WAREHOUSE_URL"):
        fetched_installation(cache)
    assert not list(cache.rglob("postgres"))
