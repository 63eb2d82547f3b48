"""What wide pulls say, read once and kept by day, so that no day's load reads all of it again (ADR 0019).

It lies in a file without a name: whatever ends the process, nothing is left. It is a shortcut and no more. If anything
at all is wrong with it there is none, and each day is read from its answers, where what is wrong has a day and a name.
"""

import errno
import logging
import os
import pickle
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import IO, TYPE_CHECKING, Final

import zstandard

from domain.contract import Closeable, LandedPull, Provider, Warehouse
from domain.errors import IngestError
from domain.quantities import NO_KINDS, Kind, Kinds
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized

_log: Final = logging.getLogger(__name__)

_LEVEL: Final = 1  # as in the landing zone: what counts is that less is written
_LEAST_FREE: Final = 2**30  # bytes that stay free: the disk may be the database's, too
_FRAMES: Final = ("measurements", "states", "rejected")


class Spool(Closeable):
    """Batches on disk, by pull and window, one of them in memory at a time.

    Args:
        kinds: What was known of the series when the answers were read.
    """

    def __init__(self, kinds: Kinds = NO_KINDS) -> None:
        """Take a file in the folder for temporary files.

        Raises:
            OSError: There is none to be had.
        """
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="joulehouse-")  # noqa: SIM115 - `close` closes it
        self._zip = zstandard.ZstdCompressor(level=_LEVEL)
        self._unzip = zstandard.ZstdDecompressor()
        self._registers = _registers(kinds)
        self._doubtful: set[tuple[int, Window]] = set()
        self._spans: dict[tuple[int, Window], list[tuple[int, int]]] = {}
        self._end = 0

    def begin(self, pull_id: int, window: Window) -> None:
        """Begin a window of a pull: the batches that are added are all that the pull says inside of it."""
        self._spans[pull_id, window] = []

    def add(self, pull_id: int, window: Window, batch: "Normalized") -> None:
        """Keep a batch.

        Raises:
            OSError: There is no room for it.
        """
        frames = {name: frame for name in _FRAMES if len(frame := getattr(batch, name))}
        others = {"series": batch.series, "n_duplicates": batch.n_duplicates, "absent_sites": batch.absent_sites}
        others |= {"n_absent": batch.n_absent, "unmapped": dict(batch.unmapped)}
        packed = self._zip.compress(pickle.dumps(frames | others, protocol=5))
        disk = os.fstatvfs(self._file.fileno())
        if disk.f_bavail * disk.f_frsize < len(packed) + _LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._file.seek(self._end)
        self._file.write(packed)
        self._spans[pull_id, window].append((self._end, len(packed)))
        self._end += len(packed)
        if batch.unmapped:
            self._doubtful.add((pull_id, window))

    def batches(self, pull_id: int, window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized] | None":
        """What a pull says inside `window`; None if that is not known here.

        It is not known either where values were unmapped and a day that was loaded since made a register of a series:
        with today's `kinds` those values may have a meaning.
        """
        if (pull_id, window) in self._doubtful and not _registers(kinds) <= self._registers:
            return None
        spans = self._spans.get((pull_id, window))
        return None if spans is None else (self._read(start, n_bytes) for start, n_bytes in spans)

    def flush(self) -> None:
        """Have all of it on disk.

        Raises:
            OSError: It does not fit.
        """
        self._file.flush()

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def _read(self, start: int, n_bytes: int) -> "Normalized":
        self._file.seek(start)
        fields = pickle.loads(self._unzip.decompress(self._file.read(n_bytes)))  # noqa: S301 - we wrote it
        return replace(_empty(), **fields)


def spooled(provider: Provider, warehouse: Warehouse, source: str, windows: Sequence[Window]) -> Spool | None:
    """All that the newest pulls say of `windows`, where one is the newest of several; None where none is, or on errors.

    Args:
        provider: Whose vocabulary the answers are in; only its `normalize_each` is used.
        warehouse: Where the answers are.
        source: Whose.
        windows: In order, and without an instant in common.
    """
    wide = {pull_id: of_it for pull_id, of_it in _by_pull(warehouse, source, windows).items() if len(of_it) > 1}
    if not wide:
        return None
    spool = None
    try:
        kinds = warehouse.known_kinds(source)
        spool = Spool(kinds)
        for pull_id, of_it in wide.items():
            landed = warehouse.payloads(source, Window(of_it[0].start, of_it[-1].end))
            if landed.pull_id == pull_id:  # else another one has been finished this very moment
                _fill(spool, provider, landed, of_it, kinds)
        spool.flush()
    except Exception as error:  # noqa: BLE001 - whatever it is, the days' own loads find it, and say whose it is
        if spool is not None:
            spool.close()
        _log.warning("%s: what was pulled is read day by day, which takes longer: %s", source, type(error).__name__)
        return None
    return spool


def _by_pull(warehouse: Warehouse, source: str, windows: Sequence[Window]) -> dict[int, list[Window]]:
    """The newest pull of each window → its windows; a window without one is left to its own load."""
    found: dict[int, list[Window]] = defaultdict(list)
    for window in windows:
        try:
            found[warehouse.payloads(source, window).pull_id].append(window)
        except IngestError:
            continue
    return found


def _fill(spool: Spool, provider: Provider, landed: LandedPull, windows: Sequence[Window], kinds: Kinds) -> None:
    for window in windows:
        spool.begin(landed.pull_id, window)
    batches = provider.normalize_each(landed, windows, kinds)
    try:
        for index, batch in batches:
            spool.add(landed.pull_id, windows[index], batch)
    finally:
        # A generator left in the middle holds the answer's file until it is collected.
        if isinstance(batches, Generator):
            batches.close()


def _registers(kinds: Kinds) -> frozenset[str]:
    return frozenset(key for key, kind in kinds.items() if kind is Kind.REGISTER)


@cache
def _empty() -> "Normalized":
    # Building empty frames costs as much as reading three thousand rows, and nobody writes into one.
    from domain.measurement import Normalized  # noqa: PLC0415  # pandas takes a third of a second

    return Normalized()
