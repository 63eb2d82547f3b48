"""A key of an object store may put and get objects, and neither list them nor make buckets.

The stores' own drivers are no part of the locks: a store of ours keeps to the same rights here.
"""

import hashlib

import pytest

from domain.errors import WarehouseUnavailableError
from tests.fakes.object_store import ObjectStore, Rights, stored
from warehouse.landing import Landing

BODY = b"answer " * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
MORE_THAN_NEEDED = pytest.mark.xfail(raises=WarehouseUnavailableError, reason="a folder is made, that is: a bucket")
LEAST = [
    "all",
    pytest.param("below a prefix", marks=MORE_THAN_NEEDED),
    pytest.param("objects", marks=MORE_THAN_NEEDED),
]


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


@pytest.mark.xfail(raises=AssertionError, reason="a folder is made, that is: a bucket")
def test_nothing_is_made_but_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(monkeypatch, ObjectStore())
    landing = Landing("memory://bucket/landing/zone")
    landing.probe()
    landing.keep("hub", BODY, SHA256)
    assert "make bucket" not in store.asked


@pytest.mark.xfail(raises=pytest.fail.Exception, reason="a bucket that is not there is made, whatever it is called")
def test_a_bucket_that_is_mistyped_is_said_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(monkeypatch, ObjectStore())
    with pytest.raises(WarehouseUnavailableError):
        Landing("memory://bukcet/landing/zone").probe()
    assert store.bucket == "bucket"


@pytest.mark.xfail(raises=AssertionError, reason="the store's own reason is left out")
def test_the_stores_own_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_store: ObjectStore, _path: str, _body: bytes) -> None:
        raise PermissionError("Access Denied for s3:PutObject")

    stored(monkeypatch, ObjectStore(on_put=refused))
    with pytest.raises(WarehouseUnavailableError) as raised:
        Landing("memory://bucket/landing/zone").keep("hub", BODY, SHA256)
    assert "Access Denied for s3:PutObject" in str(raised.value)
