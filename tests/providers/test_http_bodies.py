import gzip
import tracemalloc
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AnswerTooLargeError, IncompleteAnswerError, PayloadUnreadableError, ProviderUnavailableError
from providers._http_errors import Failure
from providers._transport import Body
from tests.fakes.api import api
from tests.fakes.raw_server import Act, RawServer, Steps, answer, cut

TEXT = b'{"rows": [1, 2, 3.30, 4], "token": ""}'
MEGABYTE = 2**20


def poured(
    chunks: Iterable[bytes], *, encoding: str = "gzip", max_bytes: int = 2**26
) -> tuple[bytes, Failure | None, Body]:
    body = Body(encoding, "content-length", max_bytes=max_bytes)
    text = bytearray()
    failure = body.pour(lambda: chunks, text.extend)
    return bytes(text), failure, body


def zeros_packed(n_bytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(MEGABYTE)) for _ in range(n_bytes // MEGABYTE)]
    return b"".join([*parts, packer.flush()])


@given(st.binary(max_size=2000), st.lists(st.integers(1, 500), max_size=5))
def test_whatever_was_packed_is_unpacked_however_it_was_cut_into_chunks(text: bytes, sizes: list[int]) -> None:
    packed, chunks = gzip.compress(text), []
    for size in sizes:
        chunks.append(packed[:size])
        packed = packed[size:]
    written, failure, body = poured([*chunks, packed])
    assert (written, failure, body.proof) == (text, None, "content-length, gzip crc")


def test_two_members_are_one_body() -> None:
    written, failure, _ = poured([gzip.compress(b"one ") + gzip.compress(b"two")])
    assert (written, failure) == (b"one two", None)


def test_no_cut_of_a_gzip_body_is_taken_for_whole() -> None:
    packed = gzip.compress(TEXT)
    for n_bytes in range(len(packed)):
        _, failure, _ = poured([packed[:n_bytes]] if n_bytes else [])
        assert failure is not None, n_bytes
        assert (failure.kind, failure.may_retry) == (IncompleteAnswerError, True)


def test_no_flipped_bit_of_a_gzip_body_changes_a_value_unseen() -> None:
    packed = gzip.compress(TEXT)
    for position in range(len(packed)):
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[position] ^= 1 << bit
            written, failure, _ = poured([bytes(damaged)])
            assert failure is not None or written == TEXT  # time stamp and system in the head change nothing


def test_what_follows_the_checksum_is_damage() -> None:
    _, failure, _ = poured([gzip.compress(TEXT) + b"x"])
    assert failure is not None


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip,identity", "compress", "x" * 1000])
def test_an_encoding_that_was_not_asked_for_is_refused_unread(encoding: str) -> None:
    def chunks() -> Iterable[bytes]:
        pytest.fail("the body was read")

    body = Body(encoding, "content-length", max_bytes=100)
    failure = body.pour(chunks, lambda _: None)
    assert failure is not None
    assert failure.kind is PayloadUnreadableError


@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
def test_a_body_of_the_cap_passes_and_one_byte_more_does_not(encoding: str) -> None:
    def packed(n_bytes: int) -> bytes:
        text = bytes(n_bytes)
        return gzip.compress(text) if encoding == "gzip" else text

    written, failure, _ = poured([packed(5000)], encoding=encoding, max_bytes=5000)
    assert (len(written), failure) == (5000, None)
    written, failure, _ = poured([packed(5001)], encoding=encoding, max_bytes=5000)
    assert failure is not None
    assert failure.kind is AnswerTooLargeError
    assert len(written) <= 5001


def test_a_body_that_is_large_on_the_wire_and_unpacks_to_nothing_is_refused() -> None:
    _, failure, _ = poured([gzip.compress(b"")] * 1000, max_bytes=5000)
    assert failure is not None
    assert failure.kind is AnswerTooLargeError


def test_a_bomb_is_refused_in_little_memory() -> None:
    bomb = zeros_packed(256 * MEGABYTE)
    body = Body("gzip", "content-length", max_bytes=64 * MEGABYTE)
    tracemalloc.start()
    failure = body.pour(lambda: [bomb], lambda _: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failure is not None
    assert failure.kind is AnswerTooLargeError
    assert peak < 4 * MEGABYTE


def test_the_ratio_refuses_only_what_is_also_large() -> None:
    def unpacked(n_members: int) -> Failure | None:
        member = zeros_packed(32 * MEGABYTE)  # packed a thousand times, and honest: a night of zeros
        return Body("gzip", "chunked", max_bytes=2**40).pour(lambda: [member] * n_members, lambda _: None)

    assert unpacked(8) is None
    failure = unpacked(9)
    assert failure is not None
    assert "200 times" in failure.culprit


PACKED = gzip.compress(TEXT)
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("whole", "proof"),
    [
        (answer(TEXT), "content-length"),
        (answer(TEXT, framing="chunked"), "chunked"),
        (answer(TEXT, framing="close"), "connection closed"),
        (answer(PACKED, headers=GZIP), "content-length, gzip crc"),
        (answer(PACKED, headers=GZIP, framing="chunked"), "chunked, gzip crc"),
        (answer(PACKED, headers=GZIP, framing="close"), "gzip crc"),
    ],
)
def test_an_answer_says_why_it_is_believed_to_be_whole(whole: Steps, proof: str) -> None:
    with RawServer([whole]) as server, api(server) as client:
        got = client.get("x")
    assert (got.body, got.proof) == (TEXT, proof)


@pytest.mark.parametrize("ending", [Act.CLOSE, Act.RESET])
@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(answer(TEXT), id="length"),
        pytest.param(answer(TEXT, framing="chunked"), id="chunked"),
        pytest.param(answer(PACKED, headers=GZIP), id="gzip"),
        pytest.param(answer(PACKED, headers=GZIP, framing="chunked"), id="gzip chunked"),
        pytest.param(answer(PACKED, headers=GZIP, framing="close"), id="gzip close"),
    ],
)
def test_no_cut_of_an_answer_is_taken_for_whole(whole: Steps, ending: Act) -> None:
    text = whole[0]
    assert isinstance(text, bytes)
    # Every place behind the head is tried where the ending is orderly; a reset is slower, so some of them.
    head = text.index(b"\r\n\r\n") + 4
    places = range(1, len(text), 1 if ending is Act.CLOSE else 17)
    scripts = [cut(whole, n_bytes, ending) for n_bytes in places]
    with RawServer(scripts) as server, api(server, max_tries=1, max_tries_per_step=10**6) as client:
        for n_bytes in places:
            try:
                body = client.get("x").body
            except IncompleteAnswerError:
                assert n_bytes >= head
            except ProviderUnavailableError:
                assert n_bytes < head or ending is Act.RESET
            else:
                pytest.fail(f"{n_bytes} of {len(text)} bytes passed as {body!r}")


def test_a_gzip_body_cut_with_a_matching_length_is_asked_for_again() -> None:
    half = answer(PACKED[: len(PACKED) // 2], headers=GZIP)
    with RawServer([half, half, answer(PACKED, headers=GZIP)]) as server, api(server) as client:
        assert client.get("x").body == TEXT
    assert len(server.seen) == 3


def test_a_body_that_stays_cut_is_incomplete_after_five_tries() -> None:
    with RawServer([cut(answer(TEXT), 90)]) as server, api(server) as client:
        with pytest.raises(IncompleteAnswerError, match="in 5 tries"):
            client.get("x")
        assert len(server.seen) == 5


def test_an_announced_size_beyond_the_cap_is_refused_before_it_is_read() -> None:
    head = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    with RawServer([[head, Act.HANG]]) as server, api(server, max_body_bytes=99_999) as client:
        with pytest.raises(AnswerTooLargeError):
            client.get("x")
        assert len(server.seen) == 1


def test_an_endless_body_is_left_at_the_cap() -> None:
    head = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with RawServer([[head, *[chunk] * 1000]]) as server, api(server, max_body_bytes=MEGABYTE) as client:
        with pytest.raises(AnswerTooLargeError):
            client.get("x")
        assert server.n_sent < 16 * MEGABYTE  # what the system's own buffers hold, and not the 62 MiB there were
        assert len(server.seen) == 1


def test_a_double_gzip_is_refused_at_its_name() -> None:
    bomb = gzip.compress(zeros_packed(64 * MEGABYTE))
    with RawServer([answer(bomb, headers={"Content-Encoding": "gzip, gzip"})]) as server, api(server) as client:
        with pytest.raises(PayloadUnreadableError, match="gzip, gzip"):
            client.get("x")
        assert len(server.seen) == 1


def test_a_head_of_200_kilobytes_is_refused_at_once() -> None:
    bomb: Steps = [b"HTTP/1.1 200 X\r\nX-Bomb: " + b"x" * 200_000 + b"\r\n\r\n", Act.HANG]
    with RawServer([bomb]) as server, api(server) as client:
        with pytest.raises(AnswerTooLargeError, match="head"):
            client.get("x")
        assert len(server.seen) == 1


def test_bytes_beyond_the_announced_size_are_never_part_of_an_answer() -> None:
    whole = answer(b"[1]")
    with RawServer([[*whole, b"surplus"], answer(b"[2]")]) as server, api(server) as client:
        assert client.get("x").body == b"[1]"
        assert client.get("x").body == b"[2]"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_gzip_body_without_a_byte_was_cut_and_is_asked_for_again(framing: str) -> None:
    nothing = answer(b"", headers={"Content-Encoding": "gzip"}, framing=framing)
    for allow_empty in (False, True):
        with RawServer([nothing, answer(b"[1]")]) as server, api(server) as client:
            assert client.get("x", allow_empty=allow_empty).body == b"[1]"
    with RawServer([nothing]) as server, api(server) as client, pytest.raises(IncompleteAnswerError, match="5 tries"):
        client.get("x")


def test_an_answer_without_a_body_may_name_an_encoding() -> None:
    with RawServer([answer(b"", status=204, headers={"Content-Encoding": "gzip"})]) as server, api(server) as client:
        assert client.get("x", allow_empty=True).proof == "no body"
    with RawServer([answer(b"", status=410, headers={"Content-Encoding": "gzip"})]) as server, api(server) as client:
        assert client.get("x", handled_statuses={410}).body == b""


def test_an_empty_answer_is_one_only_where_it_is_allowed() -> None:
    for empty in (answer(b""), answer(b"", status=204), answer(b"", media_type=None), answer(b"", framing="chunked")):
        with RawServer([empty]) as server, api(server) as client, pytest.raises(PayloadUnreadableError):
            client.get("x")
        assert len(server.seen) == 1
    with RawServer([answer(b"", status=204)]) as server, api(server) as client:
        got = client.get("x", allow_empty=True)
    assert (got.status, got.body, got.proof) == (204, b"", "no body")
