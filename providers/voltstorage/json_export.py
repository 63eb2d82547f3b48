"""The JSON export as rows. Its shape is not documented: a list of records, or fields and data by columns."""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final

import orjson

from providers._as_sent import AsSent, read_sent
from providers._json_pieces import ListInPieces
from providers.voltstorage.rows import Rows
from providers.voltstorage.spec import MAX_COLUMNS, batch_rows
from providers.voltstorage.wire import COMPARE, TIME_COLUMN, parse_json, unreadable

_NO_COLUMNS: Final = "the export is an object without a list of fields and a list of data"
_FIRST: Final = 100  # records that show how many fields there are


_LIST: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\[")
_DATA: Final = re.compile(rb'"data"[ \t\r\n]*:[ \t\r\n]*\[')
_FIELDS_WITHIN: Final = 2**18  # bytes: the names of the most columns that are allowed are shorter


def read_json(body: bytes, *, place: str) -> Iterator[Rows]:
    """The rows of a JSON export, some thousands at a time: of the document, a piece is in memory as objects.

    Where the fields stand behind the data, it is all of it.

    Raises:
        PayloadUnreadableError: It is no JSON of either shape.
    """
    if records := _LIST.match(body):
        pieces = ListInPieces(body, records.end(), b"}", place=place, fix=COMPARE)
        for items in chain(pieces, _last(pieces)):
            yield from _batches(items, pieces.as_sent, place)
        return
    names, start = _head(body)
    document = None
    if names is not None:
        fields = _check_names(names, place)
        pieces = ListInPieces(body, start, b"]", place=place, fix=COMPARE)
        for items in pieces:
            yield from _tabular(fields, items, pieces.as_sent)
        document, as_sent = pieces.rest, pieces.as_sent
    else:
        document = parse_json(body, place=place)
        as_sent = AsSent(document, partial(read_sent, body))
    if not isinstance(document, dict):
        raise unreadable("the export is neither a list of records nor fields and data", place)
    names, data = document.get("fields"), document.get("data")
    if not isinstance(data, list):
        raise unreadable(_NO_COLUMNS, place)
    yield from _tabular(_check_names(names, place), data, as_sent)


def _last(pieces: ListInPieces) -> Iterator[list[Any]]:
    """The elements that were in no piece; asked for when all pieces were."""
    yield pieces.rest


def _head(body: bytes) -> tuple[object, int]:
    """What stands for the fields before the data, if anything does, and where the rows begin."""
    if found := _DATA.search(body, 0, _FIELDS_WITHIN):
        with suppress(orjson.JSONDecodeError):
            # It is the key of the document itself, and its last one so far, if this is one.
            head = orjson.loads(body[: found.end()] + b"]}")
            if isinstance(head, dict) and "fields" in head and head.get("data") == []:
                return head["fields"], found.end()
    return None, 0


def _batches(document: list[Any], as_sent: AsSent, place: str) -> Iterator[Rows]:
    n_rows = batch_rows(max((len(record) for record in document[:_FIRST] if isinstance(record, dict)), default=1))
    for start in range(0, len(document), n_rows):
        yield _records(document[start : start + n_rows], as_sent, place)


def _records(items: list[Any], as_sent: AsSent, place: str) -> Rows:
    records = [one for one in items if isinstance(one, dict)]
    names = list(dict.fromkeys(name for record in records for name in record if name != TIME_COLUMN))
    if len(names) > MAX_COLUMNS:
        raise unreadable(f"the records have {len(names):,} fields, and {MAX_COLUMNS:,} are allowed", place)
    return Rows(
        times=[record.get(TIME_COLUMN) for record in records],
        columns={name: [record.get(name) for record in records] for name in names},
        text_of=lambda index: as_sent.text(records[index]),
        malformed=[as_sent.text(one) for one in items if not isinstance(one, dict)],
        are_texts=False,
        text_of_cell=as_sent.text,
    )


def _check_names(names: object, place: str) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise unreadable(_NO_COLUMNS, place)
    if names[:1] != [TIME_COLUMN] or len(set(names)) != len(names) or len(names) > MAX_COLUMNS:
        raise unreadable(f"the fields of the export do not begin with {TIME_COLUMN}, or one is there twice", place)
    return names


def _tabular(names: list[str], data: list[Any], as_sent: AsSent) -> Iterator[Rows]:
    n_rows = batch_rows(len(names))
    for start in range(0, len(data), n_rows):
        batch = data[start : start + n_rows]
        fitting = [row for row in batch if _fits(row, names)]
        yield _rows(fitting, names, [as_sent.text(row) for row in batch if not _fits(row, names)], as_sent)


def _rows(rows: list[list[Any]], names: list[str], malformed: list[str], as_sent: AsSent) -> Rows:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return Rows(
        times=columns[0],
        columns=dict(zip(names[1:], columns[1:], strict=True)),
        text_of=lambda index: as_sent.text(rows[index]),
        malformed=malformed,
        are_texts=False,
        text_of_cell=as_sent.text,
    )


def _fits(row: object, names: list[str]) -> bool:
    return isinstance(row, list) and len(row) == len(names)
