import socket
import time

import pytest

from tests.fakes.raw_server import Act, RawServer, Script, Steps, answer, cut, drip


def ask(server: RawServer, text: bytes = b"GET /x?y=1 HTTP/1.1\r\nHost: h\r\n\r\n") -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(text)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
        return got


def test_it_sends_the_bytes_it_was_told() -> None:
    with RawServer([[b"any ", b"bytes", Act.CLOSE]]) as server:
        assert ask(server) == b"any bytes"
        assert server.n_sent == 9


def test_it_can_speak_first() -> None:
    with RawServer([[Act.CLOSE]], greeting=b"hello") as server:
        assert ask(server) == b"hello"


def test_it_remembers_what_it_was_asked() -> None:
    request = b"POST /x?y=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    with RawServer([[Act.CLOSE]]) as server:
        ask(server, request)
    assert [(seen.method, seen.target, seen.headers["host"], seen.body) for seen in server.seen] == [
        ("POST", "/x?y=1", "h", b"abc")
    ]
    assert server.seen[0].raw == request


def test_the_last_script_goes_on() -> None:
    scripts: list[Script] = [[b"1", Act.CLOSE], lambda seen: [seen.method.encode(), Act.CLOSE]]
    with RawServer(scripts) as server:
        assert [ask(server) for _ in range(3)] == [b"1", b"GET", b"GET"]
        assert server.n_connections == 3


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (answer(b"abcd"), b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nabcd"),
        (
            answer(b"abcd", media_type=None, framing="chunked"),
            b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
        ),
        (answer(b"abcd", media_type=None, framing="close"), b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nabcd"),
        (
            answer(b"", status=500, media_type=None, headers={"A": "b"}),
            b"HTTP/1.1 500 X\r\nA: b\r\nContent-Length: 0\r\n\r\n",
        ),
    ],
)
def test_each_framing_is_what_it_says(whole: Steps, expected: bytes) -> None:
    with RawServer([[*whole, Act.CLOSE]]) as server:
        assert ask(server) == expected


def test_a_cut_answer_ends_where_it_was_cut() -> None:
    with RawServer([cut(answer(b"abcd"), 10)]) as server:
        assert ask(server) == b"HTTP/1.1 2"


def test_a_reset_is_one() -> None:
    with RawServer([[Act.RESET]]) as server, pytest.raises(ConnectionResetError):
        ask(server)


def test_a_drip_takes_its_time() -> None:
    began = time.monotonic()
    with RawServer([[*drip([b"abcdef"], 0.02), Act.CLOSE]]) as server:
        assert ask(server) == b"abcdef"
    assert time.monotonic() - began >= 0.12


def test_silence_ends_with_the_server() -> None:
    with RawServer([[Act.HANG]]) as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
