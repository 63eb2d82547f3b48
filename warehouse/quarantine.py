"""Rows that were rejected: kept as text, with the reason, and counted."""

import hashlib
from collections import Counter
from typing import Final

import psycopg

from domain.errors import TooManyRejectedError
from domain.measurement import EXEMPT, Normalized, Reason
from domain.window import Window
from warehouse.statements import statement
from warehouse.texts import storable

RAW_BYTES: Final = 8_192
"""A longer text is cut; its SHA-256 is of the whole."""

ALWAYS_ALLOWED: Final = 100
ALLOWED_SHARE: Final = 0.001
MOST_KEPT: Final = 10_000
"""Different rejected rows that one load keeps in memory; a load with more of them fails, whatever its size."""


class Quarantine:
    """The rejected rows of one load."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self._rows: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._n_not_kept = 0

    def __len__(self) -> int:
        """Rows rejected."""
        return self.by_reason.total()

    def take(self, batch: Normalized) -> None:
        """Add what a batch rejected."""
        for raw, reason, payload in batch.rejected.itertuples(index=False, name=None):
            self.add(str(raw), Reason(reason), str(payload))

    def add(self, raw: str, reason: Reason, payload: str = "") -> None:
        """Add one row; `payload` is empty where the row is made of several."""
        self.by_reason[reason.value] += 1
        encoded = storable(raw).encode()
        key = (reason.value, payload, hashlib.sha256(encoded).hexdigest())
        text, n = self._rows.get(key, (encoded[:RAW_BYTES].decode("utf-8", "ignore"), 0))
        if n or len(self._rows) < MOST_KEPT:
            self._rows[key] = (text, n + 1)
        elif reason.value not in EXEMPT:
            self._n_not_kept += 1

    def check(self, n_received: int, *, place: str) -> None:
        """Refuse a load of which too much is rejected.

        Raises:
            TooManyRejectedError: More rows than `max(100, 0.1 % of received)`, or more than can be kept; `EXEMPT` ones
                do not count.
        """
        allowed = max(ALWAYS_ALLOWED, int(n_received * ALLOWED_SHARE))
        counted = Counter({reason: n for reason, n in self.by_reason.items() if reason not in EXEMPT})
        if counted.total() > allowed or self._n_not_kept:
            reasons = ", ".join(f"{n} {reason}" for reason, n in counted.most_common())
            raise TooManyRejectedError(
                f"{counted.total()} of {n_received} rows were rejected ({reasons}), "
                f"{min(allowed, MOST_KEPT)} are allowed",
                place=place,
                fix="look at the table rejected: correct the mapping, or ask the provider",
            )

    def record(self, connection: psycopg.Connection, source: str, window: Window, load_id: int) -> None:
        """Write the rows, within whatever transaction is open."""
        if not self._rows:
            return
        keys = list(self._rows)
        values = {
            "source": source,
            "start": window.start,
            "end": window.end,
            "load_id": load_id,
            "reasons": [reason for reason, _, _ in keys],
            "payloads": [payload for _, payload, _ in keys],
            "raw_sha256s": [sha256 for _, _, sha256 in keys],
            "raws": [text for text, _ in self._rows.values()],
            "counts": [n for _, n in self._rows.values()],
        }
        connection.execute(statement("load/quarantine"), values)
