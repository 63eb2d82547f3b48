"""Where what has no meaning goes: its text, and the reason. One entry is one value, or one row that holds none."""

import json
from typing import Final

import pandas as pd

from domain.measurement import no_rejected
from domain.records import Reason
from domain.texts import storable

_MAX_RAW: Final = 4_096  # characters: enough for any row, and a hostile one cannot fill the table


class Rejected:
    """What one batch rejects.

    Args:
        payload: The SHA-256 of the answer.
    """

    def __init__(self, payload: str) -> None:
        self._payload = payload
        self._raw: list[str] = []
        self._series: list[str] = []
        self._reasons: list[str] = []

    def add(self, said: object, reason: Reason, series: str) -> None:
        """Reject a text, or anything else as its JSON text, of the series with a key; see `Normalized.rejected`."""
        self._series.append(storable(series))
        raw = said if isinstance(said, str) else json.dumps(said)
        self._raw.append(storable(raw if len(raw) <= _MAX_RAW else f"{raw[:_MAX_RAW]}…"))
        self._reasons.append(reason.value)

    def frame(self) -> pd.DataFrame:
        """All of it, as `Normalized.rejected` wants it."""
        if not self._raw:
            return no_rejected()
        payloads = [self._payload] * len(self._raw)
        columns = {"raw": self._raw, "reason": self._reasons, "payload": payloads, "series": self._series}
        return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})
