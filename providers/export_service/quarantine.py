"""The text of what has no meaning, and the series that it would have been of."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from domain.records import Reason
from providers._batch import Batch


class Quarantine:
    """The rejected values of one answer. One entry is one value, or one document that holds none.

    Args:
        batch: Takes them.
        key_of: Knows the series of a document's field (of all its fields: of an empty name).
    """

    def __init__(self, batch: Batch, key_of: Callable[[object, str], str]) -> None:
        self._batch = batch
        self._key_of = key_of

    def add_cell(self, name: str, row: dict[str, Any], reason: Reason) -> None:
        """Reject the value of field `name` in `row`."""
        self._batch.reject(f"{_text_of(name)} of {_text_of(row)}", reason, self._key_of(row, name))

    def add_row(self, row: object, names: Iterable[str], reason: Reason) -> None:
        """Reject the values of the fields `names` in `row`; the row itself, once, if there are none."""
        text = _text_of(row)
        raws = [(f"{_text_of(name)} of {text}", name) for name in names] or [(text, "")]
        for raw, name in raws:
            self._batch.reject(raw, reason, self._key_of(row, name))


def _text_of(value: object) -> str:
    """JSON text of `value` that any database can hold: NUL and lone surrogates stay escaped."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True)
    return text
