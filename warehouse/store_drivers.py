"""The drivers of object stores, set alike: a request that hears nothing is tried three times, and pauses are short.

Each driver has switches of its own for it, and none of its defaults is what the others' are:

- s3fs: `config_kwargs` (botocore's) beside its own `retries`, which would multiply them. Its puts wait for
  `100 Continue` without a limit unless botocore's handler is taken away; what is refused is then sent in vain.
- adlfs: what its client was made with; it tries four times, and pauses for half a minute and more.
- gcsfs: `requests_timeout`, without which it waits for ever; it tries six times. Its class for zonal buckets, which it
  prefers, asks another service for the kind of the bucket before every upload; the plain one does not. Only with
  `trust_env` does it read `HTTPS_PROXY` and `NO_PROXY`, as the others do, and as those do that fetch tokens.

Open uploads by pieces expire by themselves on Azure (blocks that nobody committed: a week) and on Google's store
(sessions: a week), not on S3.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import fsspec
from fsspec import available_protocols
from upath import UPath

from domain.errors import ConfigurationError

_CONNECT_SECONDS: Final = 5
_SILENT_SECONDS: Final = 15
_TRIES: Final = 3
_LAYER: Final = re.compile(r"[\w+.-]+::")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_READ_ONLY: Final = frozenset({"http", "https", "data", "zip", "tar"})  # drivers there are, and none puts an object


def driver_of(address: UPath) -> Any:  # noqa: ANN401 — fsspec has no types, and no two drivers one class
    """The driver of a store, not connected, and nobody else's.

    Raises:
        ImportError: It is not installed.
        ValueError: No store is known by such an address.
    """
    make = _MAKERS.get(_EXTRAS.get(str(address.protocol), ""), _any)
    return make(str(address.protocol), dict(address.storage_options) | {"skip_instance_cache": True})


def how_to_install(scheme: str) -> str:
    """What to do where the driver of a store is missing."""
    extra = _EXTRAS.get(scheme)
    return f"install its driver into .venv{f' (requirements-{extra}.lock)' if extra else ''}"


def require_store(address: str, setting: str) -> None:
    """Refuse what names neither a store nor a folder.

    The library reads some of what it does not know as the name of a folder, and puts layers of its own (caches,
    archives) before a store: what it then calls kept is not there yet, or in another form.

    Raises:
        ConfigurationError: No store is known by the address, or it is a chain of file systems.
    """
    scheme, is_url, _ = address.partition("://")
    is_chain = "::" in address and (is_url or _LAYER.match(address))
    is_known = _SCHEME.fullmatch(scheme) and scheme in available_protocols() and scheme not in _READ_ONLY
    if is_chain or (is_url and "/" not in scheme and not is_known):
        scheme = scheme.partition(":")[0]
        why = "it is a chain of file systems (::)" if is_chain else f"no store is known by {scheme}://"
        raise ConfigurationError(
            f"the landing zone cannot be there: {why}",
            place=f"{setting}, {scheme}://…",
            fix="write s3://bucket/prefix, az://container/prefix, gs://bucket/prefix or a folder",
        )


def _any(protocol: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 — see above
    return fsspec.filesystem(protocol, **options)


def _s3(_: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 — see above
    from aiobotocore.session import AioSession  # noqa: PLC0415 — only where its store is used
    from botocore.handlers import add_expect_header  # noqa: PLC0415
    from s3fs import S3FileSystem  # noqa: PLC0415

    session = AioSession()
    session.unregister("before-call.s3", add_expect_header)
    timeouts = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _SILENT_SECONDS}
    retries = {"mode": "standard", "total_max_attempts": _TRIES}
    driver = S3FileSystem(**{"session": session, "config_kwargs": timeouts | {"retries": retries}} | options)
    driver.retries = 1
    return driver


def _azure(_: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 — see above
    from adlfs import AzureBlobFileSystem  # noqa: PLC0415 — only where its store is used

    timeouts = {"connection_timeout": _CONNECT_SECONDS, "read_timeout": _SILENT_SECONDS}
    driver = AzureBlobFileSystem(**timeouts | options)
    client = driver.service_client._config  # noqa: SLF001 — adlfs makes the client, and hands nothing on to it
    client.transport.connection_config.timeout = _CONNECT_SECONDS
    client.transport.connection_config.read_timeout = _SILENT_SECONDS
    policy = client.retry_policy
    policy.total_retries, policy.initial_backoff, policy.increment_base = _TRIES - 1, 1, 1
    policy.random_jitter_range = 1
    return driver


def _gcs(_: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 — see above
    import aiohttp  # noqa: PLC0415 — only where its store is used
    from gcsfs.core import GCSFileSystem  # noqa: PLC0415
    from gcsfs.retry import retry_request  # noqa: PLC0415

    class _Plain(GCSFileSystem):  # type: ignore[misc] # untyped
        # The class binds six tries to each of the two.
        _request = retry_request(retries=_TRIES)(GCSFileSystem._request.__wrapped__)  # noqa: SLF001
        _get_file_request = retry_request(retries=_TRIES)(GCSFileSystem._get_file_request.__wrapped__)  # noqa: SLF001

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
    return _Plain(**{"requests_timeout": timeout, "session_kwargs": {"trust_env": True}} | options)


_EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
}
_MAKERS: Final[dict[str, Callable[[str, dict[str, Any]], Any]]] = {"s3": _s3, "azure": _azure, "gcs": _gcs}
