"""Answers are kept whole or not at all, once, and are checked when they are read."""

import hashlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import zstandard
from upath import UPath

from domain.errors import ConfigurationError, PayloadMissingError, WarehouseUnavailableError
from domain.records import BodyFile
from tests.fakes.forked import together
from warehouse.landing import Landing
from warehouse.store_drivers import how_to_install

BODY = b'{"result": [' + b'{"P_kW": 1.5}, ' * 1000 + b"]}"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(params=["folder", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path) if request.param == "folder" else UPath(f"memory://{tmp_path.name}-{os.getpid()}")


def test_a_body_comes_back_as_it_was(root: UPath) -> None:
    landing = Landing(root)

    path = landing.keep("hub", BODY, SHA256)

    assert path == f"hub/{SHA256[:2]}/{SHA256}.zst"
    assert landing.read(path, len(BODY), SHA256) == BODY
    assert len((root / path).read_bytes()) < len(BODY) / 10


def test_an_empty_body_comes_back_too(root: UPath) -> None:
    landing, sha256 = Landing(root), hashlib.sha256(b"").hexdigest()

    assert landing.read(landing.keep("hub", b"", sha256), 0, sha256) == b""


def test_the_same_body_is_not_written_again(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    path = tmp_path / landing.keep("hub", BODY, SHA256)
    before = path.stat().st_ino

    landing.keep("hub", BODY, SHA256)

    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed[:-1],
        lambda _: b"",
        lambda _: b"not zstd at all",
        lambda packed: packed[:40] + bytes([packed[40] ^ 1]) + packed[41:],
        lambda _: zstandard.compress(BODY[:-1] + b"!"),
        lambda _: zstandard.compress(b"\0" * 2**28),
    ],
    ids=["half", "one byte short", "empty", "another format", "a flipped bit", "another body", "a bomb"],
)
def test_damage_is_named_and_healed_by_keeping_the_body_again(root: UPath, damage: Callable[[bytes], bytes]) -> None:
    landing = Landing(root)
    path = landing.keep("hub", BODY, SHA256)
    (root / path).write_bytes(damage((root / path).read_bytes()))

    with pytest.raises(PayloadMissingError, match="a kept answer is damaged"):
        landing.read(path, len(BODY), SHA256)

    landing.keep("hub", BODY, SHA256)
    assert landing.read(path, len(BODY), SHA256) == BODY


def test_a_body_that_is_gone_is_named(root: UPath) -> None:
    with pytest.raises(PayloadMissingError, match=f"gone from the landing zone .payload {SHA256[:12]}"):
        Landing(root).read(f"hub/{SHA256}.zst", 1, SHA256)


@pytest.mark.parametrize("slug", ["", "..", "../x", "/etc", "a/b", ".hidden", "a b", "x\x00", "x" * 64])
def test_a_source_that_cannot_be_a_folder_is_refused(tmp_path: Path, slug: str) -> None:
    with pytest.raises(ConfigurationError):
        Landing(tmp_path / "landing").keep(slug, BODY, SHA256)

    assert list(tmp_path.rglob("*.zst")) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WarehouseUnavailableError, match="No space left on device"):
        Landing(tmp_path).keep("hub", BODY, SHA256)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_is_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / Landing(tmp_path).keep("hub", BODY, SHA256)

    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_leftovers_of_interrupted_writers_are_swept_after_a_day(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    kept = tmp_path / landing.keep("hub", BODY, SHA256)
    old, fresh = tmp_path / "hub/.incoming/old.part", tmp_path / "hub/.incoming/fresh.part"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)

    landing.sweep("hub")

    assert (old.exists(), fresh.exists(), kept.exists()) == (False, True, True)


def test_many_processes_may_keep_the_same_body_at_once(tmp_path: Path) -> None:
    paths = together([partial(Landing(tmp_path).keep, "hub", BODY, SHA256)] * 6)

    assert len(set(paths)) == 1
    assert Landing(tmp_path).read(paths[0], len(BODY), SHA256) == BODY
    assert list((tmp_path / "hub/.incoming").iterdir()) == []


def test_a_store_without_a_driver_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot be used: .*ossfs.*LANDING_URL, oss:.*install its driver into"
    ):
        Landing("oss://bucket/prefix")


@pytest.mark.parametrize(
    ("scheme", "lock"), [("s3", "s3"), ("abfss", "azure"), ("gcs", "gcs"), ("oss", ""), ("sftp", "")]
)
def test_of_a_driver_that_is_missing_the_very_lock_is_named(scheme: str, lock: str) -> None:
    assert how_to_install(scheme) == f"install its driver into .venv{f' (requirements-{lock}.lock)' if lock else ''}"


@pytest.mark.parametrize(
    "url",
    [
        "nosuch://me:s3cret@x/y",
        "S3://bucket/prefix",
        "my_store://bucket/prefix",
        "https://bucket.s3.amazonaws.com/prefix",
        "data://x",
    ],
)
def test_an_address_by_which_no_store_is_known_is_said_to_be_that(url: str, tmp_path: Path) -> None:
    scheme = url.partition(":")[0]
    with pytest.raises(ConfigurationError) as refused:
        Landing(url, setting="TO")
    assert f"no store is known by {scheme}:// (TO, {scheme}://…): write s3://bucket/prefix, " in str(refused.value)
    assert "driver" not in str(refused.value)
    assert Landing(tmp_path / url).place.startswith(str(tmp_path)), "a folder may be called so"


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///landing",
        "s3:// ",
        "gs:///landing",
        "gs:/b/x",
        "az:///landing",
        "s3:bucket/x",
        "s3://?x=1",
        "abfs://@account.dfs.core.windows.net/landing",
    ],
)
def test_an_address_whose_bucket_was_not_filled_in_is_refused_and_no_other_bucket_is_taken(url: str) -> None:
    scheme = url.partition(":")[0]
    with pytest.raises(ConfigurationError, match=rf"no bucket or container stands behind {scheme}:// \(LANDING_URL, "):
        Landing(url)


@pytest.mark.parametrize(
    "url",
    ["simplecache::s3://b/p", "filecache::file:///srv/x", "zip://x::s3://b/x.zip", "file:///srv/x::zip", "dir::/srv"],
)
def test_a_chain_of_file_systems_is_refused(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot be there: it is a chain of file systems \(::\) \(LANDING_URL, "
    ):
        Landing(url)


class _StoreError(Exception):
    """As a store's own library raises them: no OSError, and wordy."""


@pytest.fixture
def broken_store(monkeypatch: pytest.MonkeyPatch) -> Landing:
    def refuse(*_: object, **__: object) -> None:
        raise _StoreError("signature of key AKIA123 is wrong")

    landing = Landing("memory://broken")
    for request in ("_open", "cat_file"):
        monkeypatch.setattr(type(UPath("memory://broken").fs), request, refuse)
    return landing


def test_a_stores_own_errors_are_ours(broken_store: Landing, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    asked: list[Callable[[], object]] = [
        lambda: broken_store.keep("hub", BODY, SHA256),
        lambda: broken_store.keep_file("hub", BodyFile(tmp_path / "body", len(BODY), SHA256)),
        lambda: broken_store.read("hub/x.zst", 1, SHA256),
        broken_store.probe,
    ]
    for ask in asked:
        with pytest.raises(
            WarehouseUnavailableError, match=r"_StoreError of the store: signature of key … is wrong.*memory://broken"
        ) as refused:
            ask()
        assert "AKIA" not in str(refused.value)


def test_a_probe_leaves_nothing_behind_and_a_folder_that_cannot_be_is_said(root: UPath, tmp_path: Path) -> None:
    Landing(root).probe()
    assert [path for path in root.rglob("*") if path.is_file()] == []
    (tmp_path / "file").touch()
    with pytest.raises(WarehouseUnavailableError, match="the landing zone cannot be written"):
        Landing(tmp_path / "file" / "below").probe()


@pytest.mark.parametrize("url", ["memory://me:s3cret@x/y", "memory://me:with/s3cret@x/y", "memory://x/y?sig=s3cret"])
def test_a_place_names_no_password(url: str) -> None:
    assert "s3cret" not in Landing(url).place


@pytest.mark.parametrize("url", ["az://me:s3cret/of==@container/x", "none://me:s3cret@x/y", "none://x/y?sig=s3cret"])
def test_an_address_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Landing(url)
    assert "s3cret" not in str(refused.value)
