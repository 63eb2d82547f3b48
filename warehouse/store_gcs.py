"""The driver of Google's store.

Without `requests_timeout` it waits for ever, and it tries six times. Its class for zonal buckets, which it prefers,
asks another service for the kind of the bucket before every upload; the plain one does not. Only with `trust_env` does
it read `HTTPS_PROXY` and `NO_PROXY`, as the others do, and as those do that fetch tokens.
"""

from typing import Any

import aiohttp
from gcsfs.core import GCSFileSystem
from gcsfs.retry import retry_request

from warehouse import store_drivers


def driver(options: dict[str, Any]) -> store_drivers.Driver:
    """A new one, not connected."""
    tried = retry_request(retries=store_drivers.TRIES)

    class _Plain(GCSFileSystem):  # type: ignore[misc] # untyped
        # The class binds six tries to each of the two.
        _request = tried(GCSFileSystem._request.__wrapped__)  # noqa: SLF001
        _get_file_request = tried(GCSFileSystem._get_file_request.__wrapped__)  # noqa: SLF001

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=store_drivers.CONNECT_SECONDS, sock_read=store_drivers.SILENT_SECONDS
    )
    return _Plain(**{"requests_timeout": timeout, "session_kwargs": {"trust_env": True}} | options)
