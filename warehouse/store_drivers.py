"""The drivers of object stores, set alike: a request that hears nothing is tried three times, and pauses are short.

Each driver has switches of its own for it (`store_s3`, `store_azure`, `store_gcs`), and none of its defaults is what
the others' are. Open uploads by pieces expire by themselves on Azure (blocks that nobody committed: a week) and on
Google's store (sessions: a week), not on S3.
"""

import re
from importlib import import_module
from typing import Any, Final, TypeAlias

import fsspec
from fsspec import available_protocols
from upath import UPath

from domain.errors import ConfigurationError

Driver: TypeAlias = Any
"""A driver of fsspec, which has no types: no two drivers are of one class."""

CONNECT_SECONDS: Final = 5
SILENT_SECONDS: Final = 15
TRIES: Final = 3

_LAYER: Final = re.compile(r"[\w+.-]+::")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_READ_ONLY: Final = frozenset({"http", "https", "data", "zip", "tar"})  # drivers there are, and none puts an object


def driver_of(address: UPath) -> Driver:
    """The driver of a store, not connected, and nobody else's.

    Raises:
        ImportError: It is not installed.
        ValueError: No store is known by such an address.
    """
    protocol, options = str(address.protocol), dict(address.storage_options) | {"skip_instance_cache": True}
    if (extra := _EXTRAS.get(protocol)) is None:
        return fsspec.filesystem(protocol, **options)
    # Each is imported only where its store is used: its library is an extra.
    driver: Driver = import_module(f"warehouse.store_{extra}").driver(options)
    return driver


def how_to_install(scheme: str) -> str:
    """What to do where the driver of a store is missing."""
    extra = _EXTRAS.get(scheme)
    return f"install its driver into .venv{f' (requirements-{extra}.lock)' if extra else ''}"


def require_store(address: str, setting: str) -> None:
    """Refuse what names neither a store nor a folder.

    The library reads some of what it does not know as the name of a folder, and puts layers of its own (caches,
    archives) before a store: what it then calls kept is not there yet, or in another form. Where an address has no
    bucket, because a variable in it was not set, it takes what follows for one: that may be anybody's.

    Raises:
        ConfigurationError: No store is known by the address, it names no bucket, or it is a chain of file systems.
    """
    scheme, is_url, rest = address.partition("://")
    is_chain = "::" in address and (is_url or _LAYER.match(address))
    is_known = _SCHEME.fullmatch(scheme) and scheme in available_protocols() and scheme not in _READ_ONLY
    store = address.partition(":")[0]
    has_no_bucket = store in _EXTRAS and store != address and (not is_url or not rest[:1].strip(" /?#@"))
    if is_chain or has_no_bucket or (is_url and "/" not in scheme and not is_known):
        scheme = scheme.partition(":")[0]
        why = (
            "it is a chain of file systems (::)"
            if is_chain
            else f"no bucket or container stands behind {scheme}://"
            if has_no_bucket
            else f"no store is known by {scheme}://"
        )
        raise ConfigurationError(
            f"the landing zone cannot be there: {why}",
            place=f"{setting}, {scheme}://…",
            fix="write s3://bucket/prefix, az://container/prefix, gs://bucket/prefix or a folder",
        )


_EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
}
