"""What this process does at its sockets: whom it looks up, whom it connects to, and what it sends there."""

import socket
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class WireTap:
    """Everything since `tapped`, servers of this process included.

    Attributes:
        looked_up: Names and addresses that the system was asked for.
        connected: Addresses, each with its port, that were connected to.
        requests: The heads of the requests that were sent, in small letters.
    """

    looked_up: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def sent(self, data: bytes) -> None:
        """Keep the head of a request."""
        if data.startswith((b"GET ", b"POST ", b"HEAD ")):
            self.requests.append(data.partition(b"\r\n\r\n")[0].decode("latin-1").lower())


def tapped(monkeypatch: pytest.MonkeyPatch) -> WireTap:
    """Listen until the test ends."""
    tap = WireTap()
    connect, send, sendall, look_up = (
        socket.socket.connect,
        socket.socket.send,
        socket.socket.sendall,
        socket.getaddrinfo,
    )

    def connecting(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            tap.connected.append((str(address[0]), int(address[1])))
        connect(self, address)

    def sending(self: socket.socket, data: bytes, *flags: int) -> int:
        tap.sent(bytes(data))
        return send(self, data, *flags)

    def sending_all(self: socket.socket, data: bytes, *flags: int) -> None:
        tap.sent(bytes(data))
        sendall(self, data, *flags)

    def looking_up(host: Any, *arguments: Any, **named: Any) -> Any:
        tap.looked_up.append(str(host))
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket.socket, "send", sending)
    monkeypatch.setattr(socket.socket, "sendall", sending_all)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return tap
