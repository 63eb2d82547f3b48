"""Where what has no meaning goes: its text, and the reason. One entry is one change of state, or one cell."""

import json
from typing import Final

import pandas as pd

from domain.measurement import no_rejected
from domain.records import Reason
from domain.texts import is_storable, storable

_MAX_RAW: Final = 4_096  # characters: enough for any change, and a hostile one cannot fill the table


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

    def add(self, where: str, said: object, reason: Reason, series: str) -> int:
        """Reject what was said by an entity of a home; the number of characters that are kept of it."""
        text = f"{where}: {_shown(said)}"
        text = text if len(text) <= _MAX_RAW else f"{text[:_MAX_RAW]}…"
        self._raw.append(storable(text))
        self._reasons.append(reason.value)
        self._series.append(series if is_storable(series) else "")
        return len(self._raw[-1])

    def frame(self) -> pd.DataFrame:
        """All of it, as `Normalized.rejected` wants it."""
        if not self._raw:
            return no_rejected()
        payloads = [self._payload] * len(self._raw)
        columns = {"raw": self._raw, "reason": self._reasons, "payload": payloads, "series": self._series}
        return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})


def _shown(said: object) -> str:
    """The beginning of what was said; a cell of thousands of changes is not written out to be cut off again."""
    if isinstance(said, str):
        return said[: _MAX_RAW + 1]
    pieces = json.JSONEncoder(ensure_ascii=False, default=str).iterencode(said)
    shown = ""
    for piece in pieces:
        shown += piece
        if len(shown) > _MAX_RAW:
            break
    return shown
