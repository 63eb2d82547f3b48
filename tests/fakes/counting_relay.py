"""What stands between us and an object store: it notes every request, and can be slow, silent or strict."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

_HOPS: Final = frozenset({
    "connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server", "proxy-authorization"
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A request.

    Attributes:
        method: Its verb.
        path: Without the query.
        query: As it was written.
        start: Of its body.
    """

    method: str
    path: str
    query: str
    start: bytes


@dataclass
class CountingRelay:
    """An HTTP server that asks another one.

    Attributes:
        target: The other one's port.
        seconds: How long every request takes on its way.
        is_silent: Whether requests are taken in and never answered.
        refuses: Which requests are answered with 403.
        asked: Every request so far.
        most_at_once: How many requests were on their way at the same time, at most.
        port: Where it listens.
    """

    target: int
    seconds: float = 0.0
    is_silent: bool = False
    refuses: Callable[[Asked], bool] = lambda _: False
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    port: int = field(init=False)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"relay": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.closing = threading.Event()
        self._counting, self._n_at_once = threading.Lock(), 0

    def be_on_the_way(self) -> None:
        """Take as long as a request takes."""
        with self._counting:
            self._n_at_once += 1
            self.most_at_once = max(self.most_at_once, self._n_at_once)
        time.sleep(self.seconds)
        with self._counting:
            self._n_at_once -= 1

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    relay: ClassVar[CountingRelay]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self._up = http.client.HTTPConnection("127.0.0.1", self.relay.target, timeout=60)

    def finish(self) -> None:
        self._up.close()
        super().finish()

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, *_: object) -> None:
        pass

    def _hand_on(self) -> None:
        relay = self.relay
        body = self._body()
        parts = urlsplit(self.path)
        asked = Asked(self.command, parts.path, parts.query, body[:1000])
        relay.asked.append(asked)
        if relay.is_silent:
            relay.closing.wait()
            self.close_connection = True
            return
        relay.be_on_the_way()
        if relay.refuses(asked):
            self._answer(403, [], b"")
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOPS}
        # Whoever takes us for a proxy says the scheme and the host as well.
        self._up.request(self.command, parts._replace(scheme="", netloc="").geturl(), body, headers)
        with self._up.getresponse() as answer:
            said = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOPS]
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._answer(answer.status, kept, said, length)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _hand_on  # noqa: N815 — the standard library's names

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while n_bytes := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(n_bytes)
            self.rfile.readline()
        self.rfile.readline()
        return body
