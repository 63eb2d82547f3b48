"""Rows of an export, whichever format they came in: a time and the cells of every column, some thousands at a time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows.

    Attributes:
        times: What each row says of its time: a text, or whatever stood there instead.
        columns: Field → the cell of each row; None or an empty text where nothing was said.
        text_of: The text of a row, by index, for the quarantine.
        malformed: Texts of rows that are none: too short, too long, no object.
        are_texts: Whether numbers come as texts (CSV) or as numbers (JSON).
        is_comma_used: Whether some number of the whole export has a decimal comma.
        text_of_cell: How a cell that is no text was written.
    """

    times: list[Any]
    columns: dict[str, list[Any]]
    text_of: Callable[[int], str]
    malformed: list[str] = field(default_factory=list)
    are_texts: bool = True
    is_comma_used: bool = False
    text_of_cell: Callable[[Any], str] = json.dumps
