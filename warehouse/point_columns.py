"""Columns that lie on disk: what a load holds of a day that is too large for memory.

A column is written at its end and read through a mapping of its file, which has no name: whatever ends the process,
nothing is left. What has been read is let go of, so that it counts for memory no longer than it is looked at.
"""

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from domain.contract import Closeable
from domain.errors import WarehouseUnavailableError

_LEAST_ROWS: Final = 1 << 12  # of one run read at a time: fewer cost more to ask for than to read
_ROWS_OF_ALL: Final = 1 << 16  # of all runs together: 1 MB, where there are not too many

_LOOKED_AT: Final = 32  # runs one after the other: the system maps 64 KB around each byte that is looked at

_Value = TypeVar("_Value", np.float64, np.int64)
_Keys = npt.NDArray[np.int64]


class Column(Closeable, Generic[_Value]):
    """An array on disk: appended to first, read afterwards.

    Args:
        dtype: Of its elements.
        folder: Where its file lies; None for the system's folder for temporary files.
    """

    def __init__(self, dtype: type[_Value], folder: Path | None) -> None:
        """Take a file.

        Raises:
            WarehouseUnavailableError: There is none to be had.
        """
        self._dtype: type[_Value] = dtype
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._mapped: mmap.mmap | None = None
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = tempfile.TemporaryFile(prefix="joulehouse-", dir=folder)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise self._no_room(error) from None

    def append(self, part: npt.NDArray[_Value]) -> None:
        """Put elements at its end.

        Raises:
            WarehouseUnavailableError: There is no room for them.
        """
        try:
            if self._file is not None:
                self._file.write(part.data)
        except OSError as error:
            raise self._no_room(error) from None

    def read(self) -> npt.NDArray[_Value]:
        """All of it, as an array that cannot be written to; at least one element. Nothing is appended afterwards.

        Raises:
            WarehouseUnavailableError: There is no room for what was written last.
        """
        try:
            if self._file is not None:
                self._file.flush()
                self._mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
                self.close()
        except OSError as error:
            raise self._no_room(error) from None
        return np.frombuffer(self._mapped or b"", dtype=self._dtype)

    def forget(self) -> None:
        """Let go of the memory that reading has taken; it is read again where it is looked at again."""
        if self._mapped is not None:
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Give the file back; where it is read, it is there until that ends."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _no_room(self, error: OSError) -> WarehouseUnavailableError:
        return WarehouseUnavailableError(
            f"the points of a large day cannot be put on disk ({error.strerror or type(error).__name__})",
            place=str(self._folder or tempfile.gettempdir()),
            fix="make room or give the right to write there, then run it again",
        )


class Runs(Closeable, Generic[_Value]):
    """Runs of points, each in order, that are written one after the other and read as one in order.

    Args:
        dtype: Of the values.
        folder: Where they lie.
    """

    def __init__(self, dtype: type[_Value], folder: Path | None) -> None:
        """Take two files.

        Raises:
            WarehouseUnavailableError: There is none to be had.
        """
        self._keys: Column[np.int64] = Column(np.int64, folder)
        self._values: Column[_Value] = Column(dtype, folder)
        self._ends: list[int] = [0]

    def __len__(self) -> int:
        """Points of all runs."""
        return self._ends[-1]

    def append(self, keys: _Keys, values: npt.NDArray[_Value]) -> None:
        """Put a run behind the others.

        Args:
            keys: Ascending; equal ones are borne.
            values: One for each.
        """
        self._keys.append(keys)
        self._values.append(values)
        self._ends.append(self._ends[-1] + len(keys))

    def merged(self) -> Iterator[tuple[_Keys, npt.NDArray[_Value]]]:
        """All points in order, in pieces; those of one key are in one piece, in the order of their runs."""
        keys, values = self._keys.read(), self._values.read()
        ends = np.array(self._ends[1:], dtype=np.int64)
        at = np.array(self._ends[:-1], dtype=np.int64)
        n_rows = most = max(_LEAST_ROWS, _ROWS_OF_ALL // len(ends))
        parts = []
        for some in np.array_split(np.arange(len(ends)), len(ends) // _LOOKED_AT + 1):
            parts.append(_in_sight(keys, at[some], ends[some], n_rows))
            self._keys.forget()
        upto, head, last = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        while len(ends):
            # What lies below the least of the last keys in sight is complete: no run has more of it out of sight.
            bound = int(last.min())
            chosen = np.flatnonzero(head < bound)
            spans = [
                slice(start, start + int(np.searchsorted(keys[start:stop], bound)))
                for start, stop in zip(at[chosen].tolist(), upto[chosen].tolist(), strict=True)
            ]
            if spans:
                yield _in_order([keys[span] for span in spans], [values[span] for span in spans])
                n_rows = most
                at[chosen] = [span.stop for span in spans]
            else:
                n_rows *= 2  # one key alone fills what is in sight
                chosen = np.arange(len(ends))
            is_left = at < ends
            looked_at = chosen[is_left[chosen]]
            upto[looked_at], head[looked_at], last[looked_at] = _in_sight(keys, at[looked_at], ends[looked_at], n_rows)
            at, ends, upto, head, last = (each[is_left] for each in (at, ends, upto, head, last))
            self._keys.forget()
            self._values.forget()

    def close(self) -> None:
        """Give the files back."""
        self._keys.close()
        self._values.close()


def _in_sight(keys: _Keys, at: _Keys, ends: _Keys, n_rows: int) -> tuple[_Keys, _Keys, _Keys]:
    """Of runs: up to where they are in sight, their first key there, and their last one if there is more behind it."""
    upto = np.minimum(at + n_rows, ends)
    return upto, keys[at], np.where(upto < ends, keys[upto - 1], np.iinfo(np.int64).max)


def _in_order(keys: list[_Keys], values: list[npt.NDArray[Any]]) -> tuple[_Keys, npt.NDArray[Any]]:
    all_keys, all_values = np.concatenate(keys), np.concatenate(values)
    if (all_keys[1:] >= all_keys[:-1]).all():
        return all_keys, all_values
    order = np.argsort(all_keys, kind="stable")
    return all_keys[order], all_values[order]
