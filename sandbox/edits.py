"""Rows of a twin that a person has put or removed, as `POST …/rows` sends them."""

from collections.abc import Callable, Hashable, Mapping
from operator import itemgetter
from typing import Any

from sandbox.settings import SettingError

Cells = Mapping[str, float | str]
"""Field → its value in one row; a field that is absent has an empty cell."""

Row = tuple[int, Cells]
"""Epoch milliseconds, and the cells."""


class RowEdits:
    """The edits of every series of rows. The caller holds the twin's lock."""

    def __init__(self) -> None:
        self._edits: dict[Hashable, dict[int, Cells | None]] = {}

    def put(self, series: Hashable, at: int, cells: Cells | None) -> None:
        """Let the row at `at` have exactly these cells, whether or not there was one; None removes it."""
        self._edits.setdefault(series, {})[at] = None if cells is None else dict(cells)

    def applied(self, series: Hashable, rows: list[Row], start: int, end: int) -> list[Row]:
        """`rows`, which lie in `start <= time < end`, with the edits there, by time."""
        edits = {at: cells for at, cells in self._edits.get(series, {}).items() if start <= at < end}
        if not edits:
            return rows
        merged = {**dict(rows), **edits}
        return sorted(((at, cells) for at, cells in merged.items() if cells is not None), key=itemgetter(0))

    def reset(self) -> None:
        """Forget every edit."""
        self._edits.clear()


def apply_edits(body: Mapping[str, Any], put: Callable[[int, Cells | None], None], example: str) -> dict[str, int]:
    """Put the rows in `put` and remove those in `remove`.

    Args:
        body: `{"put": [{"at": MS, "cells": {…}}], "remove": [MS]}`.
        put: Stores one row, or None for a removed one.
        example: What the error says if a row is written differently.

    Raises:
        SettingError: A row is written differently.
    """
    put_rows, removed = body.get("put", []), body.get("remove", [])
    try:
        for row in put_rows:
            put(int(row["at"]), dict(row["cells"]))
        for at in removed:
            put(int(at), None)
    except (KeyError, TypeError, ValueError):
        raise SettingError(f"a row is written {example}.") from None
    return {"put": len(put_rows), "removed": len(removed)}
