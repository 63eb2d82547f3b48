"""Bodies that lie in files: kept as they are by pieces, given back as files, checked both times."""

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest
from upath import UPath

from domain.errors import PayloadMissingError, WarehouseUnavailableError
from domain.records import BodyFile, Payload
from tests.fakes.points import DAY, payload
from warehouse.landing import Landing
from warehouse.store import open_warehouse

BODY = os.urandom(3 * 2**20)


def lying(folder: Path, body: bytes = BODY) -> BodyFile:
    path = folder / "archive"
    path.write_bytes(body)
    return BodyFile(path, len(body), hashlib.sha256(body).hexdigest())


@pytest.fixture(params=["folder", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path / "l") if request.param == "folder" else UPath(f"memory://{tmp_path.name}-{os.getpid()}")


def test_a_file_comes_back_as_it_was(root: UPath, tmp_path: Path) -> None:
    landing, body = Landing(root), lying(tmp_path)
    path = landing.keep_file("hub", body)
    assert path == f"hub/{body.sha256[:2]}/{body.sha256}.raw"
    body.path.unlink()
    with landing.as_file(path, body.n_bytes, body.sha256) as kept:
        assert kept.path.read_bytes() == BODY


def test_the_same_file_is_not_written_again(tmp_path: Path) -> None:
    landing, body = Landing(tmp_path / "l"), lying(tmp_path)
    path = tmp_path / "l" / landing.keep_file("hub", body)
    before = path.stat().st_ino
    landing.keep_file("hub", body)
    assert path.stat().st_ino == before


def test_a_kept_file_that_was_damaged_is_refused_and_mended_when_it_is_kept_again(root: UPath, tmp_path: Path) -> None:
    landing, body = Landing(root), lying(tmp_path)
    path = landing.keep_file("hub", body)
    (root / path).write_bytes(BODY[:-1] + b"x")
    with pytest.raises(PayloadMissingError, match="damaged"), landing.as_file(path, body.n_bytes, body.sha256):
        pytest.fail("it was handed out")
    landing.keep_file("hub", body)
    with landing.as_file(path, body.n_bytes, body.sha256) as kept:
        assert kept.path.read_bytes() == BODY


def test_a_kept_file_that_is_gone_is_missed_by_name(root: UPath, tmp_path: Path) -> None:
    landing, body = Landing(root), lying(tmp_path)
    path = landing.keep_file("hub", body)
    (root / path).unlink()
    with pytest.raises(PayloadMissingError, match="gone"), landing.as_file(path, body.n_bytes, body.sha256):
        pytest.fail("it was handed out")


def test_a_file_that_changed_meanwhile_is_not_kept(root: UPath, tmp_path: Path) -> None:
    landing, body = Landing(root), lying(tmp_path)
    body.path.write_bytes(BODY[:-1] + b"x")
    with pytest.raises(WarehouseUnavailableError):
        landing.keep_file("hub", body)
    assert not list(root.rglob("*.raw"))


def test_a_file_is_kept_and_checked_by_pieces(tmp_path: Path) -> None:
    body = lying(tmp_path, b"0123456789abcdef" * 2**22)
    landing = Landing(tmp_path / "l")
    tracemalloc.start()
    path = landing.keep_file("hub", body)
    with landing.as_file(path, body.n_bytes, body.sha256):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_pull_gives_small_answers_back_as_bytes_and_large_ones_as_files(database: str, tmp_path: Path) -> None:
    body = lying(tmp_path)
    small = payload(b"small", 1, "more")
    large = Payload(
        small.endpoint, small.params, DAY, small.part, 2, small.received_at, "application/zip", b"", "crc", file=body
    )
    with open_warehouse(database, tmp_path / "l") as warehouse:
        pull = warehouse.begin_pull("hub", DAY)
        pull.keep(small)
        pull.keep(large)
        report = pull.finish(n_requests=2)
        assert report.n_bytes == len(b"small") + len(BODY)
        body.path.unlink()
        first, second = iter(warehouse.payloads("hub", DAY))
        assert (first.body, first.file) == (b"small", None)
        assert (second.body, second.sha256, second.n_bytes) == (b"", body.sha256, len(BODY))
        assert second.file is not None
        assert second.file.path.read_bytes() == BODY
