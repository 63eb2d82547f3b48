"""How a person steers the sandbox: from Python, or by HTTP under `/_sandbox`.

| | |
|---|---|
| `GET /_sandbox` | this table |
| `GET /_sandbox/faults` | every fault there is: what it does, its options and their defaults |
| `GET /_sandbox/requests?path=` | the requests that were asked, oldest first; `path`: only those that end with it |
| `DELETE /_sandbox/requests` | forget them |
| `POST /_sandbox/reset` | no faults, no edits, settings as started, an empty log |
| `GET /_sandbox/export_service/faults` | the faults that are on, with how often they matched and fired |
| `PUT …/faults` | `{"fault": NAME, …}` switches one on; a list of them replaces all that are on |
| `DELETE …/faults?number=` | switches all faults off, or one |
| `GET`, `PUT …/settings` | the settings; `{"semantics": "offset"}` changes some |
| `POST …/rows` | edits the rows of one product, as below |
| `GET …/truth?product=&start=&end=` | the documents that it holds now, one a line; start included, end not |
| `GET …/totals?start=&end=` | per product: documents, points, numbers, texts, nulls |
| `POST …/revoke` | every bearer token given so far becomes invalid |
| `POST …/kill` | every continueToken given so far becomes dead |

Edits are `{"product": P, "change": [{"timestamp": T, "where": {…}, "set": {…}}], "remove": [{"timestamp": T, "where":
{…}}], "add": [{…}]}`; `where` tells documents of one millisecond apart and may be left out.

Instants are ISO 8601 (without an offset: UTC) or epoch milliseconds.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.days import MS_PER_DAY, Tally, day_number, epoch_ms
from sandbox.export_service import ExportService
from sandbox.faults import FAULTS, LIMITS
from sandbox.server import RequestLog, is_loopback
from sandbox.settings import SettingError, Settings
from sandbox.store import Document

Instant = date | datetime | int | str
"""A day (its first millisecond), an instant (naive: UTC), epoch milliseconds, or ISO text."""

_AGES: Final = (day_number(date(2000, 1, 1)) * MS_PER_DAY, day_number(date(2100, 1, 1)) * MS_PER_DAY)


class ExportServiceControl:
    """The switches of the Export Service's twin."""

    def __init__(self, twin: ExportService) -> None:
        self._twin = twin

    @property
    def settings(self) -> Settings:
        """What it is set to."""
        return self._twin.settings

    def configure(self, **changes: Any) -> None:  # noqa: ANN401 - settings are of several types
        """Change settings while it runs.

        Raises:
            SettingError: A name is unknown, or a value does not fit.
        """
        self._twin.configure(changes)

    def fault(self, name: str, **options: Any) -> int:  # noqa: ANN401 - options are of several types
        """Switch a fault on; its number.

        Args:
            name: One of `sandbox.faults.FAULTS`.
            options: Its own options, and any of `sandbox.faults.LIMITS`.

        Raises:
            SettingError: A name is unknown, or a value cannot be.
        """
        return self._twin.switches.add(name, **options)

    def clear_faults(self, number: int | None = None) -> int:
        """Switch one fault off, or all of them; how many they were."""
        return self._twin.switches.remove(number)

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are on, with `n_matched` and `n_fired`."""
        return self._twin.switches.shown()

    def change(self, product: str, timestamp: int, changes: Document, where: Document | None = None) -> int:
        """Set fields of the documents at `timestamp` that agree with `where`; how many they were."""
        return self._twin.store.change(product, timestamp, changes, where)

    def remove(self, product: str, timestamp: int, where: Document | None = None) -> int:
        """Take away the documents at `timestamp` that agree with `where`; how many they were."""
        return self._twin.store.remove(product, timestamp, where)

    def add(self, product: str, documents: Iterable[Document]) -> int:
        """Put documents into a product, a new one too; how many they were."""
        return self._twin.store.add(product, documents)

    def products(self) -> list[str]:
        """The names of all products."""
        return self._twin.store.products()

    def truth(self, product: str, start: Instant, end: Instant) -> list[dict[str, Any]]:
        """The documents that the store holds now with `start <= time < end`, in order."""
        return [json.loads(row) for rows in self.truth_rows(product, start, end) for row in rows]

    def truth_rows(self, product: str, start: Instant, end: Instant) -> Iterator[Iterable[bytes]]:
        """The same as JSON texts, some thousands at a time."""
        yield from self._twin.store.truth(product, as_ms(start), as_ms(end))

    def totals(self, start: Instant, end: Instant) -> dict[str, Tally]:
        """Per product, what the documents with `start <= time < end` hold."""
        return self._twin.store.totals(as_ms(start), as_ms(end))

    def revoke_tokens(self) -> None:
        """Make every bearer token given so far invalid."""
        self._twin.revoke_tokens()

    def kill_listings(self) -> None:
        """Make every continueToken given so far dead."""
        self._twin.kill_listings()

    def reset(self) -> None:
        """Settings as started, no faults, no edits, no open listings."""
        self._twin.reset()


class Control:
    """The whole sandbox's switches.

    Attributes:
        export_service: Those of the Export Service's twin.
    """

    def __init__(self, export_service: ExportServiceControl, log: RequestLog) -> None:
        self.export_service = export_service
        self._log = log

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """The requests that were asked, oldest first; `path`: only those whose path ends with it."""
        return self._log.entries(path)

    def clear_requests(self) -> None:
        """Forget them."""
        self._log.clear()

    def reset(self) -> None:
        """No faults, no edits, settings as started, an empty log."""
        self.export_service.reset()
        self._log.clear()


def as_ms(instant: Instant) -> int:
    """Epoch milliseconds of an instant.

    Raises:
        SettingError: It is none.
    """
    try:
        if isinstance(instant, str):
            return int(instant) if instant.isdigit() else epoch_ms(datetime.fromisoformat(instant))
        if isinstance(instant, int):
            return instant
        return epoch_ms(instant) if isinstance(instant, datetime) else day_number(instant) * MS_PER_DAY
    except ValueError:
        raise SettingError(f"{instant!r} is no instant; write 2025-06-01, 2025-06-01T12:00:00Z or epoch ms.") from None


def control_routes(control: Control) -> list[Route]:
    """The HTTP routes by which a person reaches `control`."""
    twin = control.export_service
    faults, settings = _Faults(twin), _SettingsOf(twin)
    mine = "/_sandbox/export_service"
    return [
        _route("/_sandbox", "GET", _overview),
        _route("/_sandbox/faults", "GET", _known_faults),
        _route("/_sandbox/requests", "GET", lambda request: control.requests(request.query_params.get("path"))),
        _route("/_sandbox/requests", "DELETE", lambda _: control.clear_requests()),
        _route("/_sandbox/reset", "POST", lambda _: control.reset()),
        _route(f"{mine}/faults", "GET", lambda _: twin.faults()),
        _route(f"{mine}/faults", "PUT", faults.put, has_body=True),
        _route(f"{mine}/faults", "DELETE", faults.delete),
        _route(f"{mine}/settings", "GET", lambda _: twin.settings.shown()),
        _route(f"{mine}/settings", "PUT", settings.put, has_body=True),
        _route(f"{mine}/rows", "POST", lambda _, body: _edited(twin, body), has_body=True),
        _route(f"{mine}/truth", "GET", lambda request: _truth(twin, request)),
        _route(f"{mine}/totals", "GET", lambda request: _totals(twin, request)),
        _route(f"{mine}/revoke", "POST", lambda _: twin.revoke_tokens()),
        _route(f"{mine}/kill", "POST", lambda _: twin.kill_listings()),
    ]


def _route(path: str, method: str, act: Callable[..., Any], *, has_body: bool = False) -> Route:
    """A route whose action runs in a thread: it takes the request (and its JSON), and what it returns is the answer."""

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and not is_loopback(origin.partition("://")[2].rsplit(":", 1)[0]):
            return PlainTextResponse("The sandbox is steered from this machine only.\n", status_code=403)
        try:
            arguments = [request, await _json(request)] if has_body else [request]
            said = await anyio.to_thread.run_sync(act, *arguments)
        except SettingError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if isinstance(said, Response):
            return said
        return _Pretty({"done": True} if said is None else said)

    typed: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(path, typed, methods=[method])


class _Pretty(JSONResponse):
    """JSON that a person can read."""

    def render(self, content: object) -> bytes:
        """Two spaces a level, and a line break at the end."""
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


async def _json(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except ValueError:
        raise SettingError("the body must be JSON.") from None


def _overview(_: Request) -> Response:
    return PlainTextResponse(__doc__ or "")


def _known_faults(_: Request) -> dict[str, str]:
    lines = {}
    for name, kind in FAULTS.items():
        options = ", ".join(f"{option}={json.dumps(default)}" for option, default in kind.options.items())
        lines[name] = kind.summary + (f" Options: {options}." if options else "")
    return lines | {f"(every fault) {name}": summary for name, summary in LIMITS.items()}


class _Faults:
    def __init__(self, twin: ExportServiceControl) -> None:
        self._twin = twin

    def put(self, _: Request, body: object) -> list[dict[str, Any]]:
        """Switch one fault on, or replace all."""
        wanted: list[Any] = body if isinstance(body, list) else [body]
        for one in wanted:
            if not isinstance(one, dict) or not isinstance(one.get("fault"), str):
                raise SettingError('a fault is written {"fault": NAME, …}.')
        if isinstance(body, list):
            self._twin.clear_faults()
        for one in wanted:
            self._twin.fault(one["fault"], **{name: value for name, value in one.items() if name != "fault"})
        return self._twin.faults()

    def delete(self, request: Request) -> dict[str, int]:
        """Switch one fault off, or all."""
        number = request.query_params.get("number")
        if number is not None and not number.isdigit():
            raise SettingError(f"{number!r} is no fault's number.")
        return {"removed": self._twin.clear_faults(None if number is None else int(number))}


class _SettingsOf:
    def __init__(self, twin: ExportServiceControl) -> None:
        self._twin = twin

    def put(self, _: Request, body: object) -> dict[str, Any]:
        """Change some settings."""
        if not isinstance(body, dict):
            raise SettingError('settings are written {"semantics": "offset", …}.')
        self._twin.configure(**body)
        return self._twin.settings.shown()


def _edited(twin: ExportServiceControl, body: object) -> dict[str, int]:
    """Rows of one product changed, removed and added."""
    if not isinstance(body, Mapping) or not isinstance(body.get("product"), str):
        raise SettingError('edits are written {"product": P, "change": […], "remove": […], "add": […]}.')
    product = body["product"]
    try:
        changed = sum(
            twin.change(product, edit["timestamp"], edit["set"], edit.get("where")) for edit in body.get("change", [])
        )
        removed = sum(twin.remove(product, edit["timestamp"], edit.get("where")) for edit in body.get("remove", []))
    except (KeyError, TypeError):
        raise SettingError('an edit needs an integer "timestamp", and a change an object "set".') from None
    return {"changed": changed, "removed": removed, "added": twin.add(product, body.get("add", []))}


def _truth(twin: ExportServiceControl, request: Request) -> Response:
    product = request.query_params.get("product")
    if not product:
        raise SettingError("say which product: ?product=…&start=…&end=….")
    chunks = twin.truth_rows(product, *_window(request))
    lines = (b"".join(row + b"\n" for row in rows) for rows in chunks)
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _totals(twin: ExportServiceControl, request: Request) -> dict[str, dict[str, int]]:
    totals = twin.totals(*_window(request))
    return {product: asdict(tally) | {"points": tally.numbers + tally.texts} for product, tally in totals.items()}


def _window(request: Request) -> tuple[int, int]:
    start, end = (request.query_params.get(name) for name in ("start", "end"))
    return (as_ms(start) if start else _AGES[0]), (as_ms(end) if end else _AGES[1])
