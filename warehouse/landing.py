"""The landing zone: answers as received, compressed, under their own hash, on a folder or any object store.

An answer is whole or absent. On a folder it is written beside the others under `.incoming/`, flushed to the disk and
renamed; an object store's put is atomic by itself, and a put that failed is read back: another process may have kept
the same answer meanwhile. What is read is checked against its hash.

On an object store nothing is made but objects, and nothing is asked but to put, get and delete them by their names: a
key needs no more rights. Without the right to list, a store refuses what is not there.

A body that lies in a file (an archive) is kept as it is, by pieces, and given back as a file: it is compressed already,
and may be larger than memory.
"""

import hashlib
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from upath import UPath

from domain.errors import ConfigurationError, PayloadMissingError, WarehouseUnavailableError
from domain.records import BodyFile
from warehouse.body_bytes import copy_checked, pack, unpack
from warehouse.folders import Folder
from warehouse.object_store import ObjectStore
from warehouse.store_drivers import how_to_install, require_store
from warehouse.store_errors import reason

LANDING_URL: Final = "LANDING_URL"
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_STALE: Final = timedelta(days=1)  # no pull lives longer, hence nobody will rename what is older
_LOCAL: Final = ("", "file", "local")
_AS_IT_IS: Final = ".raw"
_ZONE: Final = ".joulehouse-zone"  # no source begins with a dot
_ZONE_ID: Final = re.compile(r"[0-9a-f]{32}")
_SMALL: Final = 2**24  # a store takes it in one request
_GONE: Final = "a kept answer is gone from the landing zone"
_DAMAGED: Final = "a kept answer is damaged in the landing zone"
_LAND_AGAIN: Final = "land the window again: the bytes in the landing zone were deleted or damaged from outside"


class BodyState(StrEnum):
    """How a body that is indexed stands in the landing zone."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    MISSING = "missing"  # or its key is refused it: without the right to list, a store says no more


class Landing:
    """A landing zone.

    Args:
        root: A folder, or the URL of one (`s3://bucket/prefix`, `memory://x` …).
        setting: What names it, for messages.

    Attributes:
        refusal: What the store said the last time that it did not show its id; empty if it says that there is none.
    """

    def __init__(self, root: str | Path | UPath, *, setting: str = LANDING_URL) -> None:
        """Look at nothing yet.

        Raises:
            ConfigurationError: No store is known by such a URL, its driver is not installed, or lacks what it asks for.
        """
        self.setting: Final = setting
        self.refusal = ""
        self._root: Folder | ObjectStore
        scheme = str(root).partition(":")[0]
        require_store(str(root), setting)
        try:
            address = UPath(root)
            # Not connected: a driver that is missing is found before anything is asked of a provider.
            self._root = Folder(Path(address.path)) if address.protocol in _LOCAL else ObjectStore(address)
        except Exception as error:  # noqa: BLE001, each driver has errors of its own
            is_missing = isinstance(error, ImportError) or "filesystem" in str(error)
            # Drivers and their libraries repeat the part of an address that they cannot read.
            is_quotable = is_missing or _shown(str(root)) == str(root)
            why = reason(OSError(str(error) if is_quotable else "its address cannot be read"))
            fix = how_to_install(scheme) if is_missing else "give its driver what it asks for"
            raise ConfigurationError(
                f"the landing zone's store cannot be used: {why}",
                place=f"{setting}, {scheme}://…",
                fix=f"{fix}, or let {setting} name a folder",
            ) from None

    @property
    def place(self) -> str:
        """Where it is, for messages: without a user, a password or a token."""
        return _shown(str(self._root))

    def zone_id(self) -> str | None:
        """The id that the zone holds; None if it holds none, or a key without lists is refused what is not there.

        It is empty where what is there is no id of ours, or the rest of one.

        Raises:
            WarehouseUnavailableError: It cannot be read.
        """
        self.refusal = ""
        try:
            first_line = self._root.get(_ZONE).partition(b"\n")[0].decode(errors="replace").strip()
            return first_line if _ZONE_ID.fullmatch(first_line) else ""
        except FileNotFoundError:
            return None
        except OSError as error:
            if self.is_store and isinstance(error, PermissionError):
                self.refusal = reason(error)
                return None
            raise self._unread(error, f"{_ZONE}, {self.place}") from None

    def require_shown(self) -> None:
        """Refuse to call a body missing where the zone no longer shows its id, which it did before.

        Raises:
            WarehouseUnavailableError: It does not: its key has expired, or its volume is gone.
        """
        if self.zone_id() is None:
            raise WarehouseUnavailableError(
                "the landing zone shows neither its id nor its answers any more",
                place=f"{_ZONE}, {self.place}",
                fix="look whether its key has expired or its volume is gone, then run it again",
            )

    def write_zone_id(self, zone_id: str) -> None:
        """Let the zone hold an id, in place of any that it holds.

        Raises:
            WarehouseUnavailableError: It cannot be written.
        """
        text = (
            f"{zone_id}\nThe warehouse knows its landing zone by this id: let this object stay where it is.\n".encode()
        )
        try:
            self._root.put(_ZONE, text)
        except OSError as error:
            raise self._unwritten(error, f"{_ZONE}, {self.place}") from None

    def probe(self) -> None:
        """Write, read and take away what a load would: on a folder in that of each source as well.

        Raises:
            WarehouseUnavailableError: One of it fails.
        """
        try:
            self._root.try_out()
        except OSError as error:
            raise self._unwritten(error, str(error.filename or self.place)) from None

    @property
    def is_store(self) -> bool:
        """Whether it is an object store, whose requests take their time."""
        return isinstance(self._root, ObjectStore)

    def keep(self, source: str, body: bytes, sha256: str, *, is_known: bool = True) -> str:
        """Keep a body under its hash; the path below the root. A body that is there, whole, is not written again.

        A store is not asked for one that is not `is_known`, and is given it.

        Raises:
            WarehouseUnavailableError: It cannot be written: no room, no right, no store.
            ConfigurationError: The source's slug cannot be a folder.
        """
        path = f"{_slug(source)}/{sha256[:2]}/{sha256}.zst"
        if (is_known or not self.is_store) and self._is_kept(path, len(body), sha256):
            return path
        packed = pack(body)
        try:
            self._root.put(path, packed)
        except OSError as error:
            if not self._is_kept_by_another(error, path, len(body), sha256):
                raise self._unwritten(error, f"payload {sha256[:12]} of {source}, {self.place}") from None
        return path

    def keep_file(self, source: str, body: BodyFile, *, is_known: bool = True) -> str:
        """Keep a body that lies in a file, by pieces and as it is; the path below the root. `is_known`: as for `keep`.

        Raises:
            WarehouseUnavailableError: It cannot be written, or is no longer what it was said to be.
            ConfigurationError: The source's slug cannot be a folder.
        """
        path = f"{_slug(source)}/{body.sha256[:2]}/{body.sha256}{_AS_IT_IS}"
        if (is_known or not self.is_store) and self._is_kept(path, body.n_bytes, body.sha256):
            return path
        try:
            with body.path.open("rb") as file:
                if isinstance(self._root, Folder):
                    self._root.write(path, lambda into: copy_checked(file, into, body))
                elif body.n_bytes <= _SMALL:
                    whole = io.BytesIO()
                    copy_checked(file, whole, body)
                    self._root.put(path, whole.getvalue())
                else:
                    self._put_file(self._root, path, file, body)
        except OSError as error:
            if not self._is_kept_by_another(error, path, body.n_bytes, body.sha256):
                raise self._unwritten(error, f"payload {body.sha256[:12]} of {source}, {self.place}") from None
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
        place = f"payload {sha256[:12]} at {path}, {self.place}"
        with tempfile.TemporaryDirectory(prefix="joulehouse-") as folder:
            try:
                local = self._root.get_file(path, Path(folder), n_bytes)
                with local.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                    is_whole = found == sha256 and file.tell() == n_bytes
            except FileNotFoundError:
                raise PayloadMissingError(_GONE, place=place, fix=_LAND_AGAIN) from None
            except OSError as error:
                raise self._unread(error, place) from None
            if not is_whole:
                raise PayloadMissingError(_DAMAGED, place=place, fix=_LAND_AGAIN)
            yield BodyFile(local, n_bytes, sha256)

    def read(self, path: str, n_bytes: int, sha256: str) -> bytes:
        """The body at `path`.

        Raises:
            PayloadMissingError: It is not there, or not what was kept.
        """
        place = f"payload {sha256[:12]} at {path}, {self.place}"
        try:
            packed = self._root.get(path, n_bytes)
        except FileNotFoundError:
            raise PayloadMissingError(_GONE, place=place, fix=_LAND_AGAIN) from None
        except OSError as error:
            raise self._unread(error, place) from None
        body = unpack(packed, n_bytes)
        if body is None or hashlib.sha256(body).hexdigest() != sha256:
            raise PayloadMissingError(_DAMAGED, place=place, fix=_LAND_AGAIN)
        return body

    def sweep(self, source: str) -> None:
        """Remove what interrupted writers left behind more than a day ago."""
        if isinstance(self._root, ObjectStore):
            self._root.abandon_uploads(_STALE)
        else:
            self._root.sweep(_slug(source), _STALE)

    def state(self, path: str, n_bytes: int, sha256: str) -> BodyState:
        """How a body is: read as a whole, and its hash compared.

        Raises:
            WarehouseUnavailableError: It cannot be read.
        """
        try:
            if self.is_file(path):
                with self.as_file(path, n_bytes, sha256):
                    return BodyState.WHOLE
            self.read(path, n_bytes, sha256)
        except PayloadMissingError as error:
            return BodyState.MISSING if error.culprit == _GONE else BodyState.DAMAGED
        except WarehouseUnavailableError as error:
            if error.is_refused:
                return BodyState.MISSING
            raise
        return BodyState.WHOLE

    def _is_whole(self, path: str, n_bytes: int, sha256: str) -> bool:
        return self.state(path, n_bytes, sha256) is BodyState.WHOLE

    def _is_kept(self, path: str, n_bytes: int, sha256: str) -> bool:
        """Whether a body is there, whole. What a store does not show is put: it may refuse what is not there."""
        try:
            return self._is_whole(path, n_bytes, sha256)
        except WarehouseUnavailableError as error:
            # One silence is a minute, and whoever waits has heard enough of it.
            if not self.is_store or isinstance(error.__context__, TimeoutError):
                raise
            return False

    def _is_kept_by_another(self, error: OSError, path: str, n_bytes: int, sha256: str) -> bool:
        """Whether a body is in the store although our put failed; on a folder, what failed may not be on the disk."""
        return self.is_store and not isinstance(error, TimeoutError) and self._is_kept(path, n_bytes, sha256)

    def _put_file(self, store: ObjectStore, path: str, file: BinaryIO, body: BodyFile) -> None:
        try:
            with store.writer(path) as into:
                copy_checked(file, into, body)
        except TimeoutError:
            raise
        except BaseException:
            # A store commits what was written when the file is closed, and closing it is how the block is left. What is
            # there may as well be another process's, and whole; where it cannot be read, it is left.
            with suppress(OSError, WarehouseUnavailableError):
                if not self._is_whole(path, body.n_bytes, body.sha256):
                    store.delete(path)
            raise

    def _unread(self, error: OSError, place: str) -> WarehouseUnavailableError:
        return WarehouseUnavailableError(
            f"the landing zone cannot be read ({reason(error)})",
            place=place,
            fix="look at the store and at the rights of its key, which may be refused what is gone, then run it again"
            if self.is_store
            else "look at the disk or the store, then run it again",
            is_refused=self.is_store and isinstance(error, PermissionError),
        )

    def _unwritten(self, error: OSError, place: str) -> WarehouseUnavailableError:
        return WarehouseUnavailableError(
            f"the landing zone cannot be written ({reason(error)})",
            place=place,
            fix=f"make room or give the right to write there, or mend the name in {self.setting}, then run it again",
        )


def _shown(address: str) -> str:
    # A secret may hold slashes; a folder has no arguments.
    shown = re.sub(r"//.*@", "//…@", address)
    return re.sub(r"\?.*", "?…", shown) if "//" in shown else shown


def _slug(source: str) -> str:
    if not _SLUG.fullmatch(source):
        raise ConfigurationError(
            f"the source {source!r} cannot be a folder's name",
            place="landing zone",
            fix="name the source with letters, digits, - and _",
        )
    return source
