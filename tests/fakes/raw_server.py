"""A server on loopback that answers with exactly the bytes it was told: any framing, cuts, drips, resets, silence.

It reads requests well enough to hold on to them; it never judges them. One thread for each connection.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self


class Act(Enum):
    """What a server can do beside sending bytes."""

    CLOSE = auto()  # end the connection orderly
    RESET = auto()  # end it with a RST
    HANG = auto()  # send nothing more until the other side goes, or the server stops


Step = bytes | float | Act  # bytes to send, seconds to wait, or an act
Steps = Sequence[Step]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes


Script = Steps | Callable[[Seen], Steps]


def answer(
    body: bytes = b"{}",
    *,
    status: int = 200,
    media_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    framing: str = "length",
) -> Steps:
    """A well-formed answer; `framing` is `length`, `chunked` or `close`."""
    lines = [f"HTTP/1.1 {status} X"]
    if media_type is not None:
        lines.append(f"Content-Type: {media_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2 or len(body)
        parts = [part for part in (body[:half], body[half:]) if part]
        body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"
    elif framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    else:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return [head + body, Act.CLOSE] if framing == "close" else [head + body]


def cut(whole: Steps, n_bytes: int, ending: Act = Act.CLOSE) -> Steps:
    """The first `n_bytes` of an answer, then the end."""
    text = b"".join(step for step in whole if isinstance(step, bytes))
    return [text[:n_bytes], ending]


def drip(whole: Steps, seconds: float) -> Steps:
    """An answer sent byte by byte, with `seconds` between two."""
    text = b"".join(step for step in whole if isinstance(step, bytes))
    return [step for byte in text for step in (bytes([byte]), seconds)]


@dataclass
class RawServer:
    """Answers the n-th request with the n-th script, and every further one with the last.

    Attributes:
        scripts: What to answer.
        tls: The server's certificate; None for plain text.
        greeting: Sent to every connection before it says anything.
        seen: Every request so far.
        n_connections: Accepted so far, handshakes that failed included.
        n_sent: Bytes handed to the system so far.
    """

    scripts: Sequence[Script]
    tls: ssl.SSLContext | None = None
    greeting: bytes = b""
    seen: list[Seen] = field(default_factory=list)
    n_connections: int = 0
    n_sent: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a thread of the raw server did not stop"

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.n_connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._connections.add(connection)
            connection.sendall(self.greeting)
            while not self._stopped.is_set() and (request := _read_request(connection)) is not None:
                with self._lock:
                    self.seen.append(request)
                    script = self.scripts[min(len(self.seen), len(self.scripts)) - 1]
                if not self._play(connection, script(request) if callable(script) else script):
                    return
        except OSError:  # the other side went away, as many tests want it to
            return
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _play(self, connection: socket.socket, steps: Steps) -> bool:
        """Do what the script says; whether the connection goes on."""
        for step in steps:
            if isinstance(step, bytes):
                connection.sendall(step)
                with self._lock:
                    self.n_sent += len(step)
            elif isinstance(step, Act):
                if step is Act.RESET:
                    time.sleep(0.02)  # what was sent before is read before the reset throws it away
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif step is Act.HANG:
                    connection.settimeout(None)
                    connection.recv(1)  # returns when the other side, or `__exit__`, ends the connection
                return False
            elif self._stopped.wait(step):
                return False
        return True


def _read_request(connection: socket.socket) -> Seen | None:
    """The next request on the connection; None at its end."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Seen(method, target, headers, body, head + b"\r\n\r\n" + body)
