"""The twin of the Smart House's export API, as the public source code of its server answers (2022-05-27).

The columns of a file are the entities of three homes, its rows their uploads; ids differ from request to request, dates
are of uploads, and nothing newer than yesterday is given out. How often a home sends, and what it forgets, is our
choice and a setting. There is no authentication.

| | |
|---|---|
| `POST …/delete` | `{"home": "aveiro"}`: the home deletes all that it ever sent |
| `POST …/uploads` | `{"home": H, "day": DAY, "cells": {COLUMN: [{"at": MS, "state": "1", "unit": "W"}]}}` adds one |
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import Any, ClassVar, Final

from sandbox.answers import Answer, Asked
from sandbox.faults import COMMON_FAULTS, Facts, FaultKind, Fired
from sandbox.instants import MS_PER_DAY, day_number
from sandbox.measured import FIRST_DAY
from sandbox.settings import SettingError
from sandbox.smart_house.files import MEMBER, cell_of, file_of, table_of, unit_in, zipped
from sandbox.smart_house.home import Said
from sandbox.smart_house.settings import Settings
from sandbox.smart_house.uploads import Lake, Row, homes, newest_day
from sandbox.twin import Point, Query, Switch, Twin

ROOT: Final = "/smart_house/api/export"
FORMATS: Final = ("xml", "csv", "json")
_LATE_DAYS: Final = 2

FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "too_wide": FaultKind("More than `days` days of uploads are answered with `status`.", {"days": 1, "status": 502}),
    "zip_cut": FaultKind("The archive ends after `fraction` of it, and all framing agrees.", {"fraction": 0.5}),
    "zip_flip": FaultKind("A bit of the archive's byte at `fraction` of it is flipped.", {"fraction": 0.5}),
    "zip_empty": FaultKind("The archive holds no file."),
    "zip_bomb": FaultKind("The file is followed by `mib` MiB of spaces before it is packed.", {"mib": 300}),
    "zip_metadata": FaultKind("A second file describes the first, as in June 2022."),
    "member": FaultKind("The file inside is exactly `text`.", {"text": ""}),
    "cell": FaultKind("The first cell of the first row is `raw`, as JSON.", {"raw": '"n/a"'}),
    "other_day": FaultKind("A row is said to be of the day `days` later.", {"days": 40}),
}
"""Kind → what it does and its options."""


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, detail: str, *, is_frameworks: bool = False) -> None:
        super().__init__(detail)
        title = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}.get(status, "Internal Server Error")
        said: dict[str, Any] = {"detail": detail, "status": status, "title": title}
        # The framework's own errors have another media type than the custom ones.
        media_type = "application/problem+json" if is_frameworks else "application/json"
        body = json.dumps({**said, "type": "about:blank"} if is_frameworks else said)
        self.answer = Answer(status, body.encode(), media_type)


class SmartHouse(Twin[Settings]):
    """Three homes that share what they measure. Safe to use from any thread.

    Attributes:
        lake: What they sent.
    """

    slug: ClassVar = "smart_house"
    path: ClassVar = "/smart_house"
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ("export", "other")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.lake = Lake()
        self._requests = count()

    @property
    def paths(self) -> Sequence[str]:
        """The paths it answers."""
        return (f"{ROOT}/{{format}}", "/smart_house/{rest:path}")

    @property
    def own_switches(self) -> Sequence[Switch]:
        """What homes sent, and that one deletes it."""
        return (
            Switch("POST", "delete", lambda _, body: self._delete(body)),
            Switch("POST", "uploads", lambda _, body: self._add(body)),
        )

    @property
    def is_gzip(self) -> bool:
        """An archive is not compressed a second time."""
        return False

    def reset(self) -> None:
        """Settings as started, no faults, nothing deleted or added."""
        with self._lock:
            super().reset()
            self.lake.reset()

    def delete(self, home: str) -> None:
        """Let a home delete all that it ever sent."""
        with self._lock:
            self.lake.delete(home)

    def add(self, home: str, day: date, cells: Mapping[str, Sequence[Said]], era: str = "proper") -> None:
        """One upload more."""
        with self._lock:
            self.lake.add(Row(home, era, day_number(day), {name: tuple(said) for name, said in cells.items()}))

    def facts(self, asked: Asked) -> Facts:
        """What faults may look at, whether or not the request is valid."""
        try:
            first, last = self._days(asked)
        except RefusedError:
            first = last = 0
        folder, _, _ = asked.path.rpartition("/")
        endpoint = "export" if folder == ROOT else "other"
        return Facts(endpoint, None, first * MS_PER_DAY, (last + 1) * MS_PER_DAY)

    def real(self, asked: Asked, facts: Facts, fired: Fired) -> Answer:
        """The answer without the faults that befall any twin."""
        try:
            _require_export(asked.method, facts.endpoint)
            return self._export(asked, fired)
        except RefusedError as refused:
            return refused.answer

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every point that the homes have sent so far, under the names that the shipped source gives them."""
        for home, _ in list(homes(self.settings)):
            if query.get("product", home.name) != home.name:
                continue
            first = max(start // MS_PER_DAY, FIRST_DAY)
            for number in range(first, min((end - 1) // MS_PER_DAY, newest_day(self.settings)) + 1):
                with self._lock:
                    rows = self.lake.rows(number, number + _LATE_DAYS, self.settings)
                mine = [row for row in rows if row.home == home.name]
                yield from _dated([row for row in mine if row.era != "redacted"], number, start, end)
                if start <= number * MS_PER_DAY:
                    yield from _undated([row for row in mine if row.era == "redacted" and row.number == number])

    def _export(self, asked: Asked, fired: Fired) -> Answer:
        form = asked.path.rpartition("/")[2].lower()
        if form not in FORMATS:
            known = ", ".join(f"'{one}'" for one in FORMATS)
            raise RefusedError(
                400, f"Specified exportation format '{form}' is not supported. Supported formats are: {known}."
            )
        first, last = self._days(asked)
        if "too_wide" in fired and last - first + 1 > fired.option("too_wide", "days"):
            raise RefusedError(fired.option("too_wide", "status"), "Out of memory.", is_frameworks=True)
        rows = self._rows(first, last, asked)
        columns = {column for _, _, cells in rows for column in cells}
        if not columns:
            return Answer(204, b"")
        if 0 < self.settings.most_columns < len(columns):
            raise RefusedError(
                500,
                "The feature space of the dataset is too large; apply more restrictive filters, and obtain a large "
                "dataset in parts.",
            )
        body = self._packed(rows, form, fired)
        name = f"attachment; filename={MEMBER}.{form}.zip"
        return Answer(200, body, "application/zip", {"content-disposition": name}, n_documents=len(rows))

    def _rows(self, first: int, last: int, asked: Asked) -> list[tuple[int, Row, dict[str, Any]]]:
        """The rows of an answer: id, upload, and the cells that its filters leave."""
        types = {one.split("_")[0] for one in _listed(asked, "types")}
        units = set(_listed(asked, "units"))
        found = []
        with self._lock:
            uploads = self.lake.rows(first, last, self.settings)
        for row in uploads:
            cells = {
                column: cell_of(column, said, row.era, self.settings.cells)
                for column, said in row.cells.items()
                if not types or column.split("_")[0] in types
            }
            # The server looks at the first change of a column alone, and keeps the whole row.
            if cells and (not units or any(unit_in(cell) in units for cell in cells.values())):
                found.append((row, cells))
        ids = self._ids([row.home for row, _ in found])
        return [(ids[row.home], row, cells) for row, cells in found]

    def _ids(self, seen: Sequence[str]) -> dict[str, int]:
        """Home → the number that this process has for it, which another process does not share."""
        names = list(dict.fromkeys(seen))
        if self.settings.is_id_shuffled:
            random.Random(next(self._requests)).shuffle(names)  # noqa: S311 - an order to repeat, not a secret
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

    def _days(self, asked: Asked) -> tuple[int, int]:
        """The upload days that are asked for, clamped to yesterday without a word."""
        newest = newest_day(self.settings)
        first = _day(asked.query.get("date_from"), "date_from")
        last = _day(asked.query.get("date_to"), "date_to")
        return FIRST_DAY if first is None else first, newest if last is None else min(last, newest)

    def _delete(self, body: Any) -> None:  # noqa: ANN401 - JSON
        self.delete(_home(body, self.settings))

    def _add(self, body: Any) -> None:  # noqa: ANN401 - JSON
        home = _home(body, self.settings)
        try:
            day = date.fromisoformat(body["day"])
            cells = {
                str(column): tuple(Said(int(one["at"]), str(one["state"]), str(one.get("unit", ""))) for one in said)
                for column, said in body["cells"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SettingError(
                'an upload is written {"home": …, "day": …, "cells": {COLUMN: [{"at": MS, …}]}}.'
            ) from None
        self.add(home, day, cells)


def _dated(rows: Sequence[Row], number: int, start: int, end: int) -> Iterator[Point]:
    """What was said on one day, each once, however often it was sent."""
    low, high = max(start, number * MS_PER_DAY), min(end, (number + 1) * MS_PER_DAY)
    seen = {
        (column, one): row.home
        for row in rows
        for column, said in row.cells.items()
        for one in said
        if low <= one.at < high
    }
    for (column, one), home in seen.items():
        labels = {"home": home, "entity": column}
        if one.unit:
            yield Point({**labels, "unit": one.unit}, one.at, float(one.state))
        else:
            yield Point(labels, one.at, one.state)


def _undated(rows: Sequence[Row]) -> Iterator[Point]:
    """What was said on one day of upload at times that nobody knows any longer: one text an entity."""
    lists: dict[tuple[str, str, str, int], list[list[str]]] = defaultdict(list)
    for row in rows:
        for column, said in row.cells.items():
            for unit in dict.fromkeys(one.unit for one in said):
                states = [one.state for one in said if one.unit == unit]
                lists[row.home, column, unit, row.number].append(states)
    for (home, column, unit, number), found in lists.items():
        labels = {"home": home, "entity": column, "unit": unit, "time": "undated"}
        text = json.dumps(sorted(found), ensure_ascii=False, separators=(",", ":"))
        yield Point(labels, number * MS_PER_DAY, text)


def _require_export(method: str, endpoint: str) -> None:
    if endpoint != "export":
        raise RefusedError(404, "The requested URL was not found on the server.", is_frameworks=True)
    if method not in ("GET", "HEAD"):
        raise RefusedError(405, "The method is not allowed for the requested URL.", is_frameworks=True)


def _listed(asked: Asked, name: str) -> list[str]:
    """An array: its parameter repeated, and each cut at commas, as the server's framework does."""
    return [part for said, value in asked.pairs if said == name for part in value.split(",") if part]


def _day(text: str | None, name: str) -> int | None:
    """A date as the server's lenient parser takes it: some that are none of ISO 8601 are surprising days."""
    if text is None:
        return None
    if text.isdigit() and len(text) > 8:  # noqa: PLR2004 - the parser overflows beyond a plain date
        raise RefusedError(500, "The server encountered an internal error.", is_frameworks=True)
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y", "%d/%m/%Y"):
        try:
            return day_number(datetime.strptime(text, form).date())  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise RefusedError(400, f"Supplied date parameter '{name}' has an incorrect format (should be ISO 8601, at UTC+0).")


def _home(body: Any, settings: Settings) -> str:  # noqa: ANN401 - JSON
    known = [home.name for home, _ in homes(settings)]
    name = body.get("home") if isinstance(body, dict) else None
    if name not in known:
        raise SettingError(f"there is no home {name!r}; the homes are {', '.join(known)}.")
    return str(name)
