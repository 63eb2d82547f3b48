"""The twin of the Smart House's export API, as the public source code of its server answers (2022-05-27).

The columns of a file are the entities of three homes, its rows their uploads; ids differ from request to request, dates
are of uploads, and nothing newer than yesterday is served. How often a home sends, and what it repeats, is our choice
and a setting. There is no authentication.

| | |
|---|---|
| `POST …/delete` | `{"home": "aveiro"}`: the home deletes all its uploads |
| `POST …/uploads` | `{"home": H, "day": DAY, "cells": {COLUMN: [{"at": MS, "state": "1", "unit": "W"}]}}` adds one |
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import Any, ClassVar, Final

from domain.records import Json
from sandbox.answers import RefusedError, Request, Response
from sandbox.faults import Facts, Fired
from sandbox.instants import MS_PER_DAY, day_number
from sandbox.measured import FIRST_DAY
from sandbox.settings import SettingError
from sandbox.smart_house.files import MEMBER, cell_of, file_of, table_of, unit_in, zipped
from sandbox.smart_house.home import StateChange
from sandbox.smart_house.settings import FAULTS, Settings
from sandbox.smart_house.uploads import Lake, Row, homes, newest_day
from sandbox.twin import Point, Query, Switch, Twin

ROOT: Final = "/smart_house/api/export"
FORMATS: Final = ("xml", "csv", "json")
_LATE_DAYS: Final = 2
_DATE_DIGITS: Final = 8  # beyond a plain date the server's parser overflows


class SmartHouse(Twin[Settings]):
    """Three homes that share their measurements. Safe to use from any thread.

    Attributes:
        lake: Their uploads.
    """

    slug: ClassVar = "smart_house"
    path: ClassVar = "/smart_house"
    paths: ClassVar = (f"{ROOT}/{{format}}", "/smart_house/{rest:path}")
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    is_archive: ClassVar = True
    endpoints: ClassVar = ("export", "other")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.lake = Lake()
        self._requests = count()

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Adding an upload, and deleting those of a home."""
        return (
            Switch("POST", "delete", lambda _, body: self._delete(body)),
            Switch("POST", "uploads", lambda _, body: self._add(body)),
        )

    def reset(self) -> None:
        """Settings as started, no faults, nothing deleted or added."""
        with self._lock:
            super().reset()
            self.lake.reset()

    def delete(self, home: str) -> None:
        """Let a home delete all its uploads."""
        with self._lock:
            self.lake.delete(home)

    def add(self, home: str, day: date, cells: Mapping[str, Sequence[StateChange]], era: str = "proper") -> None:
        """Add an upload."""
        with self._lock:
            self.lake.add(Row(home, era, day_number(day), {name: tuple(changes) for name, changes in cells.items()}))

    def facts(self, request: Request) -> Facts:
        """What faults look at, whether or not the request is valid."""
        try:
            first, last = self._days(request)
        except RefusedError:
            first = last = 0
        folder, _, _ = request.path.rpartition("/")
        endpoint = "export" if folder == ROOT else "other"
        return Facts(endpoint, None, first * MS_PER_DAY, (last + 1) * MS_PER_DAY)

    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        """The response without the common faults.

        Raises:
            RefusedError: The request is answered with an error.
        """
        if facts.endpoint != "export":
            raise _refused(404, "The requested URL was not found on the server.", is_frameworks=True)
        if request.method not in ("GET", "HEAD"):
            raise _refused(405, "The method is not allowed for the requested URL.", is_frameworks=True)
        return self._export(request, fired)

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every point that the homes have sent so far, under the names of the shipped source."""
        for home, _ in list(homes(self.settings)):
            if query.get("product", home.name) != home.name:
                continue
            first = max(start // MS_PER_DAY, FIRST_DAY)
            for number in range(first, min((end - 1) // MS_PER_DAY, newest_day(self.settings)) + 1):
                with self._lock:
                    rows = self.lake.rows(number, number + _LATE_DAYS, self.settings)
                own = [row for row in rows if row.home == home.name]
                yield from _dated([row for row in own if row.era != "redacted"], number, start, end)
                if start <= number * MS_PER_DAY:
                    yield from _undated([row for row in own if row.era == "redacted" and row.number == number])

    def _export(self, request: Request, fired: Fired) -> Response:
        form = request.path.rpartition("/")[2].lower()
        if form not in FORMATS:
            known = ", ".join(f"'{one}'" for one in FORMATS)
            raise _refused(
                400, f"Specified exportation format '{form}' is not supported. Supported formats are: {known}."
            )
        first, last = self._days(request)
        if "too_wide" in fired and last - first + 1 > fired.option("too_wide", "days"):
            raise _refused(fired.option("too_wide", "status"), "Out of memory.", is_frameworks=True)
        rows = self._rows(first, last, request)
        columns = {column for _, _, cells in rows for column in cells}
        if not columns:
            return Response(204, b"")
        if 0 < self.settings.most_columns < len(columns):
            raise _refused(
                500,
                "The feature space of the dataset is too large; apply more restrictive filters, and obtain a large "
                "dataset in parts.",
            )
        body = self._packed(rows, form, fired)
        name = f"attachment; filename={MEMBER}.{form}.zip"
        return Response(200, body, "application/zip", {"content-disposition": name}, n_documents=len(rows))

    def _rows(self, first: int, last: int, request: Request) -> list[tuple[int, Row, dict[str, Any]]]:
        """The rows of a response: id, upload, and the cells that its filters leave."""
        types = {one.split("_")[0] for one in _listed(request, "types")}
        units = set(_listed(request, "units"))
        found = []
        with self._lock:
            uploads = self.lake.rows(first, last, self.settings)
        for row in uploads:
            cells = {
                column: cell_of(column, changes, row.era, self.settings.cells)
                for column, changes in row.cells.items()
                if not types or column.split("_")[0] in types
            }
            # The server looks at the first change of a column alone, and keeps the whole row.
            if cells and (not units or any(unit_in(cell) in units for cell in cells.values())):
                found.append((row, cells))
        ids = self._ids([row.home for row, _ in found])
        return [(ids[row.home], row, cells) for row, cells in found]

    def _ids(self, seen: Sequence[str]) -> dict[str, int]:
        """Home → its number, which is another one in each process of the server."""
        names = list(dict.fromkeys(seen))
        if self.settings.is_id_shuffled:
            random.Random(next(self._requests)).shuffle(names)
        return {name: number for number, name in enumerate(names)}

    def _packed(self, rows: list[tuple[int, Row, dict[str, Any]]], form: str, fired: Fired) -> bytes:
        if "cell" in fired:
            rows[0][2][next(iter(rows[0][2]))] = json.loads(fired.option("cell", "raw"))
        if "other_day" in fired:
            number, row, cells = rows[-1]
            rows[-1] = (
                number,
                Row(row.home, row.era, row.number + fired.option("other_day", "days"), row.cells),
                cells,
            )
        content = fired.option("member", "text").encode() if "member" in fired else file_of(table_of(rows), form)
        if "zip_bomb" in fired:
            content += b" " * (fired.option("zip_bomb", "mib") << 20)
        extra = {f"{MEMBER}_metadata.json": b'{"name":"crowdsorcerer"}'} if "zip_metadata" in fired else None
        # 22 bytes are an archive without a file.
        body = b"PK\5\6" + bytes(18) if "zip_empty" in fired else zipped(content, f"{MEMBER}.{form}", extra)
        if "zip_flip" in fired:
            at = min(int(len(body) * fired.option("zip_flip", "fraction")), len(body) - 1)
            body = body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]
        if "zip_cut" in fired:
            body = body[: int(len(body) * fired.option("zip_cut", "fraction"))]
        return body

    def _days(self, request: Request) -> tuple[int, int]:
        """The requested days of upload, limited to yesterday without an error."""
        newest = newest_day(self.settings)
        first = _day(request.query.get("date_from"), "date_from")
        last = _day(request.query.get("date_to"), "date_to")
        return FIRST_DAY if first is None else first, newest if last is None else min(last, newest)

    def _delete(self, body: Json) -> None:
        self.delete(_home(body, self.settings))

    def _add(self, body: Json) -> None:
        home = _home(body, self.settings)
        try:
            day = date.fromisoformat(body["day"])
            cells = {
                str(column): tuple(
                    StateChange(int(one["at"]), str(one["state"]), str(one.get("unit", ""))) for one in changes
                )
                for column, changes in body["cells"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SettingError(
                'an upload is written {"home": …, "day": …, "cells": {COLUMN: [{"at": MS, …}]}}.'
            ) from None
        self.add(home, day, cells)


def _dated(rows: Sequence[Row], number: int, start: int, end: int) -> Iterator[Point]:
    """The changes of one day, each once, however often it was sent."""
    low, high = max(start, number * MS_PER_DAY), min(end, (number + 1) * MS_PER_DAY)
    seen = {
        (column, one): row.home
        for row in rows
        for column, changes in row.cells.items()
        for one in changes
        if low <= one.at < high
    }
    for (column, one), home in seen.items():
        labels = {"home": home, "entity": column}
        if one.unit:
            yield Point({**labels, "unit": one.unit}, one.at, float(one.state))
        else:
            yield Point(labels, one.at, one.state)


def _undated(rows: Sequence[Row]) -> Iterator[Point]:
    """The changes of one day of upload whose times are lost: one text for each entity."""
    lists: dict[tuple[str, str, str, int], list[list[str]]] = defaultdict(list)
    for row in rows:
        for column, changes in row.cells.items():
            for unit in dict.fromkeys(one.unit for one in changes):
                states = [one.state for one in changes if one.unit == unit]
                lists[row.home, column, unit, row.number].append(states)
    for (home, column, unit, number), found in lists.items():
        labels = {"home": home, "entity": column, "unit": unit, "time": "undated"}
        text = json.dumps(sorted(found), ensure_ascii=False, separators=(",", ":"))
        yield Point(labels, number * MS_PER_DAY, text)


def _refused(status: int, detail: str, *, is_frameworks: bool = False) -> RefusedError:
    title = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}.get(status, "Internal Server Error")
    document: dict[str, Any] = {"detail": detail, "status": status, "title": title}
    # The framework's own errors have another media type than the custom ones.
    media_type = "application/problem+json" if is_frameworks else "application/json"
    body = json.dumps({**document, "type": "about:blank"} if is_frameworks else document)
    return RefusedError(Response(status, body.encode(), media_type))


def _listed(request: Request, name: str) -> list[str]:
    """An array: its parameter repeated, and each cut at commas, as the server's framework does."""
    return [part for key, value in request.pairs if key == name for part in value.split(",") if part]


def _day(text: str | None, name: str) -> int | None:
    """A date as the server's lenient parser reads it: some texts that are not ISO 8601 are surprising days."""
    if text is None:
        return None
    if text.isdigit() and len(text) > _DATE_DIGITS:
        raise _refused(500, "The server encountered an internal error.", is_frameworks=True)
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y", "%d/%m/%Y"):
        try:
            return day_number(datetime.strptime(text, form).date())  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise _refused(400, f"Supplied date parameter '{name}' has an incorrect format (should be ISO 8601, at UTC+0).")


def _home(body: Json, settings: Settings) -> str:
    known = [home.name for home, _ in homes(settings)]
    name = body.get("home") if isinstance(body, dict) else None
    if name not in known:
        raise SettingError(f"there is no home {name!r}; the homes are {', '.join(known)}.")
    return str(name)
