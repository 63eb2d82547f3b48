"""How a person steers the sandbox: from Python, or by HTTP under `/_sandbox`.

| | |
|---|---|
| `GET /_sandbox` | this table |
| `GET /_sandbox/twins` | every twin: the path its addresses begin with, its credentials by name, its faults |
| `GET /_sandbox/faults` | every fault there is: what it does, its options and their defaults |
| `GET /_sandbox/requests?path=` | the requests that were asked, oldest first; `path`: only those that end with it |
| `DELETE /_sandbox/requests` | forget them |
| `POST /_sandbox/reset` | no faults, no edits, settings as started, an empty log |

Of every twin, below `/_sandbox/<slug>`:

| | |
|---|---|
| `GET …/faults` | the faults that are on, with how often they matched and fired |
| `PUT …/faults` | `{"fault": NAME, …}` switches one on; a list of them replaces all that are on |
| `DELETE …/faults?number=` | switches all faults off, or one |
| `GET`, `PUT …/settings` | the settings; `{"token_seconds": 3}` changes some |
| `GET …/truth?start=&end=` | what it means now, a point a line: `{"labels": {…}, "at": EPOCH_MS, "value": V}` |
| `POST …/revoke` | every token given so far becomes invalid |
| `POST …/reset` | as above, of this twin alone |

Instants are ISO 8601 (without an offset: UTC) or epoch milliseconds; `start` is included, `end` is not.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
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
    """The whole sandbox's switches.

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
        """The requests that were asked, oldest first; `path`: only those whose path ends with it."""
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
        """Every twin: where it is, how one gets in, and what can go wrong with it."""
        return {
            slug: {"path": twin.path, "credentials": list(twin.settings.credentials), "faults": _sentences(twin)}
            for slug, twin in self.twins.items()
        }

    def known_faults(self) -> dict[str, str]:
        """Every fault of any twin, and the options that all of them have."""
        table: dict[str, str] = {}
        for twin in self.twins.values():
            table |= _sentences(twin)
        return table | {f"(every fault) {name}": summary for name, summary in LIMITS.items()}


def control_routes(control: Control) -> list[Route]:
    """The HTTP routes by which a person reaches `control`."""
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
        Switch("PUT", "faults", lambda _, body: _switched_on(twin, body)),
        Switch("DELETE", "faults", lambda query, _: _switched_off(twin, query)),
        Switch("GET", "settings", lambda *_: twin.settings.shown()),
        Switch("PUT", "settings", lambda _, body: _configured(twin, body)),
        Switch("GET", "truth", lambda query, _: twin.truth_lines(*window_of(query), query)),
        Switch("POST", "revoke", lambda *_: twin.revoke_tokens()),
        Switch("POST", "reset", lambda *_: twin.reset()),
    )


def _switched_on(twin: Twin[Any], body: object) -> list[dict[str, Any]]:
    wanted: list[Any] = body if isinstance(body, list) else [body]
    for one in wanted:
        if not isinstance(one, dict) or not isinstance(one.get("fault"), str):
            raise SettingError('a fault is written {"fault": NAME, …}.')
    if isinstance(body, list):
        twin.clear_faults()
    for one in wanted:
        twin.fault(one["fault"], **{name: value for name, value in one.items() if name != "fault"})
    return twin.faults()


def _switched_off(twin: Twin[Any], query: Query) -> dict[str, int]:
    number = query.get("number")
    if number is not None and not number.isdigit():
        raise SettingError(f"{number!r} is no fault's number.")
    return {"removed": twin.clear_faults(None if number is None else int(number))}


def _configured(twin: Twin[Any], body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise SettingError('settings are written {"token_seconds": 3, …}.')
    twin.configure(**body)
    shown: dict[str, Any] = twin.settings.shown()
    return shown


def _sentences(twin: Twin[Any]) -> dict[str, str]:
    lines = {}
    for name, kind in twin.switches.kinds.items():
        options = ", ".join(f"{option}={json.dumps(default)}" for option, default in kind.options.items())
        lines[name] = kind.summary + (f" Options: {options}." if options else "")
    return lines


def _overview(control: Control) -> str:
    own = [
        f"## {slug}\n\n{inspect.getdoc(inspect.getmodule(type(twin)))}\n\nOf its own: "
        + (", ".join(f"`{switch.method} …/{switch.name}`" for switch in twin.own_switches) or "nothing")
        for slug, twin in control.twins.items()
    ]
    return "\n\n".join([(__doc__ or "").rstrip(), *own]) + "\n"


def _route(path: str, switch: Switch) -> Route:
    """A route whose action runs in a thread; what it returns is the answer."""

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and not is_loopback(origin.partition("://")[2].rsplit(":", 1)[0]):
            return PlainTextResponse("The sandbox is steered from this machine only.\n", status_code=403)
        try:
            body = await _json(request) if switch.method in ("PUT", "POST") else None
            said = await anyio.to_thread.run_sync(switch.act, dict(request.query_params), body)
        except SettingError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if isinstance(said, Response):
            return said
        if isinstance(said, Iterator):
            return StreamingResponse(said, media_type="application/x-ndjson")
        return _Pretty({"done": True} if said is None else said)

    typed: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(path, typed, methods=[switch.method])


class _Pretty(JSONResponse):
    """JSON that a person can read."""

    def render(self, content: object) -> bytes:
        """Two spaces a level, and a line break at the end."""
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


async def _json(request: Request) -> object:
    body = await request.body()
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise SettingError("the body must be JSON.") from None
