"""Files on a folder, written whole and flushed to the disk, and a trial of whether they can be."""

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

_PROBE: Final = b"joule"


def try_folder(root: Path) -> None:
    """Write, read and take away a file in `root` and in each folder of it, as a load would.

    Raises:
        OSError: One of it fails, or a folder further below is not ours to write.
    """
    root.mkdir(parents=True, exist_ok=True)
    for folder in [root, *(one for one in root.iterdir() if one.is_dir() and not one.name.startswith("."))]:
        file = folder / f".probe-{token_hex(4)}"
        write_whole(file, lambda into: into.write(_PROBE), incoming=folder / ".incoming")
        try:
            if file.read_bytes() != _PROBE:
                raise OSError(0, "it gives back something else", str(folder))
        finally:
            file.unlink()
        for below in folder.iterdir():
            if below.is_dir() and not os.access(below, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, os.strerror(13), str(below))


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
