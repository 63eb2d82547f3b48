"""A web server on loopback that keeps what it is sent: what a webhook or a watchdog outside receives."""

import json
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pipelines.notifications.delivery import deliver
from pipelines.notifications.sender import Sender

_one_at_a_time = threading.Lock()


class DirectSender(Sender):
    """Sends by the same code in this process: Apprise is imported once, and a test of many messages is quick."""

    def _deliver(self, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Apprise's own, which the process of its own would not show
            return [deliver(dict(job)) for job in jobs]


@dataclass
class Webhook:
    """What came, in order.

    Attributes:
        port: Where it listens.
        received: The documents that were posted.
        pings: The paths that were asked for.
        status: What it answers.
        location: Where it sends who asks; for a redirect.
        wait: Seconds until it answers.
    """

    port: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    status: int = 200
    location: str = ""
    wait: float = 0.0

    @property
    def apprise_url(self) -> str:
        """As Apprise writes its address, with a password in it."""
        return f"json://joule:hunter2secret@127.0.0.1:{self.port}/hook"

    @property
    def texts(self) -> list[str]:
        """Title and text of each message."""
        return [f"{one['title']}\n{one['message']}" for one in self.received]


@contextmanager
def listening() -> Iterator[Webhook]:
    """It listens, for as long as the block lasts."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(webhook.wait)
            if webhook.status == 200:
                webhook.received.append(json.loads(body))
            self._answer()

        def do_GET(self) -> None:
            webhook.pings.append(self.path)
            self._answer()

        def _answer(self) -> None:
            self.send_response(webhook.status)
            if webhook.location:
                self.send_header("Location", webhook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    webhook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
