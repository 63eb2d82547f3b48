"""The JSON export as rows. Its shape is not documented: a list of records, or fields and data by columns."""

import json
from collections.abc import Iterator
from typing import Any, Final

from providers.voltstorage.rows import Rows
from providers.voltstorage.spec import MAX_COLUMNS, batch_rows
from providers.voltstorage.wire import TIME_COLUMN, parse_json, unreadable

_FIRST: Final = 100  # records that show how many fields there are


def read_json(body: bytes, *, place: str) -> Iterator[Rows]:
    """The rows of a JSON export, some thousands at a time.

    The document itself is in memory whole, some times as large as its text; an account with wide exports takes CSV.

    Raises:
        PayloadUnreadableError: It is no JSON of either shape.
    """
    document = parse_json(body, place=place)
    if isinstance(document, dict):
        yield from _tabular(document, place)
        return
    if not isinstance(document, list):
        raise unreadable("the export is neither a list of records nor fields and data", place)
    n_rows = batch_rows(max((len(record) for record in document[:_FIRST] if isinstance(record, dict)), default=1))
    for start in range(0, len(document), n_rows):
        yield _records(document[start : start + n_rows], place)


def _records(items: list[Any], place: str) -> Rows:
    records = [one for one in items if isinstance(one, dict)]
    names = list(dict.fromkeys(name for record in records for name in record if name != TIME_COLUMN))
    if len(names) > MAX_COLUMNS:
        raise unreadable(f"the records have {len(names):,} fields, and {MAX_COLUMNS:,} are allowed", place)
    return Rows(
        times=[record.get(TIME_COLUMN) for record in records],
        columns={name: [record.get(name) for record in records] for name in names},
        text_of=lambda index: _text(records[index]),
        malformed=[_text(one) for one in items if not isinstance(one, dict)],
        are_texts=False,
    )


def _tabular(document: dict[str, Any], place: str) -> Iterator[Rows]:
    names, data = document.get("fields"), document.get("data")
    if not isinstance(names, list) or not isinstance(data, list) or not all(isinstance(name, str) for name in names):
        raise unreadable("the export is an object without a list of fields and a list of data", place)
    if names[:1] != [TIME_COLUMN] or len(set(names)) != len(names) or len(names) > MAX_COLUMNS:
        raise unreadable(f"the fields of the export do not begin with {TIME_COLUMN}, or one is there twice", place)
    n_rows = batch_rows(len(names))
    for start in range(0, len(data), n_rows):
        batch = data[start : start + n_rows]
        yield _rows([row for row in batch if _fits(row, names)], names, [row for row in batch if not _fits(row, names)])


def _rows(rows: list[list[Any]], names: list[str], malformed: list[Any]) -> Rows:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return Rows(
        times=columns[0],
        columns=dict(zip(names[1:], columns[1:], strict=True)),
        text_of=lambda index: _text(rows[index]),
        malformed=[_text(row) for row in malformed],
        are_texts=False,
    )


def _fits(row: object, names: list[str]) -> bool:
    return isinstance(row, list) and len(row) == len(names)


def _text(row: object) -> str:
    return json.dumps(row)
