"""A private certificate authority: what it signs is believed only by whoever was told its file."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from providers._socket import tls


@dataclass(frozen=True, slots=True)
class Authority:
    """A private authority.

    Attributes:
        file: Its certificate, in PEM.
        trust: What a server on 127.0.0.1, or called api.example, proves itself with.
    """

    file: Path
    trust: ssl.SSLContext


@contextmanager
def private_authority(folder: Path) -> Iterator[Authority]:
    """An authority of its own, with its file in `folder`; what was read of the file is forgotten at the end."""
    authority, file = trustme.CA(), folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "api.example").configure_cert(trust)
    try:
        yield Authority(file, trust)
    finally:
        tls.cache_clear()
