"""Rows of one answer, packed until its end, where it is known who the homes are: so the file is read once."""

import io
import pickle
from collections.abc import Iterator
from typing import Final

import zstandard

from providers.smart_house.wire import InvalidRow, Upload

_LEVEL: Final = 1
_PIECE: Final = 2**17


class KeptRows:
    """Rows in their order; packed they take less than the answer itself does."""

    def __init__(self) -> None:
        self._n_rows = 0
        self._packed = io.BytesIO()
        self._writer = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(self._packed)

    def keep(self, row: Upload | InvalidRow) -> None:
        """Keep one more row."""
        pickle.dump(row, self._writer, protocol=5)
        self._n_rows += 1

    def taken(self) -> Iterator[Upload | InvalidRow]:
        """All rows; no more can be kept."""
        self._writer.flush(zstandard.FLUSH_FRAME)
        self._packed.seek(0)
        reader = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(self._packed), _PIECE)
        for _ in range(self._n_rows):
            yield pickle.load(reader)  # noqa: S301 - we wrote it
