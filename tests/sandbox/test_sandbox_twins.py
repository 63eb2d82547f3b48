"""Any twin: what it gets for being one, over real HTTP and real websockets."""

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
import pytest
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sandbox.answers import Request, Response, as_json
from sandbox.faults import Facts, Fired
from sandbox.running import Sandbox, served
from sandbox.settings import SettingError, TwinSettings
from sandbox.twin import Point, Query, Socket, Switch, Twin

MINE = "/_sandbox/thermometer"
LABELS = {"room": "kitchen"}


@dataclass(frozen=True, slots=True)
class ThermometerSettings(TwinSettings):
    credentials: ClassVar[tuple[str, ...]] = ("username", "password")

    username: str = "tests"
    password: str = field(default="canary-of-the-thermometer", repr=False)
    degrees: float = 20.5


class Thermometer(Twin[ThermometerSettings]):
    """The smallest twin that can be."""

    slug: ClassVar = "thermometer"
    path: ClassVar = "/thermometer"
    paths: ClassVar = ("/thermometer/now/{room}", "/thermometer/rooms")
    settings_type: ClassVar = ThermometerSettings
    endpoints: ClassVar = ("now", "rooms")

    @property
    def sockets(self) -> Mapping[str, Socket]:
        return {"/thermometer/live": self._live}

    @property
    def own_switches(self) -> Sequence[Switch]:
        return (Switch("POST", "heat", lambda query, body: self.configure(degrees=body[query["name"]])),)

    def facts(self, request: Request) -> Facts:
        return Facts(request.path.split("/")[2], request.path.split("/")[-1])

    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        del request, fired
        return as_json(200, ["kitchen"] if facts.endpoint == "rooms" else self.settings.degrees)

    def truth(self, start: int, end: int, query: Query) -> Iterable[Point]:
        del query
        return (Point(LABELS, at, self.settings.degrees) for at in range(start, end, 1000))

    async def _live(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json(self.settings.degrees)
        await socket.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with served([Thermometer(ThermometerSettings())]) as sandbox:
        yield sandbox


@pytest.fixture
def http(running: Sandbox) -> Iterator[httpx.Client]:
    running.control.reset()
    with httpx.Client(base_url=running.url, trust_env=False, timeout=10) as client:
        yield client


def test_a_twin_answers_under_its_own_path_and_its_faults_befall_its_first_endpoint(http: httpx.Client) -> None:
    http.put(f"{MINE}/faults", json={"fault": "status", "code": 503, "product": "kitchen"})
    assert http.get("/thermometer/now/kitchen").status_code == 503
    assert http.get("/thermometer/now/cellar").json() == 20.5
    assert http.get("/thermometer/rooms").json() == ["kitchen"]
    refused = http.put(f"{MINE}/faults", json={"fault": "status", "endpoint": "query"})
    assert refused.json()["error"] == "endpoint of status cannot be 'query'; it is one of now, rooms, any."
    http.post(f"{MINE}/reset")
    assert http.get("/thermometer/now/kitchen").json() == 20.5


def test_the_settings_of_a_twin_are_changed_and_its_secret_is_never_shown(http: httpx.Client) -> None:
    shown = http.put(f"{MINE}/settings", json={"degrees": 3})
    assert shown.json() == {"username": "tests", "degrees": 3}
    assert http.get("/thermometer/now/kitchen").json() == 3
    assert http.put(f"{MINE}/settings", json={"degrees": "warm"}).status_code == 400
    assert http.get("/_sandbox/twins").json()["thermometer"]["credentials"] == ["username", "password"]


def test_the_truth_is_every_point_of_a_half_open_window(http: httpx.Client) -> None:
    text = http.get(f"{MINE}/truth", params={"start": "2026-06-01", "end": "2026-06-01T03:00:00"}).text
    points = [json.loads(line) for line in text.splitlines()]
    assert len(points) == 3 * 3600
    assert points[0] == {"labels": LABELS, "at": 1_780_272_000_000, "value": 20.5}
    assert points[-1]["at"] == points[0]["at"] + (3 * 3600 - 1) * 1000


def test_a_switch_of_its_own_takes_query_and_body(http: httpx.Client) -> None:
    assert http.post(f"{MINE}/heat", params={"name": "to"}, json={"to": 40.0}).json() == {"done": True}
    assert http.get("/thermometer/now/kitchen").json() == 40


def test_a_twin_without_tokens_says_so_when_they_are_revoked(http: httpx.Client) -> None:
    assert http.post(f"{MINE}/revoke").json() == {"error": "thermometer gives no tokens."}


def test_a_websocket_is_served_and_logged(running: Sandbox, http: httpx.Client) -> None:
    async def hear() -> str | bytes:
        async with connect(f"{running.url.replace('http', 'ws')}/thermometer/live", proxy=None) as socket:
            return await socket.recv()

    assert asyncio.run(hear()) == "20.5"
    entries: list[Any] = []
    for _ in range(100):
        entries = http.get("/_sandbox/requests", params={"path": "/live"}).json()
        if entries:
            break
        threading.Event().wait(0.02)
    assert [(entry["method"], entry["status"]) for entry in entries] == [("WEBSOCKET", 101)]


def test_a_websocket_is_refused_where_the_host_is_no_loopback_name(running: Sandbox) -> None:
    async def knock() -> None:
        port = int(running.url.rsplit(":", 1)[1])
        async with connect("ws://evil.example/thermometer/live", host="127.0.0.1", port=port, proxy=None):
            pass

    with pytest.raises(InvalidStatus, match="403"):
        asyncio.run(knock())


def test_a_setting_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="the settings are username, password, degrees"):
        ThermometerSettings().changed({"kelvin": 1})
