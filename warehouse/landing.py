"""The landing zone: answers as received, compressed, under their own hash, on a folder or any object store.

An answer is whole or absent. On a folder it is written beside the others under `.incoming/`, flushed to the disk and
renamed; an object store's put is atomic by itself. What is read is checked against its hash.

A body that lies in a file (an archive) is kept as it is, by pieces, and given back as a file: it is compressed already,
and may be larger than memory.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

import zstandard
from upath import UPath

from domain.errors import ConfigurationError, PayloadMissingError, WarehouseUnavailableError
from domain.records import BodyFile

_LEVEL: Final = 1  # measured on telemetry in JSON: as small as level 3, in two thirds of its time
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_STALE_SECONDS: Final = 86_400  # no pull lives longer, hence nobody will rename what is older
_LOCAL: Final = ("", "file", "local")
_AS_IT_IS: Final = ".raw"
_PIECE: Final = 2**20


class Landing:
    """A landing zone.

    Args:
        root: A folder, or the URL of one (`s3://bucket/prefix`, `memory://x` …).
    """

    def __init__(self, root: str | Path | UPath) -> None:
        """Look at nothing yet.

        Raises:
            ConfigurationError: No store is known by such a URL, or its driver is not installed.
        """
        try:
            address = UPath(root)
            is_local = address.protocol in _LOCAL
            # Not connected: a driver that is missing is found before anything is asked of a provider.
            _ = is_local or address.fs
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"the landing zone's store cannot be used: {error}",
                place=f"LANDING_URL, {str(root).partition(':')[0]}://…",
                fix="install its driver into .venv (s3fs, gcsfs, adlfs …), or let LANDING_URL name a folder",
            ) from None
        self._root: Path | UPath = Path(address.path) if is_local else address

    @property
    def place(self) -> str:
        """Where it is, for messages: without a user and a password."""
        return re.sub(r"//[^/@]*@", "//…@", str(self._root))

    def probe(self) -> None:
        """Keep something, read it back, and take it away again.

        Raises:
            WarehouseUnavailableError: One of it fails.
        """
        probe = self._root / f".probe-{token_hex(4)}"
        try:
            with _in_our_terms():
                self._root.mkdir(parents=True, exist_ok=True)
                probe.write_bytes(b"joule")
                is_kept = probe.read_bytes() == b"joule"
                probe.unlink()
        except OSError as error:
            raise _unwritten(error, self.place) from None
        if not is_kept:
            raise _unwritten(OSError(0, "it gives back something else"), self.place)

    def keep(self, source: str, body: bytes, sha256: str) -> str:
        """Keep a body under its hash; the path below the root. A body that is there, whole, is not written again.

        Raises:
            WarehouseUnavailableError: It cannot be written: no room, no right, no store.
            ConfigurationError: The source's slug cannot be a folder.
        """
        path = f"{_slug(source)}/{sha256[:2]}/{sha256}.zst"
        try:
            if self._is_whole(path, len(body), sha256):
                return path
            packed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True).compress(body)
            if isinstance(self._root, Path):
                incoming = self._root / source / ".incoming"
                _write_local(self._root / path, lambda into: into.write(packed), incoming=incoming)
            else:
                target = self._root / path
                with _in_our_terms():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(packed)
        except OSError as error:
            raise _unwritten(error, f"payload {sha256[:12]} of {source}") from None
        return path

    def keep_file(self, source: str, body: BodyFile) -> str:
        """Keep a body that lies in a file, by pieces and as it is; the path below the root.

        Raises:
            WarehouseUnavailableError: It cannot be written, or is no longer what it was said to be.
            ConfigurationError: The source's slug cannot be a folder.
        """
        path = f"{_slug(source)}/{body.sha256[:2]}/{body.sha256}{_AS_IT_IS}"
        try:
            try:
                with self.as_file(path, body.n_bytes, body.sha256):
                    return path
            except PayloadMissingError:
                pass  # Not there yet, or damaged: written now.
            with body.path.open("rb") as file:
                if isinstance(self._root, Path):
                    target, incoming = self._root / path, self._root / source / ".incoming"
                    _write_local(target, lambda into: _copied(file, into, body), incoming=incoming)
                else:
                    with _in_our_terms():
                        _write_remote(self._root / path, file, body)
        except OSError as error:
            raise _unwritten(error, f"payload {body.sha256[:12]} of {source}") from None
        return path

    @staticmethod
    def is_file(path: str) -> bool:
        """Whether what is kept at `path` is given back as a file."""
        return path.endswith(_AS_IT_IS)

    @contextmanager
    def as_file(self, path: str, n_bytes: int, sha256: str) -> Iterator[BodyFile]:
        """The body at `path` as a file on this machine, checked, for as long as the block lasts.

        On a folder it is the kept file itself, which nobody may change; from an object store it is fetched first.

        Raises:
            PayloadMissingError: It is not there, or not what was kept.
        """
        place = f"payload {sha256[:12]} at {path}"
        with tempfile.TemporaryDirectory(prefix="joulehouse-") as folder:
            try:
                if isinstance(self._root, Path):
                    local = self._root / path
                else:
                    local = Path(folder) / "body"
                    with _in_our_terms(), (self._root / path).open("rb") as kept, local.open("wb") as into:
                        shutil.copyfileobj(kept, into, _PIECE)
                with local.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                    is_whole = found == sha256 and file.tell() == n_bytes
            except FileNotFoundError:
                raise PayloadMissingError(_GONE, place=place, fix=_LAND_AGAIN) from None
            except OSError as error:
                raise _unread(error, place) from None
            if not is_whole:
                raise PayloadMissingError(_DAMAGED, place=place, fix=_LAND_AGAIN)
            yield BodyFile(local, n_bytes, sha256)

    def read(self, path: str, n_bytes: int, sha256: str) -> bytes:
        """The body at `path`.

        Raises:
            PayloadMissingError: It is not there, or not what was kept.
        """
        place = f"payload {sha256[:12]} at {path}"
        try:
            with _in_our_terms():
                packed = (self._root / path).read_bytes()
        except FileNotFoundError:
            raise PayloadMissingError(_GONE, place=place, fix=_LAND_AGAIN) from None
        except OSError as error:
            raise _unread(error, place) from None
        body = _unpacked(packed, n_bytes)
        if body is None or hashlib.sha256(body).hexdigest() != sha256:
            raise PayloadMissingError(_DAMAGED, place=place, fix=_LAND_AGAIN)
        return body

    def sweep(self, source: str) -> None:
        """Remove what interrupted writers left behind more than a day ago."""
        if not isinstance(self._root, Path):
            return
        for left in (self._root / _slug(source) / ".incoming").glob("*.part"):
            try:
                if left.stat().st_mtime < time.time() - _STALE_SECONDS:
                    left.unlink()
            except FileNotFoundError:
                continue  # Another process sweeps at the same time.

    def _is_whole(self, path: str, n_bytes: int, sha256: str) -> bool:
        try:
            self.read(path, n_bytes, sha256)
        except PayloadMissingError:
            return False
        return True


def _slug(source: str) -> str:
    if not _SLUG.fullmatch(source):
        raise ConfigurationError(
            f"the source {source!r} cannot be a folder's name",
            place="landing zone",
            fix="name the source with letters, digits, - and _",
        )
    return source


def _unpacked(packed: bytes, n_bytes: int) -> bytes | None:
    """The body, or None if the bytes are not what was kept; never more memory than the index says it needs."""
    try:
        if zstandard.frame_content_size(packed) != n_bytes:
            return None
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=n_bytes)
    except zstandard.ZstdError:
        return None


_GONE: Final = "a kept answer is gone from the landing zone"
_DAMAGED: Final = "a kept answer is damaged in the landing zone"
_LAND_AGAIN: Final = "land the window again: the bytes in the landing zone were deleted or damaged from outside"


@contextmanager
def _in_our_terms() -> Iterator[None]:
    """An object store's own errors, of which there is no list, as the operating system's."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(0, f"{type(error).__name__} of the store") from error


def _unwritten(error: OSError, place: str) -> WarehouseUnavailableError:
    return WarehouseUnavailableError(
        f"the landing zone cannot be written ({error.strerror or type(error).__name__})",
        place=place,
        fix="make room or give the right to write there, then run it again",
    )


def _unread(error: OSError, place: str) -> WarehouseUnavailableError:
    return WarehouseUnavailableError(
        f"the landing zone cannot be read ({error.strerror or type(error).__name__})",
        place=place,
        fix="look at the disk or the store, then run it again",
    )


def _copied(file: BinaryIO, into: BinaryIO, body: BodyFile) -> None:
    """Copy by pieces; what is kept under a hash must have it, even where the file was changed under way.

    Raises:
        OSError: It is not what it was said to be.
    """
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
        into.write(piece)
    if digest.hexdigest() != body.sha256:
        raise OSError(0, "the file was changed while it was kept")


def _write_local(target: Path, write: Callable[[BinaryIO], object], *, incoming: Path) -> None:
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


def _write_remote(target: UPath, file: BinaryIO, body: BodyFile) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as into:
            _copied(file, into, body)
    except BaseException:
        # A store commits what was written when the file is closed, and closing it is how the block is left.
        target.unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    """Make names durable: a rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
