"""An authority of the tests, and a server's certificate by it."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from providers._socket import tls
from tests.fakes.real_proxies import NAMES


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    yield path
    tls.cache_clear()
