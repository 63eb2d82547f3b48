"""Where the values go that have no meaning: each with the text it came in, and the reason."""

import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import pandas as pd

from domain.measurement import no_rejected
from domain.records import Payload, Reason

_MAX_RAW: Final = 4_096  # characters: enough for any document of telemetry, and a hostile one cannot fill the table


class Quarantine:
    """The rejected values of one answer. One entry is one value, or one document that holds none."""

    def __init__(self, key_of: Callable[[object, str], str] = lambda _row, _name: "") -> None:
        """Begin with nothing rejected; `key_of` knows the series of a document's field (all: empty)."""
        self._key_of = key_of
        self._series: list[str] = []
        self._raw: list[str] = []
        self._reasons: list[str] = []

    def __len__(self) -> int:
        """How many values are rejected."""
        return len(self._raw)

    def add_cell(self, name: str, row: dict[str, Any], reason: Reason) -> None:
        """Reject the value of field `name` in `row`."""
        self._add(f"{_text_of(name)} of {_text_of(row)}", reason, self._key_of(row, name))

    def add_row(self, row: object, names: Iterable[str], reason: Reason) -> None:
        """Reject the values of the fields `names` in `row`; the row itself, once, if there are none."""
        text = _text_of(row)
        n_before = len(self._raw)
        for name in names:
            self._add(f"{_text_of(name)} of {text}", reason, self._key_of(row, name))
        if len(self._raw) == n_before:
            self._add(text, reason, self._key_of(row, ""))

    def frame(self, payload: Payload) -> pd.DataFrame:
        """All of it, which `payload` said, as `Normalized.rejected` wants it."""
        if not self._raw:
            return _no_rejected()
        payloads = [payload.sha256] * len(self._raw)
        columns = {"raw": self._raw, "reason": self._reasons, "payload": payloads, "series": self._series}
        return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})

    def _add(self, raw: str, reason: Reason, series: str) -> None:
        self._series.append(series)
        self._raw.append(raw if len(raw) <= _MAX_RAW else f"{raw[:_MAX_RAW]}…")
        self._reasons.append(reason.value)


def _text_of(value: object) -> str:
    """JSON text of `value` that any database can hold: NUL and lone surrogates stay escaped."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True)
    return text


_no_rejected = cache(no_rejected)  # nobody writes into an empty frame
