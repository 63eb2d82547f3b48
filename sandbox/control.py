"""The switches of the sandbox, from Python or by HTTP under `/_sandbox`.

| | |
|---|---|
| `GET /_sandbox` | this table |
| `GET /_sandbox/twins` | every twin: the path its addresses begin with, its credentials by name, its faults |
| `GET /_sandbox/faults` | every fault there is: what it does, its options and their defaults |
| `GET /_sandbox/requests?path=` | the requests so far, oldest first; `path`: only those that end with it |
| `DELETE /_sandbox/requests` | forget them |
| `POST /_sandbox/reset` | no faults, no edits, settings as started, an empty log |

For every twin, below `/_sandbox/<slug>`:

| | |
|---|---|
| `GET …/faults` | the faults that are on, with how often they matched and fired |
| `PUT …/faults` | `{"fault": NAME, …}` switches one on; a list of them replaces all that are on |
| `DELETE …/faults?number=` | switches all faults off, or one |
| `GET`, `PUT …/settings` | the settings; `{"token_seconds": 3}` changes some |
| `GET …/truth?start=&end=` | its true points now, one a line: `{"labels": {…}, "at": EPOCH_MS, "value": V}` |
| `POST …/revoke` | every token so far becomes invalid |
| `POST …/reset` | as above, for this twin alone |

Instants are ISO 8601 (without an offset: UTC) or epoch milliseconds; `start` is included, `end` is not.
"""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.export_service.twin import ExportService
from sandbox.faults import LIMITS
from sandbox.instants import window_of
from sandbox.server import RequestLog, is_loopback
from sandbox.settings import SettingError
from sandbox.twin import Query, Switch, Twin


class Control:
    """The switches of the whole sandbox.

    Attributes:
        twins: Slug → twin.
    """

    def __init__(self, twins: Sequence[Twin[Any]], log: RequestLog) -> None:
        self.twins: Mapping[str, Twin[Any]] = {twin.slug: twin for twin in twins}
        self._log = log

    @property
    def export_service(self) -> ExportService:
        """The twin of the Export Service."""
        twin = self.twins[ExportService.slug]
        assert isinstance(twin, ExportService)  # noqa: S101 - narrows the type
        return twin

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """The requests so far, oldest first; `path`: only those whose path ends with it."""
        return self._log.entries(path)

    def clear_requests(self) -> None:
        """Forget them."""
        self._log.clear()

    def reset(self) -> None:
        """No faults, no edits, settings as started, an empty log."""
        for twin in self.twins.values():
            twin.reset()
        self._log.clear()

    def shown(self) -> dict[str, dict[str, Any]]:
        """Every twin: its path, its credentials by name, and its faults."""
        return {
            slug: {"path": twin.path, "credentials": list(twin.settings.credentials), "faults": _fault_texts(twin)}
            for slug, twin in self.twins.items()
        }

    def known_faults(self) -> dict[str, str]:
        """Every fault of any twin, and the options that all of them have."""
        table: dict[str, str] = {}
        for twin in self.twins.values():
            table |= _fault_texts(twin)
        return table | {f"(every fault) {name}": summary for name, summary in LIMITS.items()}


def control_routes(control: Control) -> list[Route]:
    """The HTTP routes of the control API."""
    whole = [
        Switch("GET", "", lambda *_: PlainTextResponse(_overview(control))),
        Switch("GET", "/twins", lambda *_: control.shown()),
        Switch("GET", "/faults", lambda *_: control.known_faults()),
        Switch("GET", "/requests", lambda query, _: control.requests(query.get("path"))),
        Switch("DELETE", "/requests", lambda *_: control.clear_requests()),
        Switch("POST", "/reset", lambda *_: control.reset()),
    ]
    routes = [_route(f"/_sandbox{switch.name}", switch) for switch in whole]
    for slug, twin in control.twins.items():
        routes += [_route(f"/_sandbox/{slug}/{switch.name}", switch) for switch in (*_shared(twin), *twin.own_switches)]
    return routes


def _shared(twin: Twin[Any]) -> Sequence[Switch]:
    """The switches that every twin has."""
    return (
        Switch("GET", "faults", lambda *_: twin.faults()),
        Switch("PUT", "faults", lambda _, body: _switch_on(twin, body)),
        Switch("DELETE", "faults", lambda query, _: _switch_off(twin, query)),
        Switch("GET", "settings", lambda *_: twin.settings.shown()),
        Switch("PUT", "settings", lambda _, body: _configure(twin, body)),
        Switch("GET", "truth", lambda query, _: twin.truth_lines(*window_of(query), query)),
        Switch("POST", "revoke", lambda *_: twin.revoke_tokens()),
        Switch("POST", "reset", lambda *_: twin.reset()),
    )


def _switch_on(twin: Twin[Any], body: object) -> list[dict[str, Any]]:
    faults: list[Any] = body if isinstance(body, list) else [body]
    for fault in faults:
        if not isinstance(fault, dict) or not isinstance(fault.get("fault"), str):
            raise SettingError('a fault is written {"fault": NAME, …}.')
    if isinstance(body, list):
        twin.clear_faults()
    for fault in faults:
        twin.fault(fault["fault"], **{name: value for name, value in fault.items() if name != "fault"})
    return twin.faults()


def _switch_off(twin: Twin[Any], query: Query) -> dict[str, int]:
    number = query.get("number")
    if number is not None and not number.isdigit():
        raise SettingError(f"{number!r} is no fault's number.")
    return {"removed": twin.clear_faults(None if number is None else int(number))}


def _configure(twin: Twin[Any], body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise SettingError('settings are written {"token_seconds": 3, …}.')
    twin.configure(**body)
    shown: dict[str, Any] = twin.settings.shown()
    return shown


def _fault_texts(twin: Twin[Any]) -> dict[str, str]:
    lines = {}
    for name, kind in twin.switches.kinds.items():
        options = ", ".join(f"{option}={json.dumps(default)}" for option, default in kind.options.items())
        lines[name] = kind.summary + (f" Options: {options}." if options else "")
    return lines


def _overview(control: Control) -> str:
    own = [
        f"## {slug}\n\n{inspect.getdoc(inspect.getmodule(type(twin)))}\n\nIts own routes: "
        + (", ".join(f"`{switch.method} …/{switch.name}`" for switch in twin.own_switches) or "none")
        for slug, twin in control.twins.items()
    ]
    return "\n\n".join([(__doc__ or "").rstrip(), *own]) + "\n"


def _route(path: str, switch: Switch) -> Route:
    """A route whose action runs in a thread and returns the response."""

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and not is_loopback(origin.partition("://")[2].rsplit(":", 1)[0]):
            return PlainTextResponse("The sandbox takes switches from this machine only.\n", status_code=403)
        try:
            body = await _json(request) if switch.method in ("PUT", "POST") else None
            result = await anyio.to_thread.run_sync(switch.act, dict(request.query_params), body)
        except SettingError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if isinstance(result, Response):
            return result
        if isinstance(result, Iterator):
            return StreamingResponse(result, media_type="application/x-ndjson")
        return _IndentedJSONResponse({"done": True} if result is None else result)

    return Route(path, endpoint, methods=[switch.method])


class _IndentedJSONResponse(JSONResponse):
    """JSON that a person can read."""

    def render(self, content: object) -> bytes:
        """Two spaces for each level, and a line break at the end."""
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


async def _json(request: Request) -> object:
    body = await request.body()
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise SettingError("the body must be JSON.") from None
