"""What numbers are, in a table of its own beside a `defs.yaml`: CSV with the columns field, quantity and unit.

For hundreds of fields: Dagster's reader of YAML takes 50 ms for a table that is read here in one.
"""

import csv
import re
from collections.abc import Collection, Iterator
from io import StringIO
from pathlib import Path
from typing import Final, TypeVar, get_args

from pydantic import ValidationError

from domain.errors import ConfigurationError
from pipelines.components.attributes import Meaning, MeaningBesideUnits, SourceAttributes
from pipelines.components.mistakes import Mistake, raise_mistake
from pipelines.components.yaml_checks import BY_NAME, TEMPLATE, is_template
from resources.settings import PROJECT

_COLUMNS: Final = ("field", "quantity", "unit")
_COLUMNS_FIX: Final = "let the first line be field,quantity,unit"
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # YAML and PostgreSQL refuse them, too

Attributes = TypeVar("Attributes", bound=SourceAttributes)


def with_fields_file(attributes: Attributes, file: Path) -> Attributes:
    """`attributes` with what its `fields_file` says.

    Args:
        attributes: Those of the `defs.yaml`.
        file: The `defs.yaml`, from the top of the checkout; the other file is named from its folder.

    Raises:
        Mistake: The file cannot be read, or does not fit the other attributes.
        ConfigurationError: A line of it is wrong.
    """
    name, table = attributes.fields_file, attributes.table
    if name is None:
        return attributes
    place = file.parent / name
    written: dict[str, Meaning | MeaningBesideUnits] = getattr(attributes, table)
    try:
        content = (PROJECT / place).read_bytes()
    except OSError as error:
        trouble = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        fix = "lay it beside this defs.yaml, and name it from there"
        raise Mistake(f"the file {name!r} {trouble}", fix, "fields_file") from None
    _, kind = get_args(type(attributes).model_fields[table].annotation)
    read = _fields(content, place, kind, written, f"{table}: of {file.name}")
    both = attributes.model_copy(update={table: written | read})
    try:
        raise_mistake(both.account)
    except Mistake as mistake:
        raise Mistake(mistake.culprit, mistake.fix, "fields_file") from None
    return both


def _fields(
    content: bytes, place: Path, kind: type[Meaning | MeaningBesideUnits], written: Collection[str], elsewhere: str
) -> dict[str, Meaning | MeaningBesideUnits]:
    """Field → what its numbers are; equal meanings are one object.

    Args:
        content: The file.
        place: Its name, for the error.
        kind: The class of a meaning; some need no unit.
        written: The fields that the `defs.yaml` says itself.
        elsewhere: Where it does.

    Raises:
        ConfigurationError: A line is wrong.
    """
    meanings: dict[tuple[str, str], Meaning | MeaningBesideUnits] = {}
    fields: dict[str, Meaning | MeaningBesideUnits] = {}
    lines: dict[str, int] = {}
    for line, row in _rows(content, place):
        field, quantity, unit = (row[column] for column in _COLUMNS)
        here = f"{place}:{line}"
        needed = [name for name in _COLUMNS if name != "unit" or kind.model_fields[name].is_required()]
        if missing := [name for name in needed if not row[name]]:
            raise ConfigurationError(f"the {missing[0]} is missing", place=here, fix="write field,quantity,unit")
        if _CONTROLS.search(field):
            raise ConfigurationError(f"the field {field!r} holds a control character", place=here, fix="remove it")
        if is_template(field):
            raise ConfigurationError(TEMPLATE, place=here, fix=BY_NAME)
        if field in written or field in lines:
            other = elsewhere if field in written else f"line {lines[field]}"
            fix = f"keep one of them: the other is in {other}"
            raise ConfigurationError(f"the field {field!r} is written twice", place=here, fix=fix)
        if (quantity, unit) not in meanings:
            try:
                meanings[quantity, unit] = kind.model_validate({"quantity": quantity, "unit": unit or None})
            except ValidationError as error:
                mistake: Mistake = error.errors()[0]["ctx"]["error"]
                raise ConfigurationError(mistake.culprit, place=here, fix=mistake.fix) from None
        fields[field], lines[field] = meanings[quantity, unit], line
    if not fields:
        fix = "add a line for each field, or leave fields_file out"
        raise ConfigurationError("the file names no field", place=str(place), fix=fix)
    return fields


def _rows(content: bytes, place: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's line and cells, by column; cells without the spaces around them.

    Raises:
        ConfigurationError: This is no such table.
    """
    try:
        text = content.decode("utf-8-sig")  # spreadsheets begin a file with a mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError("this is no UTF-8", place=f"{place}:{line}", fix="save the file as UTF-8") from None
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    ended = 0  # a cell in quotes may go on over lines
    try:
        for row in reader:
            line, ended = ended + 1, reader.line_num
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not columns:
                columns = _columns(cells, f"{place}:{line}")
            elif len(cells) != len(columns):
                fix = "write field,quantity,unit, and put a cell that holds a comma in quotes"
                culprit = f"{len(cells)} cells are too {'few' if len(cells) < len(columns) else 'many'} for 3 columns"
                raise ConfigurationError(culprit, place=f"{place}:{line}", fix=fix)
            else:
                yield line, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        culprit = f"this is no CSV: {error}"
        raise ConfigurationError(culprit, place=f"{place}:{ended + 1}", fix="correct the line") from None


def _columns(cells: list[str], here: str) -> list[str]:
    """The names of the columns, in their order.

    Raises:
        ConfigurationError: One is unknown, missing, or there twice.
    """
    if unknown := [cell for cell in cells if cell not in _COLUMNS]:
        raise ConfigurationError(f"the column {unknown[0]!r} is unknown", place=here, fix=_COLUMNS_FIX)
    if missing := [column for column in _COLUMNS if column not in cells]:
        raise ConfigurationError(f"the column {missing[0]!r} is missing", place=here, fix=_COLUMNS_FIX)
    if len(cells) > len(_COLUMNS):
        twice = next(cell for cell in cells if cells.count(cell) > 1)
        raise ConfigurationError(f"the column {twice!r} is there twice", place=here, fix=_COLUMNS_FIX)
    return cells
