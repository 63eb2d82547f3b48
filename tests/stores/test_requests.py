"""What a payload costs: the requests that a store really gets."""

import hashlib
import os
from pathlib import Path

import pytest

from domain.errors import PayloadMissingError, WarehouseUnavailableError
from domain.records import BodyFile
from tests.fakes.object_stores import Store
from warehouse.landing import Landing

BODY = b'{"result": [' + b'{"P_kW": 1.5}, ' * 1000 + b"]}"
SHA256 = hashlib.sha256(BODY).hexdigest()
PATH = f"hub/{SHA256[:2]}/{SHA256}.zst"
PUTS = {"s3": "PUT", "azure": "PUT", "gcs": "POST"}


def asked(store: Store) -> list[str]:
    """The verbs since this was asked last."""
    verbs = [one.method for one in store.relay.asked]
    store.relay.asked.clear()
    return verbs


def test_an_answer_is_kept_with_two_requests_at_most_and_read_with_one(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    landing = Landing(store.url)
    assert landing.keep("hub", BODY, SHA256) == PATH
    assert asked(store) == ["GET", PUTS[store.kind]]
    landing.keep("hub", BODY, SHA256)
    assert asked(store) == ["GET"]
    assert landing.read(PATH, len(BODY), SHA256) == BODY
    assert asked(store) == ["GET"]
    # gcsfs would ask another service for the kind of the bucket, and says that it cannot.
    assert [one.message for one in caplog.records if one.name.startswith("gcsfs")] == []


def test_a_file_that_is_small_is_kept_with_one_request_and_read_with_one(store: Store, tmp_path: Path) -> None:
    landing, body = Landing(store.url), os.urandom(2**20)
    (tmp_path / "body").write_bytes(body)
    file = BodyFile(tmp_path / "body", len(body), hashlib.sha256(body).hexdigest())
    path = landing.keep_file("hub", file)
    assert asked(store) == ["GET", PUTS[store.kind]]
    with landing.as_file(path, file.n_bytes, file.sha256) as kept:
        assert kept.path.read_bytes() == body
    assert asked(store) == ["GET"]


def test_a_file_that_is_large_is_kept_by_pieces_without_a_list(store: Store, tmp_path: Path) -> None:
    landing, body = Landing(store.url), os.urandom(17 * 2**20)
    (tmp_path / "body").write_bytes(body)
    file = BodyFile(tmp_path / "body", len(body), hashlib.sha256(body).hexdigest())
    path = landing.keep_file("hub", file)
    with landing.as_file(path, file.n_bytes, file.sha256) as kept:
        assert kept.path.read_bytes() == body
    assert not [one for one in store.relay.asked if "prefix=" in one.query or one.path.count("/") < 3]


def test_a_bucket_that_is_mistyped_is_said_and_not_made(store: Store) -> None:
    scheme, _, rest = store.url.partition("://bucket-")
    wrong = f"{scheme}://bucket-x{rest}"
    why = "no such bucket" if store.kind == "gcs" else "does not exist"
    said = rf"\(.*{why}.*\) \({scheme}://bucket-x.*mend the name in LANDING_URL"
    with pytest.raises(WarehouseUnavailableError, match=said) as raised:
        Landing(wrong).probe()
    assert "RequestId" not in str(raised.value)
    with pytest.raises(WarehouseUnavailableError, match="the landing zone cannot be written"):
        Landing(wrong).keep("hub", BODY, SHA256)
    with pytest.raises(PayloadMissingError):
        Landing(wrong).read(PATH, len(BODY), SHA256)


def test_a_key_that_may_only_put_and_get_keeps_and_reads(store: Store) -> None:
    """And is told 403 where another is told 404."""
    store.relay.refuses = lambda one: one.method in ("HEAD", "DELETE") or (one.method == "GET" and not kept)
    kept: list[str] = []
    landing = Landing(store.url)
    with pytest.raises(WarehouseUnavailableError, match="may be refused what is gone") as raised:
        landing.read(PATH, len(BODY), SHA256)
    assert raised.value.is_refused
    kept.append(landing.keep("hub", BODY, SHA256))
    assert landing.read(PATH, len(BODY), SHA256) == BODY
    landing.probe()


def test_a_key_that_may_not_write_is_told_so(store: Store) -> None:
    store.relay.refuses = lambda one: one.method in ("PUT", "POST")
    with pytest.raises(WarehouseUnavailableError, match="give the right to write there") as raised:
        Landing(store.url).probe()
    assert store.url in str(raised.value)
