"""The twin of VoltStorage: login, products, export, and (under paths of our choice) latest, statistics and stream.

What the provider's document says is served as it says it. What it leaves open (the shape of a JSON export, the unit of
statistics, the paths of latest, statistics and stream, how a future `from` is refused) follows the one client known to
work with the real service, or is our choice and a setting. Its tokens are accepted as Bearer and as `?token=`.

| | |
|---|---|
| `POST …/rows` | `{"product": 77, "put": [{"at": MS, "cells": {…}}], "remove": [MS]}` edits rows |
| `POST …/disconnect` | ends every live stream, as a network does |
| `GET …/streams` | how many live streams are open |
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from sandbox.answers import Answer, Asked, as_json
from sandbox.bearer import random_token
from sandbox.faults import COMMON_FAULTS, Facts, FaultKind, Fired
from sandbox.instants import MS_PER_DAY, now_ms
from sandbox.settings import SettingError
from sandbox.twin import Point, Query, Socket, Switch, Twin
from sandbox.voltstorage.exporting import Wanted, as_csv, simplified
from sandbox.voltstorage.exporting import as_json as export_as_json
from sandbox.voltstorage.settings import Settings
from sandbox.voltstorage.statistics import TIMESPANS, spans, statistics_of
from sandbox.voltstorage.store import Cells, Home, Store
from sandbox.voltstorage.stream import LIVE_NAMES, Streams

ROOT: Final = "/voltstorage/rest"
LOGIN: Final = f"{ROOT}/login/password"
PRODUCTS: Final = f"{ROOT}/products"
EXPORT_CSV: Final = f"{ROOT}/data/export.csv"
EXPORT_JSON: Final = f"{ROOT}/data/export.json"
LATEST: Final = f"{ROOT}/data/latest"
STATISTICS: Final = f"{ROOT}/data/statistics"
STREAM: Final = f"{ROOT}/data/stream"

_ENDPOINTS: Final = {
    EXPORT_CSV: "export", EXPORT_JSON: "export", LOGIN: "login", PRODUCTS: "products", LATEST: "latest",
    STATISTICS: "statistics",
}  # fmt: skip
_LONGEST_VALIDITY: Final = 31_622_400
_DEFAULT_VALIDITY: Final = 86_400

FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "mixed_separators": FaultKind("Rows are separated by `separator`, the header as asked.", {"separator": ","}),
    "wrong_hint": FaultKind("The first line names `hint`, whatever is used.", {"hint": ";"}),
    "cut_last_line": FaultKind("The last line ends `characters` too early, and all framing agrees.", {"characters": 7}),
    "unix_lines": FaultKind("Lines end with a line feed alone."),
    "extra_column": FaultKind("A further column `name` says `value`.", {"name": "Power_New", "value": "1.5"}),
    "twin_column": FaultKind("The first column comes a second time, at the end."),
    "short_row": FaultKind("The first row lacks two cells."),
    "cell": FaultKind("In the first `rows` rows, the first cell behind the time is `raw`.", {"rows": 1, "raw": "n/a"}),
    "outside_rows": FaultKind("A row is added that lies `seconds` after the end.", {"seconds": 60.0}),
    "page_repeats": FaultKind("Every page of products is the first.", endpoint="products"),
    "count_ignored": FaultKind("Every page of products holds all of them.", endpoint="products"),
    "no_token": FaultKind("The login answers without a token.", endpoint="login"),
    "message_lost": FaultKind("A message of the stream is not sent.", endpoint="stream"),
    "message_twice": FaultKind("A message of the stream is sent twice.", endpoint="stream"),
    "message_late": FaultKind("A message of the stream comes after the next one.", endpoint="stream"),
    "message": FaultKind("A message of the stream is `body`.", {"body": "no JSON"}, endpoint="stream"),
    "message_huge": FaultKind("A message of the stream has `mib` MiB.", {"mib": 64}, endpoint="stream"),
    "redirect": FaultKind("The stream's handshake is answered with a redirect to `to`.", {"to": "http://127.0.0.1:9/"}),
}
"""Kind → what it does and its options."""


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.answer = as_json(status, {"errors": [sentence]})


@dataclass(frozen=True, slots=True)
class _Token:
    ends_at: int


class VoltStorage(Twin[Settings]):
    """VoltStorage's cloud with two homes, or three. Safe to use from any thread.

    Attributes:
        store: The rows.
        streams: The live streams.
    """

    slug: ClassVar = "voltstorage"
    path: ClassVar = "/voltstorage"
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ("export", "products", "login", "latest", "statistics", "stream")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.store = Store()
        self.streams = Streams(self)
        self._tokens: dict[str, _Token] = {}

    @property
    def paths(self) -> Sequence[str]:
        """The paths it answers."""
        return tuple(_ENDPOINTS)

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The live stream."""
        return {STREAM: self.streams.serve}

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Its rows, and its streams."""
        return (
            Switch("POST", "rows", lambda _, body: self._edited(body)),
            Switch("POST", "disconnect", lambda *_: {"disconnected": self.streams.disconnect()}),
            Switch("GET", "streams", lambda *_: {"open": self.streams.n_open}),
        )

    @property
    def is_gzip(self) -> bool:
        """Whether answers are compressed for a client that accepts gzip."""
        return self.settings.is_gzip

    def reset(self) -> None:
        """Settings as started, no faults, no edits. Tokens stay valid."""
        with self._lock:
            super().reset()
            self.store.reset()

    def revoke_tokens(self) -> None:
        """Make every token given so far invalid."""
        with self._lock:
            self._tokens.clear()

    def put(self, product: int, at: int, cells: Cells) -> None:
        """Let a row of a product say exactly this; `at` in epoch milliseconds."""
        with self._lock:
            self.store.put(product, at, cells)

    def rows(self, home: Home, start: int, end: int) -> list[tuple[int, Cells]]:
        """The rows of `home` with `start <= time < end`."""
        with self._lock:
            return self.store.rows(home, start, end, self.settings)

    def facts(self, asked: Asked) -> Facts:
        """What faults may look at, whether or not the request is valid."""
        product = asked.query.get("productId") or asked.query.get("componentId")
        names = ("tstart", "tend") if asked.path == STATISTICS else ("from", "to")
        start, end = (_millis(asked.query.get(name)) for name in names)
        page = asked.query.get("page", "1")
        return Facts(_ENDPOINTS[asked.path], product, start, end, int(page) if page.isdigit() else 1)

    def real(self, asked: Asked, facts: Facts, fired: Fired) -> Answer:
        """The answer without the faults that befall any twin."""
        try:
            if facts.endpoint == "login":
                return self._login(asked, fired)
            _require_get(asked.method)
            self.require_token(asked.headers.get("authorization", ""), asked.query.get("token", ""))
            answers: Mapping[str, Callable[[Asked, Fired], Answer]] = {
                "products": self._products, "export": self._export, "latest": self._latest,
                "statistics": self._statistics,
            }  # fmt: skip
            return answers[facts.endpoint](asked, fired)
        except RefusedError as refused:
            return refused.answer

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every point of its products: cells of rows, and statistics by hour and by day."""
        for home in self.store.homes(self.settings):
            if query.get("product", str(home.number)) != str(home.number):
                continue
            product = {"product": str(home.number)}
            # A day at a time, so that nobody has to hold a year of rows.
            for midnight in range(start // MS_PER_DAY * MS_PER_DAY, min(end, now_ms() + MS_PER_DAY), MS_PER_DAY):
                for at, cells in self.rows(home, max(start, midnight), min(end, midnight + MS_PER_DAY)):
                    for name, value in cells.items():
                        yield Point({**product, "field": name}, at, value)
            for timespan in ("hour", "day"):
                for begin, until in spans(timespan, start, end, now_ms()):
                    yield from _said(statistics_of(home, begin, until), product, timespan)

    def require_token(self, header: str, parameter: str) -> None:
        """Let in who shows a living token.

        Raises:
            RefusedError: There is none, or it has died.
        """
        shown = header.removeprefix("Bearer ") if header.startswith("Bearer ") else ""
        wanted = {"header": shown, "query": parameter}.get(self.settings.token_in, shown or parameter)
        with self._lock:
            known = self._tokens.get(wanted)
        if known is None or known.ends_at <= now_ms():
            raise RefusedError(401, "No authorization token was provided, or it has expired.")

    def home(self, product: str) -> Home:
        """The product with that number.

        Raises:
            RefusedError: There is none that the user may see.
        """
        found = [home for home in self.store.homes(self.settings) if str(home.number) == product]
        if not product.isdigit():
            raise RefusedError(400, '"productId" must be a number')
        if not found:
            raise RefusedError(403, "You lack the appropriate permissions to read this data.")
        return found[0]

    def _login(self, asked: Asked, fired: Fired) -> Answer:
        try:
            said = json.loads(asked.body)
            email, password, validity = said["email"], said["password"], said.get("validity", _DEFAULT_VALIDITY)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RefusedError(400, '"email" and "password" are required') from None
        if isinstance(validity, bool) or not isinstance(validity, int) or not 0 <= validity <= _LONGEST_VALIDITY:
            raise RefusedError(400, f'"validity" must be between 0 and {_LONGEST_VALIDITY}')
        if str(email).lower() != self.settings.username.lower() or password != self.settings.password:
            raise RefusedError(400, "Invalid credentials")
        token = random_token()
        seconds = self.settings.token_seconds or validity
        self._tokens[token] = _Token(now_ms() + int(seconds * 1000))
        return as_json(200, {} if "no_token" in fired else {"token": token})

    def _products(self, asked: Asked, fired: Fired) -> Answer:
        homes = [_described(home) for home in self.store.homes(self.settings)]
        query = asked.query
        if "q" in query:
            homes = [one for one in homes if query["q"].lower() in json.dumps(one).lower()]
        if "ids" in query:
            homes = [one for one in homes if str(one["id"]) in query["ids"].split(",")]
        if "groupId" in query:
            homes = [one for one in homes if str(one["groupId"]) == query["groupId"]]
        if "ownerId" in query:
            homes = [one for one in homes if str(one["group"]["ownerId"]) == query["ownerId"]]
        if "installationDate" in query:
            is_wanted = query["installationDate"] == "true"
            homes = [one for one in homes if (one["installationDate"] is not None) == is_wanted]
        for field in reversed([name for name in query.get("sort", "").split(",") if name]):
            name = field.removeprefix("-")
            homes = sorted(homes, key=lambda one, name=name: str(one.get(name)), reverse=field.startswith("-"))  # type: ignore[misc]  # bound early
        count, page = (_positive(query, name) for name in ("count", "page"))
        if count is not None and "count_ignored" not in fired:
            at = 0 if "page_repeats" in fired else ((page or 1) - 1) * count
            homes = homes[at : at + count]
        return as_json(200, homes)

    def _export(self, asked: Asked, fired: Fired) -> Answer:
        home, columns = self._columns(asked.query)
        start, end = _millis(asked.query.get("from")), _millis(asked.query.get("to", str(now_ms() / 1000)))
        if start is None or end is None:
            raise RefusedError(400, '"from" is required, and "from" and "to" must be numbers')
        if max(start, end) > now_ms() or start > end:
            raise RefusedError(400, "Invalid time frame; it lies in the future, or ends before it begins.")
        fields = tuple(asked.query["fields"].split(",")) if "fields" in asked.query else columns
        if not set(fields) <= set(columns):
            raise RefusedError(400, f'"fields" knows {", ".join(columns)}')
        try:
            wanted = Wanted(
                fields,
                int(asked.query["tz"]) if "tz" in asked.query else None,
                min(max(int(asked.query.get("precision", 6)), 1), 17),
                float(asked.query.get("tolerance", 0)),
                asked.query.get("separator", ","),
            )
        except ValueError:
            raise RefusedError(400, '"tz", "precision" and "tolerance" must be numbers') from None
        until = min(end, now_ms() - int(self.settings.export_lag_seconds * 1000))
        rows = simplified(self.store.rows(home, start, max(until + 1, start), self.settings), fields, wanted.tolerance)
        if "outside_rows" in fired:
            rows.append((end + int(fired.option("outside_rows", "seconds") * 1000), {fields[0]: 1.0}))
        if asked.path == EXPORT_JSON:
            return Answer(200, export_as_json(rows, wanted, self.settings.json_shape), n_documents=len(rows))
        return Answer(200, as_csv(rows, wanted, self.settings, fired), "text/csv; charset=utf-8", n_documents=len(rows))

    def _columns(self, query: Mapping[str, str]) -> tuple[Home, tuple[str, ...]]:
        """The home that is asked for, and which columns of it."""
        if "componentId" not in query:
            home = self.home(query.get("productId", ""))
            return home, home.columns
        for home in self.store.homes(self.settings):
            for number, columns in home.components:
                if str(number) == query["componentId"]:
                    return home, columns
        raise RefusedError(403, "You lack the appropriate permissions to read this data.")

    def _latest(self, asked: Asked, _: Fired) -> Answer:
        home = self.home(asked.query.get("productId", ""))
        until = now_ms()
        values: dict[str, float | str] = {}
        newest = 0
        for at, cells in self.store.rows(home, until - MS_PER_DAY, until + 1, self.settings):
            values |= {LIVE_NAMES.get(name, name): value for name, value in cells.items()}
            newest = at if cells else newest
        if asked.query.get("includeTime") == "true":
            return as_json(200, {"time": newest // 1000, "data": values})
        return as_json(200, values)

    def _statistics(self, asked: Asked, _: Fired) -> Answer:
        home = self.home(asked.query.get("productId", ""))
        timespan = asked.query.get("timespan", "day")
        start, end = _millis(asked.query.get("tstart", "0")), _millis(asked.query.get("tend", str(now_ms() / 1000)))
        if timespan not in TIMESPANS or start is None or end is None:
            raise RefusedError(400, f'"timespan" must be one of {", ".join(TIMESPANS)}')
        said = (statistics_of(home, begin, until) for begin, until in spans(timespan, start, end, now_ms()))
        return as_json(200, [one for one in said if one is not None])

    def _edited(self, body: object) -> dict[str, int]:
        """Rows of one product put and removed."""
        if not isinstance(body, Mapping) or not isinstance(body.get("product"), int):
            raise SettingError('edits are written {"product": 77, "put": […], "remove": […]}.')
        put, gone = body.get("put", []), body.get("remove", [])
        try:
            for row in put:
                self.put(body["product"], int(row["at"]), dict(row["cells"]))
            with self._lock:
                for at in gone:
                    self.store.remove(body["product"], int(at))
        except (KeyError, TypeError, ValueError):
            raise SettingError('a row is written {"at": MS, "cells": {…}}.') from None
        return {"put": len(put), "removed": len(gone)}


def _said(statistics: Mapping[str, Any] | None, product: Mapping[str, str], timespan: str) -> Iterator[Point]:
    """The statistics that somebody knows the meaning of."""
    for name, value in (statistics or {}).items():
        labels = {**product, "statistic": name, "timespan": timespan}
        at = (statistics or {})["timespan_start"] * 1000
        if isinstance(value, dict):
            if "nSamples" in value:
                yield Point({**labels, "statistic": f"{name}.nSamples"}, at, value["nSamples"])
            value = value["value"]  # noqa: PLW2901 - a mean is its value
        if name in _ENERGIES:
            yield Point({**labels, "unit": "Ws (inferred)"}, at, value)
        elif name in _OTHERS:
            yield Point(labels, at, value)


_ENERGIES: Final = frozenset(
    {"pv-total", "consumption-total", "storage-total-released", "storage-total-stored", "dc-capacity", "ac-capacity"}
)
_OTHERS: Final = frozenset({"max-temperature", "electrolyte-temp", "self-sufficiency"})


def _described(home: Home) -> dict[str, Any]:
    """A product as the document's example shows one."""
    return {
        "id": home.number,
        "ownerName": None,
        "serialNumber": home.serial,
        "hardwareVersion": "5.4",
        "manufacturingDate": "2019-05-21",
        "installationDate": None if home.number == 77 else "2019-06-03",  # noqa: PLR2004 - as in the document
        "timezone": home.time_zone,
        "createdAt": "2019-05-21T08:24:43.357Z",
        "updatedAt": "2020-03-23T10:18:37.065Z",
        "typeId": 6,
        "groupId": 64,
        "type": {"id": 6, "name": "VoltStorage SMART", "startOfProduction": "2018-08-20", "baseType": "storage"},
        "group": {
            "id": 64,
            "ownerId": 1,
            "name": "Clustering Test",
            "latitude": None,
            "longitude": None,
            "owner": {"id": 1, "name": "Owner", "email": "owner@joulehouse.example", "demo": False},
        },
        "errors": ["nonDefaultStrategy"],
        "online": True,
    }


def _millis(text: str | None) -> int | None:
    """Epoch milliseconds of epoch seconds; None if they are none."""
    try:
        return round(float(text or "") * 1000)
    except (ValueError, OverflowError):
        return None


def _require_get(method: str) -> None:
    if method != "GET":
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not allowed")


def _positive(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f'"{name}" must be larger than or equal to 1')
    return int(text)
