import hashlib
import io
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import (
    AddressRefusedError,
    AnswerTooLargeError,
    ConfigurationError,
    CredentialsRejectedError,
    DeadlineExceededError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderUnavailableError,
)
from providers._http import ApiClient, BlobClient
from providers._http_types import FILE_LIMITS
from tests.fakes.api import QUICK, Naps
from tests.fakes.raw_server import Act, RawServer, Script, answer, cut, drip

FILE = bytes(range(256)) * 400
LIMITS = replace(FILE_LIMITS, connect_seconds=2.0, read_seconds=0.5, total_seconds=60.0)


@contextmanager
def blobs_of(*scripts: Script, **limits: Any) -> Iterator[tuple[BlobClient, RawServer]]:
    with (
        RawServer(scripts) as server,
        BlobClient(
            frozenset({f"127.0.0.1:{server.port}"}),
            source="acme",
            limits=replace(LIMITS, **limits),
            sleep=Naps(),
        ) as blobs,
    ):
        yield blobs, server


def test_a_file_is_written_as_it_comes_and_hashed() -> None:
    with blobs_of(answer(FILE, media_type="application/zip")) as (blobs, server), tempfile.TemporaryFile() as file:
        got = blobs.download(f"{server.url}/a/b.zip?sig=SECRET", file)
        file.seek(0)
        assert file.read() == FILE
    assert (got.n_bytes, got.sha256, got.proof) == (len(FILE), hashlib.sha256(FILE).hexdigest(), "content-length")
    assert server.seen[0].target == "/a/b.zip?sig=SECRET"
    assert server.seen[0].headers["accept-encoding"] == "identity"
    assert {"authorization", "cookie", "x-api-key", "referer"} & set(server.seen[0].headers) == set()


@pytest.mark.parametrize("broken", [cut(answer(FILE), 60_000), [Act.RESET], answer(b"", status=503)])
def test_a_second_try_leaves_nothing_of_the_first(broken: Script) -> None:
    with blobs_of(broken, answer(FILE[:1000])) as (blobs, server):
        file = io.BytesIO()
        file.write(b"before")
        got = blobs.download(f"{server.url}/x", file)
        assert file.getvalue() == b"before" + FILE[:1000]
        assert got.sha256 == hashlib.sha256(FILE[:1000]).hexdigest()


def test_a_file_that_stays_cut_is_incomplete() -> None:
    with blobs_of(cut(answer(FILE), 60_000)) as (blobs, server):
        with pytest.raises(IncompleteAnswerError):
            blobs.download(f"{server.url}/x", io.BytesIO())
        assert len(server.seen) == 5


def test_a_file_of_unknown_length_is_not_called_whole() -> None:
    with blobs_of(answer(FILE, framing="close")) as (blobs, server):
        assert blobs.download(f"{server.url}/x", io.BytesIO()).proof == "connection closed"


def test_a_large_file_passes_through_little_memory() -> None:
    size, chunk = 64 * 2**20, bytes(2**20)
    head = f"HTTP/1.1 200 X\r\nContent-Length: {size}\r\n\r\n".encode()
    with blobs_of([head, *[chunk] * 64]) as (blobs, server), tempfile.TemporaryFile() as file:
        tracemalloc.start()
        got = blobs.download(f"{server.url}/x", file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert got.n_bytes == size
    assert peak < 8 * 2**20


def test_a_file_beyond_the_cap_is_refused() -> None:
    with blobs_of(answer(FILE, framing="chunked"), max_body_bytes=len(FILE) - 1) as (blobs, server):
        with pytest.raises(AnswerTooLargeError):
            blobs.download(f"{server.url}/x", io.BytesIO())
        assert len(server.seen) == 1


def test_a_dripping_file_ends_at_the_deadline() -> None:
    with blobs_of(drip(answer(FILE), 0.05), total_seconds=0.5) as (blobs, server):
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            blobs.download(f"{server.url}/x", io.BytesIO())
        assert time.monotonic() - began < 2


def test_an_expired_link_is_not_tried_again_and_not_shown() -> None:
    with blobs_of(answer(b"", status=403)) as (blobs, server):
        with pytest.raises(CredentialsRejectedError) as caught:
            blobs.download(f"{server.url}/path-SECRET?sig=SECRET", io.BytesIO())
        assert len(server.seen) == 1
    assert "SECRET" not in str(caught.value)
    assert f"GET http://127.0.0.1:{server.port}/…" in str(caught.value)


def test_a_web_page_is_not_a_file() -> None:
    with blobs_of(answer(b"<html>", media_type="text/html")) as (blobs, server), pytest.raises(PayloadUnreadableError):
        blobs.download(f"{server.url}/x", io.BytesIO())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_file_that_is_redirected_is_not_fetched(status: int) -> None:
    with RawServer([answer(FILE)]) as elsewhere:
        with (
            blobs_of(answer(b"", status=status, headers={"Location": elsewhere.url})) as (blobs, server),
            pytest.raises(AddressRefusedError),
        ):
            blobs.download(f"{server.url}/x", io.BytesIO())
        assert elsewhere.n_connections == 0


# Addresses that a hostile answer could hold. `files.example` is on the list, nothing else is.
HOSTILE = [
    "https://evil.example/x",
    "https://files.example.evil.example/x",
    "https://evil.example/files.example",
    "https://evil.example?files.example",
    "https://evil.example#files.example",
    "https://evil.example#@files.example/",
    "https://files.example#@evil.example/",
    "https://files.example@evil.example/x",
    "https://files.example:443@evil.example/x",
    "https://evil.example:x@files.example/",
    "https://user@files.example/x",
    "https://user:password@files.example/x",
    "https://@files.example/x",
    "https://files.example\\@evil.example/x",
    "https://evil.example\\files.example/x",
    "https:\\\\files.example/x",
    "https:/files.example/x",
    "https:files.example/x",
    "https:///files.example/x",
    "https:////files.example/x",
    "//files.example/x",
    "/x",
    "files.example/x",
    "",
    "   ",
    " https://files.example/x",
    "https://files.example/x ",
    "https://files.example/\tx",
    "https://files.example/x\r\nHost: evil.example",
    "https://files.example\n.evil.example/",
    "https://files.example\x00.evil.example/",
    "https://files.example%00.evil.example/",
    "https://files.example%2eevil.example/",
    "https://files.example%40evil.example/",
    "https://files.example./x",
    "https://.files.example/x",
    "https://files..example/x",
    "https://xfiles.example/x",
    "https://files.examplex/x",
    "https://a.files.example/x",
    "https://files.example:444/x",
    "https://files.example:80/x",
    "https://files.example:0/x",
    "https://files.example:/x",
    "https://files.example:99999/x",
    "https://files.example:443:443/x",
    "https://files.example:\uff14\uff14\uff13/x",
    "https://ﬁles.example/x",
    "https://files。example/x",
    "https://file\u0455.example/x",
    "http://files.example/x",
    "http://files.example:443/x",
    "ftp://files.example/x",
    "file:///etc/passwd",
    "file://files.example/etc/passwd",
    "gopher://files.example/x",
    "data:text/csv,a",
    "javascript:alert(1)",
    "ws://files.example/x",
    "jar:https://files.example!/x",
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f.0.0.1/x",
    "https://0x7f000001/x",
    "https://0177.0.0.1/x",
    "https://0/x",
    "https://localhost/x",
    "https://[::1]/x",
    "https://[::]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:7f00:1]/x",
    "https://[fe80::1%25eth0]/x",
    "https://[fd00::1]/x",
    "https://[files.example]/x",
    "https://[::1/x",
    "https://::1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/x",
    "https://172.16.0.1/x",
    "https://192.168.1.1/x",
    "https://100.64.0.1/x",
    "https://metadata.google.internal/x",
    "https://files.example/" + "x" * 9000,
]


class Lookups:
    """A resolver that remembers what it was asked, and answers as it was told."""

    def __init__(self, *addresses: list[str]) -> None:
        self.asked: list[str] = []
        self._addresses = addresses or (["127.0.0.1"],)

    def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self._addresses[min(len(self.asked), len(self._addresses)) - 1]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_causes_no_look_up_and_no_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[object] = []
    monkeypatch.setattr("socket.socket.connect", lambda _self, address: connections.append(address))
    lookups = Lookups()
    with BlobClient(frozenset({"files.example"}), source="acme", limits=LIMITS, resolve=lookups) as blobs:
        with pytest.raises(AddressRefusedError) as caught:
            blobs.download(url, io.BytesIO())
        assert blobs.n_requests == 0
    assert (lookups.asked, connections) == ([], [])
    assert str(caught.value).isprintable()
    assert "password" not in str(caught.value)


def test_there_are_more_than_sixty_hostile_addresses() -> None:
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"]
)
def test_a_listed_name_that_leads_inside_is_refused(inside: str) -> None:
    lookups = Lookups([inside], ["8.8.8.8", inside])
    with BlobClient(frozenset({"files.example"}), source="acme", limits=LIMITS, resolve=lookups) as blobs:
        for _ in range(2):
            with pytest.raises(AddressRefusedError, match="private"):
                blobs.download("https://files.example/x", io.BytesIO())
    assert lookups.asked == ["files.example"] * 2


def test_a_name_that_changes_its_mind_is_believed_once() -> None:
    """The first answer is judged and used; a second look-up, which could differ, never happens within one request."""
    lookups = Lookups(["192.0.2.1"], ["127.0.0.1"])
    with (
        BlobClient(frozenset({"files.example"}), source="acme", limits=LIMITS, resolve=lookups) as blobs,
        pytest.raises(AddressRefusedError),
    ):
        blobs.download("https://files.example/x", io.BytesIO())
    assert lookups.asked == ["files.example"]


def test_this_machine_is_reached_only_where_its_port_is_listed() -> None:
    with RawServer([answer(FILE)]) as server:
        with (
            BlobClient(frozenset({"127.0.0.1:1"}), source="acme", limits=LIMITS) as blobs,
            pytest.raises(AddressRefusedError),
        ):
            blobs.download(f"{server.url}/x", io.BytesIO())
        with BlobClient(frozenset({f"localhost:{server.port}"}), source="acme", limits=LIMITS) as blobs:
            blobs.download(f"http://localhost:{server.port}/x", io.BytesIO())
        assert server.n_connections == 1


@pytest.mark.parametrize("entry", ["", "https://files.example", "files.example/x", "*.example", "a b", "user@x", "x?y"])
def test_a_list_of_hosts_holds_hosts(entry: str) -> None:
    with pytest.raises(ConfigurationError):
        BlobClient(frozenset({entry}), source="acme")


def test_an_address_that_does_not_answer_is_followed_by_the_next() -> None:
    with RawServer([answer(FILE)]) as server:
        lookups = Lookups(["127.0.0.2", "127.0.0.1"])  # nobody listens on the first
        with BlobClient(
            frozenset({f"localhost:{server.port}"}), source="acme", limits=LIMITS, resolve=lookups
        ) as blobs:
            got = blobs.download(f"http://localhost:{server.port}/x", io.BytesIO())
    assert got.n_bytes == len(FILE)


def test_a_name_without_an_address_is_unavailable() -> None:
    with (
        BlobClient(
            frozenset({"files.example"}), source="acme", limits=LIMITS, resolve=Lookups([]), sleep=Naps()
        ) as blobs,
        pytest.raises(ProviderUnavailableError),
    ):
        blobs.download("https://files.example/x", io.BytesIO())


def test_the_two_clients_cannot_be_mixed_up() -> None:
    assert not issubclass(BlobClient, ApiClient)
    assert not issubclass(ApiClient, BlobClient)
    assert not {"get", "post", "origin"} & set(dir(BlobClient))
    assert "download" not in dir(ApiClient)
    with pytest.raises(TypeError, match="credentials"):
        BlobClient(frozenset(), source="acme", credentials=None, limits=QUICK)  # type: ignore[call-arg]  # that is the point
