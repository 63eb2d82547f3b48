"""Archives: fetched to disk from wherever the provider says, and found to be whole before anybody loads them."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from domain.errors import (
    AddressRefusedError,
    ConfigurationError,
    CredentialsRejectedError,
    ExportPendingError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
from domain.records import BodyFile
from providers._archive import Archive, ArchiveLimits
from providers._http import ApiClient, BlobClient, Download

_STALE_SECONDS: Final = 86_400
_PREFIX: Final = "export-"
_NOT_NOW: Final = frozenset({404, 410})
_MOST_DAMAGED: Final = 2


@dataclass(frozen=True, slots=True)
class Fetched:
    """An archive on disk that was read to its end once.

    Attributes:
        body: Where it is.
        proof: Why it is believed to be whole.
        received_at: When its last byte arrived.
    """

    body: BodyFile
    proof: str
    received_at: datetime


class Files:
    """Where archives are fetched from, and where they lie meanwhile.

    Args:
        own: Asks the API's own host, with our credentials.
        others: Asks listed hosts, with none.
        spool: A folder on a disk.
        source: Whose archives, for messages.
        waits: Seconds before each further try.
        limits: What an archive may be.
        sleep: Waits them.
    """

    def __init__(
        self,
        own: ApiClient,
        others: BlobClient,
        spool: Path,
        *,
        waits: tuple[float, ...],
        limits: ArchiveLimits = ArchiveLimits(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._own = own
        self._others = others
        self._spool = spool
        self._waits = waits
        self._limits = limits
        self._sleep = sleep

    def new_step(self) -> None:
        """Begin a step: the failures of the one before no longer count."""
        self._own.new_step()
        self._others.new_step()

    @contextmanager
    def fetched(self, url_of: Callable[[], str | None], place: str) -> Iterator[Fetched]:
        """An archive, for as long as the block lasts.

        Args:
            url_of: Asks for its address, before each try: one that was signed may have expired. None: it is gone.
            place: Which archive, for messages.

        Raises:
            RequestRejectedError: It is gone.
            PayloadUnreadableError: It is damaged, also when it is fetched once more.
            AnswerTooLargeError: It is larger than allowed, or pretends to be.
            ExportPendingError: It is said to be there, and cannot be fetched.
            AddressRefusedError: Its address is not on the list.
            ConfigurationError: The spool cannot be written to.
            ProviderError: It cannot be had.
        """
        with self._on_disk():
            self._sweep()
            folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._spool)
        with folder as name:
            yield self._until_whole(url_of, Path(name) / "archive", place)

    def _until_whole(self, url_of: Callable[[], str | None], path: Path, place: str) -> Fetched:
        waits, n_damaged = iter(self._waits), 0
        while True:
            url = url_of()
            if url is None:
                raise RequestRejectedError(
                    "the archive of the export is gone", place=place, fix="run it again: it is ordered anew", status=410
                )
            try:
                with self._on_disk():
                    done = self._download(url, path, place)
            except ProviderError as error:
                wait = next(waits, None)
                if wait is None or not _may_pass(error):
                    raise _final(error, place) from None
            else:
                try:
                    with self._on_disk():
                        return self._verified(path, done, place)
                except (PayloadUnreadableError, IncompleteAnswerError) as error:
                    if isinstance(error, PayloadUnreadableError) and error.is_meant:
                        raise
                    # It came whole, as far as HTTP can tell: once more, and it will be as damaged the third time.
                    n_damaged += 1
                    wait = next(waits, None)
                    if wait is None or n_damaged == _MOST_DAMAGED:
                        raise
            self._sleep(wait)

    def _download(self, url: str, path: Path, place: str) -> Download:
        with path.open("wb") as file:
            try:
                self._own.origin.own(url, place=place)
            except AddressRefusedError:
                return self._others.download(url, file)
            return self._own.fetch_own(url, file)

    def _verified(self, path: Path, done: Download, place: str) -> Fetched:
        received_at = datetime.now(UTC)
        with path.open("rb") as file:
            archive = Archive(file, place=place, limits=self._limits)
            n_bytes = archive.verify()
            _require_same(path, done, place)
        proof = f"{done.proof}, zip crc of {len(archive.members):,} files, {n_bytes:,} bytes"
        return Fetched(BodyFile(path, done.n_bytes, done.sha256), proof, received_at)

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """What the disk says is said by name: it is ours, and the provider has nothing to do with it."""
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"the folder for archives on their way cannot be used ({error.strerror or type(error).__name__})",
                place=str(self._spool),
                fix="make room there, and let the process write to it; an archive that is ready is fetched again",
            ) from None

    def _sweep(self) -> None:
        """Remove what killed processes left behind."""
        self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._spool.glob(f"{_PREFIX}*"):
            try:
                if left.stat().st_mtime < time.time() - _STALE_SECONDS:
                    for file in left.iterdir():
                        file.unlink()
                    left.rmdir()
            except OSError:
                continue  # Another process sweeps at the same time.


def _may_pass(error: ProviderError) -> bool:
    """Whether a fresh address, or a little later, may help: an expired one, one not there yet, a transfer cut short."""
    if isinstance(error, RequestRejectedError):
        return error.status in _NOT_NOW
    return isinstance(error, CredentialsRejectedError | PayloadUnreadableError | IncompleteAnswerError)


def _final(error: ProviderError, place: str) -> ProviderError:
    """The last word: a file that cannot be had may still come, whatever stood in its place this time."""
    if isinstance(error, RequestRejectedError):
        is_later = error.status in _NOT_NOW
    elif isinstance(error, ProviderUnavailableError):
        is_later = not isinstance(error, RateLimitedError)
    else:
        is_later = isinstance(error, CredentialsRejectedError | PayloadUnreadableError)
    if is_later:
        return ExportPendingError(
            f"the archive is said to be there and cannot be fetched: {error.culprit}",
            place=place,
            fix="wait for the next run, which asks for a fresh address of the same archive",
        )
    return error


def _require_same(path: Path, done: Download, place: str) -> None:
    """What lies on the disk is what was received."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == done.sha256:
            return
    raise IncompleteAnswerError("the disk holds other bytes than were received", place=place, fix="look at the disk")
