"""PostgreSQL's binary COPY format, encoded and decoded by NumPy: about 20 million rows a second.

A row is a count of fields, then each field with its length before it, everything big-endian; an instant is a count of
microseconds since 2000-01-01 UTC.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC in microseconds since 1970."""

SLICE_ROWS: Final = 100_000
"""Rows encoded at a time: 3.4 MB, small beside everything else and large beside the cost of a call."""

_KEY: Final = [
    ("n_fields", ">i2"),
    ("series_length", ">i4"),
    ("series_id", ">i4"),
    ("time_length", ">i4"),
    ("measured_at", ">i8"),
    ("value_length", ">i4"),
]
_STATE_HEAD: Final = np.dtype(_KEY)
MEASUREMENT: Final = np.dtype([*_KEY, ("value", ">f8")])
"""One row of (series_id integer, measured_at timestamptz, value double precision): 34 bytes."""


class MeasurementEncoder:
    """Encodes slices of numbers into one array, again and again: what it returns is valid until the next."""

    def __init__(self, n_rows: int = SLICE_ROWS) -> None:
        self._rows = np.zeros(n_rows, dtype=MEASUREMENT)
        for name, constant in (("n_fields", 3), ("series_length", 4), ("time_length", 8), ("value_length", 8)):
            self._rows[name] = constant

    def encode(
        self, series_id: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64], value: npt.NDArray[np.float64]
    ) -> memoryview:
        """Rows as COPY wants them.

        Args:
            series_id: Numbers of the catalogue.
            at_us: Microseconds since 1970.
            value: Finite numbers.
        """
        rows = self._rows[: len(series_id)]
        rows["series_id"] = series_id
        np.subtract(at_us, EPOCH_US, out=rows["measured_at"], casting="unsafe")
        rows["value"] = value
        return rows.view(np.uint8).data


def encode_states(
    series_id: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64], code: npt.NDArray[np.int64], texts: Sequence[bytes]
) -> bytes:
    """Rows as COPY wants them, for values that are texts of any length: `texts[code]`."""
    heads = np.zeros(len(series_id), dtype=_STATE_HEAD)
    heads["n_fields"], heads["series_length"], heads["time_length"] = 3, 4, 8
    heads["series_id"] = series_id
    heads["measured_at"] = at_us - EPOCH_US
    heads["value_length"] = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))[code]
    size = _STATE_HEAD.itemsize
    raw = heads.tobytes()
    return b"".join(part for i, c in enumerate(code.tolist()) for part in (raw[i * size : (i + 1) * size], texts[c]))


def encode_rows(n_rows: int, columns: Sequence[tuple[str, str, npt.NDArray[Any] | None]]) -> memoryview:
    """Rows as COPY wants them.

    Args:
        n_rows: How many.
        columns: Name, big-endian type and values of each column, None for one that is null in every row; instants count
            from 2000.
    """
    layout: list[tuple[str, str]] = [("n_fields", ">i2")]
    for name, form, values in columns:
        layout += [(f"length_{name}", ">i4"), (name, form)] if values is not None else [(f"length_{name}", ">i4")]
    packed = np.zeros(n_rows, dtype=layout)
    packed["n_fields"] = len(columns)
    for name, form, values in columns:
        packed[f"length_{name}"] = -1 if values is None else np.dtype(form).itemsize
        if values is not None:
            packed[name] = values
    return packed.view(np.uint8).data


def decode_instants(packed: bytes) -> npt.NDArray[np.int64]:
    """Microseconds since 1970, from instants as `timestamptz_send` writes them, one after the other."""
    return np.frombuffer(packed, dtype=">i8").astype(np.int64) + EPOCH_US


def decode_numbers(packed: bytes) -> npt.NDArray[np.float64]:
    """Numbers as `float8send` writes them, one after the other."""
    return np.frombuffer(packed, dtype=">f8").astype(np.float64)
