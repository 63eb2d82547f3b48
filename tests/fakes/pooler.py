"""Poolers: one that gives each client a session of its own, and one that lends a single session for a transaction.

Both tell clients another number for their session than the server's, as every pooler does.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

_KEY: Final = b"K\0\0\0\x0c"
"""Begins the message that tells a session's number and its secret (BackendKeyData); the server sends it once."""


_PRIMARY: Final = b"S\0\0\0\x17in_hot_standby\0off\0"
_STANDBY: Final = b"S\0\0\0\x16in_hot_standby\0on\0"
"""What a server says of itself when a session is opened, and again when it is promoted (ParameterStatus)."""


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """The URL by which the database at `url` is reached through the wire; the server must speak without TLS."""
    with _relayed(url, _with_another_number) as relayed:
        yield relayed


@contextmanager
def shown_as_standby(url: str) -> Iterator[str]:
    """The same through a wire by which the server says that it is a standby."""
    with _relayed(url, lambda piece: piece.replace(_PRIMARY, _STANDBY)) as relayed:
        yield relayed


@contextmanager
def _relayed(url: str, greeting: Callable[[bytes], bytes]) -> Iterator[str]:
    """The URL of a wire to the database at `url` that changes what the server says when a session is opened."""
    parts = urlsplit(url)
    server = parts.hostname or "127.0.0.1", parts.port or 5432
    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, server, ends, greeting), daemon=True)
        accepting.start()
        try:
            user, _, _ = parts.netloc.rpartition("@")
            yield parts._replace(netloc=f"{user}@127.0.0.1:{listener.getsockname()[1]}").geturl()
        finally:
            for end in [listener, *ends]:
                _shut(end)
            accepting.join()


def _accept(
    listener: socket.socket,
    server: tuple[str, int],
    ends: list[socket.socket],
    greeting: Callable[[bytes], bytes],
) -> None:
    with contextlib.suppress(OSError):  # the listener is shut at the end
        while True:
            client, _ = listener.accept()
            behind = socket.create_connection(server)
            ends += [client, behind]
            threading.Thread(target=_carry, args=(client, behind), daemon=True).start()
            threading.Thread(target=_carry, args=(behind, client, greeting), daemon=True).start()


def _with_another_number(piece: bytes) -> bytes:
    begin = piece.find(_KEY) + len(_KEY)
    (number,) = struct.unpack_from("!i", piece, begin)
    return piece[:begin] + struct.pack("!i", number + 1) + piece[begin + 4 :]


def _carry(source: socket.socket, target: socket.socket, greeting: Callable[[bytes], bytes] | None = None) -> None:
    """Hand on what comes until one side goes; what the server says of itself, which it sends whole, as changed."""
    try:
        while piece := source.recv(65536):
            if greeting is not None and _KEY in piece:
                piece, greeting = greeting(piece), None
            target.sendall(piece)
    except OSError:
        pass
    finally:
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def lending(url: str) -> Iterator[str]:
    """The URL of a pooler that lends all its clients one session, a transaction at a time; for small talk, not COPY."""
    with pooled(url) as behind, socket.create_server(("127.0.0.1", 0)) as listener:
        parts = urlsplit(behind)
        pool = _Pool((parts.hostname or "127.0.0.1", parts.port or 5432))
        accepting = threading.Thread(target=_lend, args=(listener, pool), daemon=True)
        accepting.start()
        try:
            user, _, _ = parts.netloc.rpartition("@")
            yield parts._replace(netloc=f"{user}@127.0.0.1:{listener.getsockname()[1]}").geturl()
        finally:
            _shut(listener)
            pool.close()
            accepting.join()


class _Pool:
    """The one session, opened by its first client, whose greeting all later ones get without a question."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.lent = threading.Lock()
        self._behind = socket.create_connection(server)
        self._clients: list[socket.socket] = []
        self._greeting = b""

    def greet(self, client: socket.socket) -> None:
        self._clients.append(client)
        startup = _startup(client)
        with self.lent:
            if self._greeting:
                client.sendall(self._greeting)
                return
            self._behind.sendall(startup)
            while True:
                kind, message = _message(self._behind)
                client.sendall(message)
                if kind == b"R" and message[5:9] != bytes(4):  # a question about the password, or its last word
                    if message[5:9] != struct.pack("!i", 12):
                        self._behind.sendall(_message(client)[1])
                    continue
                self._greeting += message
                if kind == b"Z":
                    return

    def serve(self, client: socket.socket) -> None:
        """Lend the session for as long as each transaction lasts."""
        is_lent = False
        try:
            while (sent := _message(client))[0] != b"X":
                if not is_lent:
                    is_lent = self.lent.acquire()
                self._behind.sendall(sent[1])
                if sent[0] not in (b"Q", b"S"):
                    continue
                kind = b""
                while kind != b"Z":
                    kind, message = _message(self._behind)
                    client.sendall(message)
                if message[5:6] == b"I":
                    self.lent.release()
                    is_lent = False
        finally:
            if is_lent:
                self.lent.release()

    def close(self) -> None:
        for end in [*self._clients, self._behind]:
            _shut(end)


def _lend(listener: socket.socket, pool: _Pool) -> None:
    def attend(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            pool.greet(client)
            pool.serve(client)
        _shut(client)

    with contextlib.suppress(OSError):  # the listener is shut at the end
        while True:
            client, _ = listener.accept()
            threading.Thread(target=attend, args=(client,), daemon=True).start()


def _startup(client: socket.socket) -> bytes:
    """The first message, which has no kind; whoever asks for TLS or GSS before it is told that there is none."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!ii", head)
        if code not in (80877103, 80877104):
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def _message(end: socket.socket) -> tuple[bytes, bytes]:
    """The next message: its kind, and all of it."""
    head = _exactly(end, 5)
    (length,) = struct.unpack("!i", head[1:])
    return head[:1], head + _exactly(end, length - 4)


def _exactly(end: socket.socket, n_bytes: int) -> bytes:
    found = b""
    while len(found) < n_bytes:
        piece = end.recv(n_bytes - len(found))
        if not piece:
            raise ConnectionResetError
        found += piece
    return found
