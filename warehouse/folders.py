"""Files on a folder, written whole and flushed to the disk, and a trial of whether they can be."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

_PROBE: Final = b"joule"
_INCOMING: Final = ".incoming"


class Folder:
    """Files below a folder, kept and read by their names, as `ObjectStore` keeps objects.

    What is being written stands below `.incoming` of the first folder of its name. Every method raises OSError.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path

    def __str__(self) -> str:
        """Where it is."""
        return str(self._path)

    def get(self, name: str, _n_most: int = 0) -> bytes:
        """What is in a file."""
        return (self._path / name).read_bytes()

    def get_file(self, name: str, _folder: Path, _n_bytes: int) -> Path:
        """The file itself, which nobody may change."""
        return self._path / name

    def put(self, name: str, body: bytes) -> None:
        """Keep a file, whole or not at all."""
        self.write(name, lambda into: into.write(body))

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Keep what `write` writes, whole or not at all; it is on the disk when this returns."""
        source, slash, _ = name.partition("/")
        incoming = self._path / source / _INCOMING if slash else self._path / _INCOMING
        write_whole(self._path / name, write, incoming=incoming)

    def try_out(self) -> None:
        """Write, read and take away a file in the folder and in each one in it, as a load would."""
        self._path.mkdir(parents=True, exist_ok=True)
        folders = [one for one in self._path.iterdir() if one.is_dir() and not one.name.startswith(".")]
        for folder in [self._path, *folders]:
            file = folder / f".probe-{token_hex(4)}"
            write_whole(file, lambda into: into.write(_PROBE), incoming=folder / _INCOMING)
            try:
                if file.read_bytes() != _PROBE:
                    raise OSError(0, "it gives back something else", str(folder))
            finally:
                file.unlink()
            for below in folder.iterdir():
                if below.is_dir() and not os.access(below, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(13, os.strerror(13), str(below))

    def sweep(self, source: str, older_than: timedelta) -> None:
        """Remove what writers left behind that were interrupted so long ago."""
        for left in (self._path / source / _INCOMING).glob("*.part"):
            try:
                if left.stat().st_mtime < time.time() - older_than.total_seconds():
                    left.unlink()
            except FileNotFoundError:
                continue  # Another process sweeps at the same time.


def write_whole(target: Path, write: Callable[[BinaryIO], object], *, incoming: Path) -> None:
    """Make a file that is whole or absent, on the disk when this returns; what is half is below `incoming`.

    Raises:
        OSError: It cannot be written.
    """
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _flush_folder(target.parent.parent)
    part = incoming / f"{target.name}.{os.getpid()}.{token_hex(4)}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)  # noqa: PTH105, the kill tests stop before and after this very call
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Make names durable: a rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
