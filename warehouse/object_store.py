"""Objects under a prefix, put, got and deleted by their names.

Nothing is listed, no bucket is made, and no name is a pattern. A store that takes a request in and is silent is given
up within a minute (`_PATIENCE_SECONDS`): an object has that and the time that it takes on a slow line.
"""

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

from upath import UPath

from warehouse.store_drivers import Driver, driver_of
from warehouse.store_errors import as_os_errors, is_silence, reason

_PATIENCE_SECONDS: Final = 40
_SLOWEST: Final = 64 * 1024  # bytes a second
_SWEEP_SECONDS: Final = 10
_DAY_SECONDS: Final = 86_400
_PROBE: Final = ".probe"

_log: Final = logging.getLogger(__name__)


class ObjectStore:
    """A prefix in a bucket (a container). Safe for threads and across forks.

    Every method raises OSError, with the store's reason, and nothing else; TimeoutError where the store was silent.

    Args:
        address: The prefix.
    """

    def __init__(self, address: UPath) -> None:
        """Load the driver; nothing is connected.

        Raises:
            ImportError: It is not installed.
            ValueError: No store is known by such an address.
        """
        self._address: Final = address
        self._pid = os.getpid()
        self._own = driver_of(address)
        self._swept_at = -math.inf

    def __str__(self) -> str:
        """The prefix's address; it may hold a user and a password."""
        return str(self._address)

    def get(self, name: str, n_most: int = 0) -> bytes:
        """An object of about `n_most` bytes at most: one request."""
        with as_os_errors():
            # s3fs asks for the size first, and then for a list, where it might fetch pieces side by side.
            return bytes(self._driver.cat_file(self._path(name), max_concurrency=1, **self._patience(n_most)))

    def get_file(self, name: str, folder: Path, n_bytes: int) -> Path:
        """An object as a file in `folder`, written by pieces: one request where it is small."""
        file = folder / "body"
        with as_os_errors():
            # gcsfs asks for the size first, where it might fetch pieces side by side.
            self._driver.get_file(self._path(name), str(file), concurrency=1, **self._patience(n_bytes))
        return file

    def put(self, name: str, body: bytes) -> None:
        """Keep an object, whole or not at all: one request where it is small."""
        with as_os_errors():
            self._driver.pipe_file(self._path(name), body, **self._patience(len(body)))

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file to write an object into by pieces; it is kept when the block is left, by an error too."""
        with as_os_errors():
            file = self._driver.open(self._path(name), "wb")
            try:
                yield file
            except Exception as error:
                if is_silence(error) and hasattr(file, "fs"):
                    file.closed = True  # closing it would send what is left, and wait once more
                raise
            finally:
                file.close()

    def delete(self, name: str) -> None:
        """Take an object away."""
        with as_os_errors():
            # `rm` would read [, * and ? as a pattern.
            self._driver.rm_file(self._path(name), **self._patience(0))

    def try_out(self) -> None:
        """Put, get and delete an object, as a load would."""
        # One name: a key that may not delete leaves one object behind, however often this is tried.
        body = token_hex(4).encode()
        self.put(_PROBE, body)
        is_kept = len(self.get(_PROBE)) == len(body)  # another process may have put its own
        with suppress(PermissionError):  # A load deletes nothing, and a key need not have the right to.
            self.delete(_PROBE)
        if not is_kept:
            raise OSError(0, "it gives back something else")

    def abandon_uploads(self, older_than: timedelta) -> None:
        """Give up uploads by pieces below the prefix that nobody goes on with; S3 would keep, and charge for, them.

        It is tried once a day in each process, by what the key may do: it need not have the right to.
        """
        if "s3" not in self._driver.protocol or time.monotonic() < self._swept_at + _DAY_SECONDS:
            return
        self._swept_at = time.monotonic()
        bucket, _, prefix = self._path("").strip("/").partition("/")
        try:
            found = self._driver.call_s3(
                "list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/" if prefix else "", timeout=_SWEEP_SECONDS
            )
            for upload in found.get("Uploads", ()):
                if upload["Initiated"] < datetime.now(UTC) - older_than:
                    self._driver.abort_mpu(bucket, upload["Key"], upload["UploadId"], timeout=_SWEEP_SECONDS)
        except Exception as error:  # noqa: BLE001 — the driver has errors of its own, and the pull needs none of this
            _log.debug("Open uploads below %s stay: %s", prefix, reason(error))

    @property
    def _driver(self) -> Driver:
        if self._pid != os.getpid():  # its thread, which asks, is the parent's
            self._own, self._pid = driver_of(self._address), os.getpid()
        return self._own

    def _patience(self, n_bytes: int) -> dict[str, float]:
        """What fsspec's own waiting is told, which drivers without a thread of theirs do not know."""
        return {"timeout": _PATIENCE_SECONDS + n_bytes / _SLOWEST} if self._driver.async_impl else {}

    def _path(self, name: str) -> str:
        return str((self._address / name).path)
