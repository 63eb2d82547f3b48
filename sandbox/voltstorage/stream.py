"""The live stream: every row of a product as soon as it is there, over a websocket that takes no message."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Final, Protocol

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.answers import RefusedError
from sandbox.edits import Cells, Row
from sandbox.faults import Facts, FaultSwitches
from sandbox.instants import now_ms
from sandbox.voltstorage.settings import Settings
from sandbox.voltstorage.store import CHARGE, ELECTRONICS, GRID, HOUSEHOLD, PV, STATUS, Home

LIVE_NAMES: Final[Mapping[str, str]] = {
    # The first is documented. The others are our choice.
    PV: "pvPower",
    GRID: "gridPower",
    HOUSEHOLD: "householdPower",
    ELECTRONICS: "powerElectronicsPower",
    CHARGE: "stateOfCharge",
    STATUS: "status",
}
"""Column of an export → its name in the stream."""

_STEP_SECONDS: Final = 0.02
_GONE: Final = 1012  # "service restart"


class RowSource(Protocol):
    """What the streams need from the twin."""

    @property
    def settings(self) -> Settings:
        """Its present settings."""

    @property
    def switches(self) -> FaultSwitches:
        """Its faults."""

    def require_token(self, header: str, parameter: str) -> None:
        """Raise a `RefusedError` without a valid token."""

    def home(self, product: str) -> Home:
        """The product with that number."""

    def rows(self, home: Home, start: int, end: int) -> list[Row]:
        """The rows with `start <= time < end`."""


class Streams:
    """All live streams of the twin.

    Args:
        twin: The source of the rows.
    """

    def __init__(self, twin: RowSource) -> None:
        self._twin = twin
        self._open: dict[asyncio.Task[None], asyncio.AbstractEventLoop] = {}

    @property
    def n_open(self) -> int:
        """How many are open."""
        return len(self._open)

    def disconnect(self) -> int:
        """End them all; how many they were."""
        ending = list(self._open.items())
        for task, loop in ending:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)
        return len(ending)

    async def serve(self, socket: WebSocket) -> None:
        """Talk over one websocket until either side ends it."""
        fired = self._twin.switches.fire(Facts("stream", socket.query_params.get("productId")))
        if "redirect" in fired:
            to = {"location": fired.option("redirect", "to")}
            await socket.send_denial_response(PlainTextResponse("Moved.\n", 302, to))
            return
        try:
            self._twin.require_token(socket.headers.get("authorization", ""), socket.query_params.get("token", ""))
            home = self._twin.home(socket.query_params.get("productId", ""))
        except RefusedError as refused:
            body, status = refused.response.body, refused.response.status
            await socket.send_denial_response(PlainTextResponse(body, status, media_type="application/json"))
            return
        await socket.accept()
        sending = asyncio.create_task(_nothing() if "stream_silent" in fired else self._send(socket, home))
        listening = asyncio.create_task(_until_gone(socket))
        self._open[sending] = asyncio.get_running_loop()
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._open[sending]
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it has ended already
                await socket.close(_GONE)

    async def _send(self, socket: WebSocket, home: Home) -> None:
        sent_until = now_ms()
        delayed: str | None = None
        while True:
            until = now_ms()
            for at, cells in self._twin.rows(home, sent_until + 1, until + 1):
                if not cells:
                    continue
                fired = self._twin.switches.fire(Facts("stream", str(home.number), at, at + 1))
                text = self._message(at, cells)
                if "message" in fired:
                    text = fired.option("message", "body")
                if "message_huge" in fired:
                    text = " " * (int(fired.option("message_huge", "mib")) << 20)
                if "stream_silent" in fired:
                    await _nothing()
                if "message_lost" in fired:
                    continue
                if "message_late" in fired and delayed is None:
                    delayed = text
                    continue
                for one in (text, *([text] if "message_twice" in fired else []), *([delayed] if delayed else [])):
                    await socket.send_text(one)
                delayed = None
            sent_until = max(sent_until, until)
            await asyncio.sleep(_STEP_SECONDS)

    def _message(self, at: int, cells: Cells) -> str:
        time: float = at // 1000 if self._twin.settings.live_time == "seconds" else at / 1000
        values = {LIVE_NAMES.get(name, name): value for name, value in cells.items()}
        return json.dumps({"type": "latest-data", "time": time, "data": values})


async def _nothing() -> None:
    """Say nothing until the other side ends the stream; pings are answered below."""
    await asyncio.Event().wait()


async def _until_gone(socket: WebSocket) -> None:
    """Wait until the other side ends the stream; messages from it are dropped."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
