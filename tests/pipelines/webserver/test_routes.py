"""Every route and method of the installed webserver, by asking it: a new one fails until somebody has judged it."""

from collections.abc import Iterable, Iterator

import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from websockets.exceptions import InvalidStatus

from tests.fakes.guarded_ui import JSON, Answer, GuardedUI

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FOREIGN = "http://page.example"

# What was judged: these change nothing …
READING = {
    "/server_info",
    "/dagit_info",
    "/logs/{path:path}",
    "/notebook",
    "/dagit/notebook",
    "/download_debug/{run_id:str}",
    "/{path:path}",
    "/",
}
# … and these may: a document that is no query at `/graphql`, and every report.
CHANGING = {
    ("/graphql", "GET"),
    ("/graphql", "HEAD"),
    ("/graphql", "POST"),
    ("/report_asset_materialization/{asset_key:path}", "POST"),
    ("/report_asset_check/{asset_key:path}", "POST"),
    ("/report_asset_observation/{asset_key:path}", "POST"),
}
WEBSOCKETS = {"/graphql"}


def all_routes(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Path and method of each route but the files of the UI; a websocket's method is `websocket`."""
    for route in routes:
        if isinstance(route, Mount):
            assert isinstance(route.app, StaticFiles), f"{route.path} is mounted, and holds more than files"
        elif isinstance(route, WebSocketRoute):
            yield route.path, "websocket"
        else:
            assert isinstance(route, Route), f"nobody knows what {route} is"
            assert route.methods, f"{route.path} takes every method"
            if route.name != "root_static":
                yield from ((route.path, method) for method in route.methods)
            else:
                assert route.methods == {"GET", "HEAD"}


def files(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """An address below each place of the UI's files."""
    for route in routes:
        if isinstance(route, Mount):
            yield f"{route.path}/anything"
        elif isinstance(route, Route) and route.name == "root_static":
            yield route.path


def addresses(ui: GuardedUI) -> list[str]:
    """An address of every route there is."""
    named = {path for path, method in all_routes(ui.application.routes) if method != "websocket"}
    filled = {
        path.replace("{path:path}", "a/b").replace("{run_id:str}", "x").replace("{asset_key:path}", "roof")
        for path in named
    }
    return sorted(filled | set(files(ui.application.routes)))


def is_refused(answer: Answer, method: str, sentence: str) -> bool:
    # The body of an answer to HEAD is not sent.
    return answer.status == 403 and (method == "HEAD" or sentence in answer.text)


def test_every_route_and_method_that_the_installed_webserver_has_was_judged(ui: GuardedUI) -> None:
    found = set(all_routes(ui.application.routes))
    judged = {(path, method) for path in READING for method in ("GET", "HEAD")}
    judged |= CHANGING | {(path, "websocket") for path in WEBSOCKETS}
    assert found == judged
    assert len(list(files(ui.application.routes))) > 5


@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_host_is_refused_at_every_route(ui: GuardedUI, method: str) -> None:
    headers = {"Host": f"page.example:{ui.port}", "Origin": ui.origin, **JSON}
    sentence = "is none of this UI's"
    missed = [path for path in addresses(ui) if not is_refused(ui.send(method, path, headers), method, sentence)]
    assert missed == []


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("GET", "HEAD")])
@pytest.mark.parametrize("origin", [FOREIGN, "null", None])
def test_a_foreign_page_is_refused_at_every_route_that_it_does_not_just_read(
    ui: GuardedUI, method: str, origin: str | None
) -> None:
    headers = JSON if origin is None else {"Origin": origin, **JSON}
    sentence = "the Origin header"
    missed = [path for path in addresses(ui) if not is_refused(ui.send(method, path, headers), method, sentence)]
    assert missed == []


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("GET", "HEAD")])
@pytest.mark.parametrize("sent", [None, "text/plain", "text/plain; x=application/json", "Application/JSON"])
def test_what_changes_something_is_json_at_every_route(ui: GuardedUI, method: str, sent: str | None) -> None:
    headers = {"Origin": ui.origin} | ({} if sent is None else {"Content-Type": sent})
    missed = [path for path in addresses(ui) if ui.send(method, path, headers, b"{}").status != 415]
    assert missed == []


@pytest.mark.parametrize("method", METHODS)
def test_a_page_of_the_ui_reaches_every_route(ui: GuardedUI, method: str) -> None:
    headers = {"Origin": ui.origin, **JSON} if method not in ("GET", "HEAD") else {}
    refused = [path for path in addresses(ui) if ui.send(method, path, headers, b"{}").status in (403, 415)]
    assert refused == []


@pytest.mark.parametrize("path", sorted(WEBSOCKETS | {"/", "/a/b"}))
def test_every_websocket_handshake_needs_our_host_and_our_origin(ui: GuardedUI, path: str) -> None:
    for host, origin, sentence in (
        (ui.host, FOREIGN, "the Origin header"),
        (ui.host, "null", "the Origin header"),
        (ui.host, None, "the Origin header"),
        (f"page.example:{ui.port}", ui.origin, "the Host header"),
    ):
        status, text = handshake(ui, path, host, origin)
        assert (status, sentence in text) == (403, True), (host, origin, text)


def handshake(ui: GuardedUI, path: str, host: str, origin: str | None) -> tuple[int, str]:
    """The status and the text by which a handshake is refused."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Host": host}
    answer = ui.send("GET", path, headers | ({} if origin is None else {"Origin": origin}))
    return answer.status, answer.text


def test_a_page_of_the_ui_opens_its_websocket(ui: GuardedUI) -> None:
    with ui.websocket(ui.origin) as socket:
        socket.send('{"type": "connection_init"}')
        assert socket.recv(timeout=10) == '{"type":"connection_ack"}'
    with pytest.raises(InvalidStatus):
        ui.websocket(FOREIGN)
