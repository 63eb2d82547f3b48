"""Objects under a prefix, put, got and deleted by their names.

Nothing is listed, no bucket is made, and no name is a pattern.
"""

from pathlib import Path
from typing import Any, BinaryIO, Final

from upath import UPath

from warehouse.store_errors import as_os_errors


class ObjectStore:
    """A prefix in a bucket (a container). Every method raises OSError, with the store's reason, and nothing else.

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
        self._driver: Final[Any] = address.fs

    def __str__(self) -> str:
        """The prefix's address; it may hold a user and a password."""
        return str(self._address)

    def get(self, name: str) -> bytes:
        """An object: one request."""
        with as_os_errors():
            # s3fs asks for the size first, and then for a list, where it might fetch pieces side by side.
            return bytes(self._driver.cat_file(self._path(name), max_concurrency=1))

    def get_file(self, name: str, into: Path) -> None:
        """Write an object into a file, by pieces."""
        with as_os_errors():
            self._driver.get_file(self._path(name), str(into))

    def put(self, name: str, body: bytes) -> None:
        """Keep an object, whole or not at all: one request where it is small."""
        with as_os_errors():
            self._driver.pipe_file(self._path(name), body)

    def writer(self, name: str) -> BinaryIO:
        """A file to write an object into by pieces; it is kept when that is closed, by an error too."""
        file: BinaryIO = self._driver.open(self._path(name), "wb")
        return file

    def delete(self, name: str) -> None:
        """Take an object away."""
        with as_os_errors():
            self._driver.rm_file(self._path(name))  # `rm` would read [, * and ? as a pattern

    def _path(self, name: str) -> str:
        return str((self._address / name).path)
