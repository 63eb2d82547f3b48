"""Files as the provider writes them: JSON, CSV and XML around cells that are lists of changes, inside a zip archive."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final
from xml.sax.saxutils import escape

from domain.records import Json
from sandbox.instants import date_of
from sandbox.smart_house.home import HOMES, LODGERS, Entity, StateChange
from sandbox.smart_house.uploads import Row

REDACTED: Final = "{{REDACTED}}"
MEMBER: Final = "crowdsorcerer_extract"
_LOCAL: Final = timezone(timedelta(hours=1))  # the homes' own offset, written into every time
_KEYS: Final = ("id", "year", "month", "day")
_FIELDS: Final = ("entity_id", "last_changed", "last_updated", "state", "attributes")
_ENTITIES: Final[Mapping[str, Entity]] = {
    entity.column: entity for home in (*HOMES, *LODGERS) for entity in home.entities
}


@dataclass(frozen=True, slots=True)
class SparkRow:
    """A row object that the server does not convert: positional in JSON, `Row(…)` as a text."""

    values: Mapping[str, str]

    def __repr__(self) -> str:
        """As PySpark writes it."""
        return f"Row({', '.join(f'{name}={value!r}' for name, value in self.values.items())})"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as they go into a file.

    Attributes:
        columns: The entities, in order.
        rows: `id`, `year`, `month`, `day`, and a cell for each column: a list, or None.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def cell_of(column: str, changes: Sequence[StateChange], era: str, shape: str) -> list[dict[str, str] | SparkRow]:
    """One cell: the changes of an entity, as its collector and the server write them."""
    written = [_change(column, one, era) for one in changes]
    return [SparkRow(one) if shape == "row" else one for one in written]


def unit_in(cell: Sequence[dict[str, str] | SparkRow]) -> str:
    """The unit of a cell's first change, found as the server finds it: between `=` and the next comma or brace."""
    first = cell[0].values if isinstance(cell[0], SparkRow) else cell[0]
    found = re.search(r"unit_of_measurement=(.*?)[,}]", first["attributes"])
    return found[1] if found else ""


def table_of(rows: Sequence[tuple[int, Row, Mapping[str, Any]]]) -> Table:
    """Rows with their ids and cells as a table, without empty columns."""
    columns = list(dict.fromkeys(column for _, _, cells in rows for column in cells))
    found = []
    for number, row, cells in rows:
        day = date_of(row.number)
        found.append([number, day.year, day.month, day.day, *(cells.get(column) for column in columns)])
    return Table(columns, found)


def file_of(table: Table, form: str) -> bytes:
    """The table as `json`, `csv` or `xml`."""
    return {"json": _json, "csv": _csv, "xml": _xml}[form](table).encode()


def zipped(content: bytes, name: str, extra: Mapping[str, bytes] | None = None) -> bytes:
    """An archive with one file, or more."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for one, body in {name: content, **(extra or {})}.items():
            archive.writestr(zipfile.ZipInfo(one, (2022, 5, 27, 12, 0, 0)), body, zipfile.ZIP_DEFLATED, 6)
    return packed.getvalue()


@lru_cache(65_536)
def mangled(text: str) -> str:
    """A text as the collectors of June 2022 wrote it."""
    return re.sub(r"(\d)_(\d)", r"\1.\2", re.sub(r"[.<>*#%&+?/]", "_", text))


def _change(column: str, change: StateChange, era: str) -> dict[str, str]:
    entity = _ENTITIES.get(column)
    at = datetime.fromtimestamp(change.at // 1000, UTC) + timedelta(milliseconds=change.at % 1000)
    time = REDACTED if era == "redacted" else at.astimezone(_LOCAL).isoformat(timespec="microseconds")
    attributes = {
        "state_class": entity.state_class if entity else "",
        "unit_of_measurement": change.unit,
        "device_class": entity.device_class if entity else "",
        "friendly_name": entity.name if entity else column,
    }
    text = ", ".join(f"{name}={value}" for name, value in attributes.items() if value)
    domain, _, name = column.partition("_")
    values = (f"{domain}.{name}", time, time, change.state, f"{{{text}}}")
    return {name: mangled(value) if era == "mangled" else value for name, value in zip(_FIELDS, values, strict=True)}


def _json(table: Table) -> str:
    def plain(cell: Json) -> Json:
        return [list(one.values.values()) if isinstance(one, SparkRow) else one for one in cell] if cell else cell

    names = [*_KEYS, *table.columns]
    records = [
        dict(
            zip(names, [*row[:4], *(plain(cell) if isinstance(cell, list) else cell for cell in row[4:])], strict=True)
        )
        for row in table.rows
    ]
    return json.dumps(records, separators=(",", ":")).replace("/", "\\/")


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_KEYS, *table.columns])
    writer.writerows([["" if cell is None else cell for cell in row] for row in table.rows])
    return text.getvalue()


def _xml(table: Table) -> str:
    names = [*_KEYS, *table.columns]
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<data>"]
    for index, row in enumerate(table.rows):
        lines += ["  <row>", f"    <index>{index}</index>"]
        for name, cell in zip(names, row, strict=True):
            lines.append(f"    <{name}/>" if cell is None else f"    <{name}>{escape(str(cell))}</{name}>")
        lines.append("  </row>")
    return "\n".join([*lines, "</data>"])
