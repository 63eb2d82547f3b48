"""A small outgoing proxy on loopback: it opens tunnels (CONNECT) to the names that it knows, and notes who asked."""

import base64
import contextlib
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tests.fakes.relay import copy


@dataclass
class ConnectProxy:
    """Opens a tunnel to each name of `hosts`, at whatever port was asked for, and answers 502 to all others.

    Attributes:
        hosts: Name → the port on loopback where it leads.
        proof: `user:password` that it wants; empty for none.
        asked: What it was asked for, as `name:port`, in order.
        n_refused: How often its proof was wrong.
        port: Where it listens.
    """

    hosts: Mapping[str, int]
    proof: str = ""
    asked: list[str] = field(default_factory=list)
    n_refused: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Its address, with what it wants to be proved."""
        return f"http://{self.proof}{'@' if self.proof else ''}127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := client.recv(65536)):
                    return
                head += piece
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, target, _ = first.split(" ")
            self.asked.append(target)
            port = self.hosts.get(target.rpartition(":")[0])
            wanted = f"Basic {base64.b64encode(self.proof.encode()).decode()}" if self.proof else None
            if wanted and headers.get("proxy-authorization") != wanted:
                self.n_refused += 1
                client.sendall(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
            elif method != "CONNECT" or port is None:
                status = 405 if method != "CONNECT" else 502
                client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            else:
                server = socket.create_connection(("127.0.0.1", port))
                self._sockets.append(server)
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                threading.Thread(target=copy, args=(client, server), daemon=True).start()
                copy(server, client)
