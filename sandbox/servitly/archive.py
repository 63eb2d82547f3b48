"""The archive of an export: a CSV for each thing, with every fault of format and packing."""

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from typing_extensions import Buffer

from sandbox.edits import Row
from sandbox.faults import Fired
from sandbox.instants import iso_text
from sandbox.servitly.fleet import Metric, Thing

_WRITTEN_AT: Final = (2026, 1, 1, 0, 0, 0)
_DOCUMENTED_MASK: Final = "${thing.serialNumber}_${thingDefinition.name}"


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """The form of an export.

    Attributes:
        mask: The template of file names.
        is_hashed: Whether the MD5 of a name takes its place.
        has_units: Whether headers have units.
        is_iso: Whether times are ISO 8601.
    """

    mask: str
    is_hashed: bool
    has_units: bool
    is_iso: bool

    @classmethod
    def of(cls, order: Mapping[str, Any]) -> "ExportFormat":
        """The form in an order; where it has none, the document's defaults as we understand them."""
        return cls(
            mask=order.get("thingFileName") or _DOCUMENTED_MASK,
            is_hashed=bool(order.get("hashThingFileName")),
            has_units=bool(order.get("includeUnit")),
            is_iso=order.get("timestampFormat") == "ISO_8601",
        )

    def name(self, thing: Thing) -> str:
        """A thing's file name, without its ending; hashed if the order demands it."""
        variables = {"thing.serialNumber": thing.serial, "thingDefinition.name": thing.definition, "thing.id": thing.id}
        name = self.mask
        for variable, value in variables.items():
            name = name.replace(f"${{{variable}}}", value)
        return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() if self.is_hashed else name

    def header(self, metric: Metric) -> str:
        """A metric's column."""
        return metric.header if self.has_units else metric.name


def as_csv(metrics: Sequence[Metric], rows: Iterable[Row], form: ExportFormat, fired: Fired) -> bytes:
    """The rows of one thing, with the faults that happen."""
    separator = fired.option("separator", "separator") if "separator" in fired else ","
    empty = "---" if "no_data_marks" in fired else ""
    header = ["TIMESTAMP", *(form.header(metric) for metric in metrics)]
    if "header" in fired:
        header[0] = fired.option("header", "name")
    if "twin_column" in fired:
        header.append(header[1])
    lines = [separator.join(_quoted(name, separator) for name in header)]
    for at, cells in rows if "header_only" not in fired else ():
        row = [_cell(cells[metric.id], separator, fired) if metric.id in cells else empty for metric in metrics]
        lines.append(separator.join([_time(at, form), *row, *(["1"] if "twin_column" in fired else [])]))
    if "cell" in fired and len(lines) > 1:
        first = lines[1].split(separator)
        first[1] = fired.option("cell", "raw")
        lines[1] = separator.join(first)
    if "row" in fired:
        lines.append(fired.option("row", "raw"))
    line_end = "\r\n" if "crlf" in fired else "\n"
    text = "".join(f"{line}{line_end}" for line in lines)
    return text.encode("utf-8-sig" if "csv_bom" in fired else "utf-8")


def as_zip(files: Iterable[tuple[str, bytes]], *, are_sizes_behind: bool, fired: Fired) -> bytes:
    """The files as an archive, with the faults that happen."""
    packed = io.BytesIO()
    into = cast("IO[bytes]", _Stream(packed)) if are_sizes_behind else packed
    with warnings.catch_warnings(), zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # a name that comes twice is a fault on purpose
        for number, (name, body) in enumerate(() if "empty_archive" in fired else files):
            member_name = (
                fired.option("member_name", "name") if "member_name" in fired and number == 0 else f"{name}.csv"
            )
            entry = zipfile.ZipInfo(member_name, _WRITTEN_AT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64="zip64" in fired) as member:
                member.write(body)
    body = packed.getvalue()
    if "encrypted" in fired:
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = body.index(mark) + offset
            body = body[:at] + bytes([body[at] | 1]) + body[at + 1 :]
    if "flip" in fired:
        at = int(len(body) * float(fired.option("flip", "fraction")))
        body = body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]
    if "shorten" in fired:
        body = body[: int(len(body) * float(fired.option("shorten", "fraction")))]
    return body


class _Stream(io.RawIOBase):
    """Cannot be rewound, as at the provider: sizes can only follow."""

    def __init__(self, into: io.BytesIO) -> None:
        self._into = into

    def writable(self) -> bool:
        return True

    def write(self, piece: Buffer) -> int:
        return self._into.write(piece)


def _cell(value: float | str, separator: str, fired: Fired) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = f"{value:.10g}"
    if "decimal_comma" in fired and "." in text:
        text = text.replace(".", ",")
        return f'"{text}"' if separator == "," else text
    return text


def _quoted(name: str, separator: str) -> str:
    return f'"{name}"' if separator in name else name


def _time(at: int, form: ExportFormat) -> str:
    return iso_text(at) if form.is_iso else str(at)
