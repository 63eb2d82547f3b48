"""A wire to PostgreSQL that tells clients another number for their session than the server's, as every pooler does."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

_KEY: Final = b"K\0\0\0\x0c"
"""Begins the message that tells a session's number and its secret (BackendKeyData); the server sends it once."""


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """The URL by which the database at `url` is reached through the wire; the server must speak without TLS."""
    parts = urlsplit(url)
    server = parts.hostname or "127.0.0.1", parts.port or 5432
    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, server, ends), daemon=True)
        accepting.start()
        try:
            user, _, _ = parts.netloc.rpartition("@")
            yield parts._replace(netloc=f"{user}@127.0.0.1:{listener.getsockname()[1]}").geturl()
        finally:
            for end in [listener, *ends]:
                _shut(end)
            accepting.join()


def _accept(listener: socket.socket, server: tuple[str, int], ends: list[socket.socket]) -> None:
    with contextlib.suppress(OSError):  # the listener is shut at the end
        while True:
            client, _ = listener.accept()
            behind = socket.create_connection(server)
            ends += [client, behind]
            threading.Thread(target=_carry, args=(client, behind), daemon=True).start()
            threading.Thread(target=_carry, args=(behind, client), kwargs={"tells": True}, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, *, tells: bool = False) -> None:
    """Hand on what comes until one side goes; `tells`: with our number in the place of the server's."""
    try:
        while piece := source.recv(65536):
            at = piece.find(_KEY) if tells else -1
            if at >= 0:  # the server sends it whole, together with what it says of itself
                tells, begin = False, at + len(_KEY)
                (number,) = struct.unpack_from("!i", piece, begin)
                piece = piece[:begin] + struct.pack("!i", number + 1) + piece[begin + 4 :]
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
