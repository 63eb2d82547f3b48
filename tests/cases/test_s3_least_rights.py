"""A key of an object store may put and get objects, and neither list them nor make buckets.

A store of ours keeps to the same rights here; the real ones are in `tests/stores`.
"""

import hashlib
from pathlib import Path

import pytest
from upath import UPath

from domain.errors import WarehouseUnavailableError
from tests.fakes.object_store import ObjectStore, Rights, stored
from warehouse.landing import Landing

BODY = b"answer " * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
LEAST = ["all", "below a prefix", "objects"]


@pytest.mark.parametrize("rights", LEAST)
def test_an_answer_is_kept_and_read_with_the_least_rights(monkeypatch: pytest.MonkeyPatch, rights: Rights) -> None:
    store = stored(monkeypatch, ObjectStore(rights))
    landing = Landing("memory://bucket/landing/zone")
    path = landing.keep("hub", BODY, SHA256)
    assert landing.keep("hub", BODY, SHA256) == path
    assert landing.read(path, len(BODY), SHA256) == BODY
    assert len(store.bodies) == 1


@pytest.mark.parametrize("rights", LEAST)
def test_a_landing_zone_is_tried_with_the_least_rights(monkeypatch: pytest.MonkeyPatch, rights: Rights) -> None:
    store = stored(monkeypatch, ObjectStore(rights))
    Landing("memory://bucket/landing/zone").probe()
    assert store.bodies == {}


def test_nothing_is_made_but_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(monkeypatch, ObjectStore())
    landing = Landing("memory://bucket/landing/zone")
    landing.probe()
    landing.keep("hub", BODY, SHA256)
    assert "make bucket" not in store.asked


def test_a_bucket_that_is_mistyped_is_said_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(monkeypatch, ObjectStore())
    with pytest.raises(WarehouseUnavailableError):
        Landing("memory://bukcet/landing/zone").probe()
    assert store.bucket == "bucket"


def test_the_stores_own_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_store: ObjectStore, _path: str, _body: bytes) -> None:
        raise PermissionError("Access Denied for s3:PutObject")

    stored(monkeypatch, ObjectStore(on_put=refused))
    with pytest.raises(WarehouseUnavailableError) as raised:
        Landing("memory://bucket/landing/zone").keep("hub", BODY, SHA256)
    assert "Access Denied for s3:PutObject" in str(raised.value)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("denied: AccountName=x;AccountKey=Zm9vYmFyZm9v==;EndpointSuffix=y", "Zm9vYmFyZm9v"),
        ("GET https://x.example/b?sv=1&sig=abc%2Fdef&se=2", "abc%2Fdef"),
        ("<AWSAccessKeyId>AKIAIOSFODNN7</AWSAccessKeyId>", "IOSFODNN7"),
        ("Authorization: Bearer ya29.short", "ya29"),
        ("https://me:s3cret@x.example/b", "s3cret"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY is wrong", "wJalr"),
        (f"denied {'again ' * 200}", "again " * 60),
    ],
)
def test_the_reason_is_bounded_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch, said: str, secret: str) -> None:
    def refused(_store: ObjectStore, _path: str, _body: bytes) -> None:
        raise PermissionError(13, said)

    stored(monkeypatch, ObjectStore(on_put=refused))
    with pytest.raises(WarehouseUnavailableError, match=r"the landing zone cannot be written \(\S") as raised:
        Landing("memory://bucket/landing/zone").keep("hub", BODY, SHA256)
    assert secret not in str(raised.value)
    assert "memory://bucket/landing/zone" in str(raised.value)


def test_what_is_refused_when_it_is_read_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(monkeypatch, ObjectStore("objects"))
    with pytest.raises(
        WarehouseUnavailableError, match=r"cannot be read \(Access Denied\).*may be refused what is gone"
    ):
        Landing("memory://bucket/landing/zone").read(f"hub/{SHA256[:2]}/{SHA256}.zst", len(BODY), SHA256)


def test_a_key_that_may_not_delete_passes_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_store: ObjectStore, _path: str) -> None:
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(ObjectStore, "delete", refused)
    stored(monkeypatch, ObjectStore("objects"))
    Landing("memory://bucket/landing/zone").probe()
    Landing("memory://bucket/landing/zone").keep("hub", BODY, SHA256)


@pytest.mark.parametrize("prefix", ["zone [P]", "zone*", "zone?"])
def test_a_prefix_is_a_name_and_no_pattern(tmp_path: Path, prefix: str) -> None:
    """No store of ours but fsspec's own: its `rm` would read the name as a pattern."""
    landing = Landing(f"memory://{tmp_path.name}/{prefix}")
    neighbour = UPath(f"memory://{tmp_path.name}") / "zoneX" / "hub"
    neighbour.write_bytes(b"theirs")
    landing.probe()
    path = landing.keep("hub", BODY, SHA256)
    assert landing.read(path, len(BODY), SHA256) == BODY
    names = [one.name for one in UPath(f"memory://{tmp_path.name}").rglob("*") if one.is_file()]
    assert sorted(names) == sorted([f"{SHA256}.zst", "hub"])
