"""The twin of VoltStorage: login, products, export, and (under paths of our choice) latest, statistics and stream.

Everything that the provider's document describes is served accordingly. What it leaves open (the form of a JSON export,
the unit of statistics, the paths of latest, statistics and stream, how a future `from` is refused) follows the one
client known to work with the real service, or is our choice and a setting. Its tokens are accepted as Bearer and as
`?token=`.

| | |
|---|---|
| `POST …/rows` | `{"product": 77, "put": [{"at": MS, "cells": {…}}], "remove": [MS]}` edits rows |
| `POST …/disconnect` | ends every live stream, as a network does |
| `GET …/streams` | how many live streams are open |
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from sandbox.answers import RefusedError, Request, Response, as_json
from sandbox.edits import Cells, Row, apply_edits
from sandbox.faults import Facts, Fired
from sandbox.instants import MS_PER_DAY, now_ms
from sandbox.settings import SettingError
from sandbox.twin import BearerTokens, Point, Query, Socket, Switch, Twin
from sandbox.voltstorage.exporting import ExportFormat, as_csv, simplified
from sandbox.voltstorage.exporting import as_json as export_as_json
from sandbox.voltstorage.settings import FAULTS, Settings
from sandbox.voltstorage.statistics import TIMESPANS, spans, statistics_of
from sandbox.voltstorage.store import Home, Store
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
    EXPORT_CSV: "export",
    EXPORT_JSON: "export",
    LOGIN: "login",
    PRODUCTS: "products",
    LATEST: "latest",
    STATISTICS: "statistics",
}
_LONGEST_VALIDITY: Final = 31_622_400
_NOT_INSTALLED: Final = 77  # as in the document
_DEFAULT_VALIDITY: Final = 86_400


class VoltStorage(Twin[Settings]):
    """VoltStorage's cloud with two homes, or three. Safe to use from any thread.

    Attributes:
        store: The rows.
        streams: The live streams.
    """

    slug: ClassVar = "voltstorage"
    path: ClassVar = "/voltstorage"
    paths: ClassVar = tuple(_ENDPOINTS)
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ("export", "products", "login", "latest", "statistics", "stream")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.store = Store()
        self.streams = Streams(self)
        self._tokens = BearerTokens()

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The live stream."""
        return {STREAM: self.streams.serve}

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Its rows and its streams."""
        return (
            Switch("POST", "rows", lambda _, body: self._edit(body)),
            Switch("POST", "disconnect", lambda *_: {"disconnected": self.streams.disconnect()}),
            Switch("GET", "streams", lambda *_: {"open": self.streams.n_open}),
        )

    def reset(self) -> None:
        """Settings as started, no faults, no edits. Tokens stay valid."""
        with self._lock:
            super().reset()
            self.store.edits.reset()

    def revoke_tokens(self) -> None:
        """Make every token so far invalid."""
        self._tokens.revoke_all()

    def put(self, product: int, at: int, cells: Cells) -> None:
        """Let a row of a product have exactly these cells; `at` in epoch milliseconds."""
        with self._lock:
            self.store.edits.put(product, at, cells)

    def rows(self, home: Home, start: int, end: int) -> list[Row]:
        """The rows of `home` with `start <= time < end`."""
        with self._lock:
            return self.store.rows(home, start, end, self.settings)

    def facts(self, request: Request) -> Facts:
        """What faults look at, whether or not the request is valid."""
        product = request.query.get("productId") or request.query.get("componentId")
        names = ("tstart", "tend") if request.path == STATISTICS else ("from", "to")
        start, end = (_millis(request.query.get(name)) for name in names)
        page = request.query.get("page", "1")
        return Facts(_ENDPOINTS[request.path], product, start, end, int(page) if page.isdigit() else 1)

    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        """The response without the common faults.

        Raises:
            RefusedError: The request is answered with an error.
        """
        if facts.endpoint == "login":
            return self._login(request, fired)
        if request.method != "GET":
            raise _refused(405, f"{request.method} is not allowed")
        self.require_token(request.headers.get("authorization", ""), request.query.get("token", ""))
        endpoints: Mapping[str, Callable[[Request, Fired], Response]] = {
            "products": self._products,
            "export": self._export,
            "latest": self._latest,
            "statistics": self._statistics,
        }
        return endpoints[facts.endpoint](request, fired)

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every point of its products: cells of rows, and statistics by hour and by day."""
        for home in self.store.homes(self.settings):
            if query.get("product", str(home.number)) != str(home.number):
                continue
            product = {"product": str(home.number)}
            # A day at a time, so that a year of rows is never in memory.
            for midnight in range(start // MS_PER_DAY * MS_PER_DAY, min(end, now_ms() + MS_PER_DAY), MS_PER_DAY):
                for at, cells in self.rows(home, max(start, midnight), min(end, midnight + MS_PER_DAY)):
                    for name, value in cells.items():
                        yield Point({**product, "field": name}, at, value)
            for timespan in ("hour", "day"):
                for begin, until in spans(timespan, start, end, now_ms()):
                    yield from _statistic_points(statistics_of(home, begin, until) or {}, product, timespan)

    def require_token(self, header: str, parameter: str) -> None:
        """Require a valid token.

        Raises:
            RefusedError: There is none, or it has ended.
        """
        bearer = header.removeprefix("Bearer ") if header.startswith("Bearer ") else ""
        token = {"header": bearer, "query": parameter}.get(self.settings.token_in, bearer or parameter)
        if not self._tokens.is_valid(token):
            raise _refused(401, "No authorization token was provided, or it has expired.")

    def home(self, product: str) -> Home:
        """The product with that number.

        Raises:
            RefusedError: There is none that the user can see.
        """
        found = [home for home in self.store.homes(self.settings) if str(home.number) == product]
        if not product.isdigit():
            raise _refused(400, '"productId" must be a number')
        if not found:
            raise _refused(403, "You lack the appropriate permissions to read this data.")
        return found[0]

    def _login(self, request: Request, fired: Fired) -> Response:
        document = request.document
        if not {"email", "password"} <= document.keys():
            raise _refused(400, '"email" and "password" are required')
        email, password, validity = document["email"], document["password"], document.get("validity", _DEFAULT_VALIDITY)
        if isinstance(validity, bool) or not isinstance(validity, int) or not 0 <= validity <= _LONGEST_VALIDITY:
            raise _refused(400, f'"validity" must be between 0 and {_LONGEST_VALIDITY}')
        if str(email).lower() != self.settings.username.lower() or password != self.settings.password:
            raise _refused(400, "Invalid credentials")
        token = self._tokens.issue(self.settings.token_seconds or validity)
        return as_json(200, {} if "no_token" in fired else {"token": token})

    def _products(self, request: Request, fired: Fired) -> Response:
        homes = [_described(home) for home in self.store.homes(self.settings)]
        query = request.query
        for name, includes in _FILTERS.items():
            if name in query:
                homes = [home for home in homes if includes(home, query[name])]
        for field in reversed([name for name in query.get("sort", "").split(",") if name]):
            name = field.removeprefix("-")
            homes = sorted(homes, key=partial(_text_of, name), reverse=field.startswith("-"))
        count, page = (_positive(query, name) for name in ("count", "page"))
        if count is not None and "count_ignored" not in fired:
            at = 0 if "page_repeats" in fired else ((page or 1) - 1) * count
            homes = homes[at : at + count]
        return as_json(200, homes)

    def _export(self, request: Request, fired: Fired) -> Response:
        home, columns = self._columns(request.query)
        start, end = _millis(request.query.get("from")), _millis(request.query.get("to", str(now_ms() / 1000)))
        if start is None or end is None:
            raise _refused(400, '"from" is required, and "from" and "to" must be numbers')
        if max(start, end) > now_ms() or start > end:
            raise _refused(400, "Invalid time frame; it lies in the future, or ends before it begins.")
        fields = tuple(request.query["fields"].split(",")) if "fields" in request.query else columns
        if not set(fields) <= set(columns):
            raise _refused(400, f'"fields" knows {", ".join(columns)}')
        try:
            form = ExportFormat(
                fields,
                int(request.query["tz"]) if "tz" in request.query else None,
                min(max(int(request.query.get("precision", 6)), 1), 17),
                float(request.query.get("tolerance", 0)),
                request.query.get("separator", ","),
            )
        except ValueError:
            raise _refused(400, '"tz", "precision" and "tolerance" must be numbers') from None
        until = min(end, now_ms() - int(self.settings.export_lag_seconds * 1000))
        rows = simplified(self.store.rows(home, start, max(until + 1, start), self.settings), fields, form.tolerance)
        if "outside_rows" in fired:
            rows.append((end + int(fired.option("outside_rows", "seconds") * 1000), {fields[0]: 1.0}))
        if request.path == EXPORT_JSON:
            return Response(200, export_as_json(rows, form, self.settings.json_shape), n_documents=len(rows))
        return Response(200, as_csv(rows, form, self.settings, fired), "text/csv; charset=utf-8", n_documents=len(rows))

    def _columns(self, query: Mapping[str, str]) -> tuple[Home, tuple[str, ...]]:
        """The requested home, and which columns of it."""
        if "componentId" not in query:
            home = self.home(query.get("productId", ""))
            return home, home.columns
        for home in self.store.homes(self.settings):
            for number, columns in home.components:
                if str(number) == query["componentId"]:
                    return home, columns
        raise _refused(403, "You lack the appropriate permissions to read this data.")

    def _latest(self, request: Request, _: Fired) -> Response:
        home = self.home(request.query.get("productId", ""))
        until = now_ms()
        values: dict[str, float | str] = {}
        newest = 0
        for at, cells in self.store.rows(home, until - MS_PER_DAY, until + 1, self.settings):
            values |= {LIVE_NAMES.get(name, name): value for name, value in cells.items()}
            newest = at if cells else newest
        if request.query.get("includeTime") == "true":
            return as_json(200, {"time": newest // 1000, "data": values})
        return as_json(200, values)

    def _statistics(self, request: Request, _: Fired) -> Response:
        home = self.home(request.query.get("productId", ""))
        timespan = request.query.get("timespan", "day")
        start, end = _millis(request.query.get("tstart", "0")), _millis(request.query.get("tend", str(now_ms() / 1000)))
        if timespan not in TIMESPANS or start is None or end is None:
            raise _refused(400, f'"timespan" must be one of {", ".join(TIMESPANS)}')
        statistics = (statistics_of(home, begin, until) for begin, until in spans(timespan, start, end, now_ms()))
        return as_json(200, [one for one in statistics if one is not None])

    def _edit(self, body: object) -> dict[str, int]:
        """Rows of one product put and removed."""
        if not isinstance(body, Mapping) or not isinstance(body.get("product"), int):
            raise SettingError('edits are written {"product": 77, "put": […], "remove": […]}.')
        with self._lock:
            return apply_edits(body, partial(self.store.edits.put, body["product"]), '{"at": MS, "cells": {…}}')


def _refused(status: int, sentence: str) -> RefusedError:
    return RefusedError(as_json(status, {"errors": [sentence]}))


def _statistic_points(statistics: Mapping[str, Any], product: Mapping[str, str], timespan: str) -> Iterator[Point]:
    """The statistics with a known meaning."""
    for name, statistic in statistics.items():
        value = statistic["value"] if isinstance(statistic, dict) else statistic
        labels = {**product, "statistic": name, "timespan": timespan}
        at = statistics["timespan_start"] * 1000
        if isinstance(statistic, dict) and "nSamples" in statistic:
            yield Point({**labels, "statistic": f"{name}.nSamples"}, at, statistic["nSamples"])
        if name in _ENERGIES:
            yield Point({**labels, "unit": "Ws (inferred)"}, at, value)
        elif name in _OTHERS:
            yield Point(labels, at, value)


_ENERGIES: Final = frozenset(
    {"pv-total", "consumption-total", "storage-total-released", "storage-total-stored", "dc-capacity", "ac-capacity"}
)
_OTHERS: Final = frozenset({"max-temperature", "electrolyte-temp", "self-sufficiency"})


_FILTERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], bool]]] = {
    "q": lambda home, text: text.lower() in json.dumps(home).lower(),
    "ids": lambda home, text: str(home["id"]) in text.split(","),
    "groupId": lambda home, text: str(home["groupId"]) == text,
    "ownerId": lambda home, text: str(home["group"]["ownerId"]) == text,
    "installationDate": lambda home, text: (home["installationDate"] is not None) == (text == "true"),
}
"""Parameter of the list of products → whether it includes a product."""


def _described(home: Home) -> dict[str, Any]:
    """A product as the document's example shows one."""
    return {
        "id": home.number,
        "ownerName": None,
        "serialNumber": home.serial,
        "hardwareVersion": "5.4",
        "manufacturingDate": "2019-05-21",
        "installationDate": None if home.number == _NOT_INSTALLED else "2019-06-03",
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
    """Epoch milliseconds of epoch seconds; None if it is no number."""
    try:
        return round(float(text or "") * 1000)
    except (ValueError, OverflowError):
        return None


def _positive(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise _refused(400, f'"{name}" must be larger than or equal to 1')
    return int(text)


def _text_of(field: str, home: Mapping[str, Any]) -> str:
    return str(home.get(field))
