#!/usr/bin/env bash
# One would guess: what a charging station sends under customData reaches the handler under the station's own names, since OCPP
#   leaves them to the vendor; and handing it on gives them back.
# What happens: the ocpp package rewrites every key at every depth to snake case, by a rule without a way back: L1N becomes l1n,
#   meterSN comes back as meterSn, Temp_C as tempC. Where a vendor has a tempC of its own, it is now the other value's name.
# Why it matters: the names of a vendor's extra measurements are the names of series. What is loaded through such a hub carries
#   names that no document of the vendor has, and of two temperatures each is stored under a wrong one, without an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check ocpp==2.1.0
"$work/venv/bin/python" - <<'PY'
import asyncio
import importlib.metadata
import json

from ocpp.charge_point import snake_to_camel_case
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result

SENT = {"vendorId": "com.example", "L1N": 230.4, "meterSN": "A17", "Temp_C": 41.5, "tempC": 60.0}
received = {}


class Station:
    """The websocket of a charging station that says one thing."""

    async def recv(self) -> str:
        return ""

    async def send(self, answer: str) -> None:
        assert json.loads(answer)[0] == 3, answer


class Central(ChargePoint):
    @on("Heartbeat")
    def on_heartbeat(self, custom_data=None):
        received.update(custom_data)
        return call_result.Heartbeat(current_time="2026-11-29T12:00:00Z")


asyncio.run(Central("station", Station()).route_message(json.dumps([2, "1", "Heartbeat", {"customData": SENT}])))
returned = snake_to_camel_case(received)
print(f"ocpp {importlib.metadata.version('ocpp')}")
print(f"  sent:         {SENT}")
print(f"  received:     {received}")
print(f"  handed on:    {returned}")
assert received == {"vendor_id": "com.example", "l1n": 230.4, "meter_sn": "A17", "temp_c": 41.5, "tempc": 60.0}
assert returned == {"vendorId": "com.example", "l1n": 230.4, "meterSn": "A17", "tempC": 41.5, "tempc": 60.0}
PY
