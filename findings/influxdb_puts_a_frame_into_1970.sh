#!/usr/bin/env bash
# One would guess: a frame that is written to InfluxDB has there the times of its index, whatever pandas keeps them in.
# What happens: the DataFrameClient of influxdb takes the index's numbers for nanoseconds. Since pandas 3 they are microseconds, unless a
#   time had nanoseconds, and so the points of 2026 are written to 21 January 1970, in every time_precision. `write_points` is True.
#   With protocol="json" they are right.
# Why it matters: neither package pins the other, so a rebuilt image is enough. A server that keeps data for ever, as InfluxDB does by
#   default, takes them: a year lies in nine hours of 1970, and the newest point that any query finds is the last one from before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check influxdb==5.3.2 pandas==3.1.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import influxdb
import pandas as pd

UNITS = {"n": "ns", "u": "us", "ms": "ms", "s": "s"}  # InfluxDB's name of a precision, and pandas' name of the unit


class Server(BaseHTTPRequestHandler):
    """Takes what is written as InfluxDB 1 does: a time is in the question's precision, or nanoseconds."""

    written: list[str] = []

    def do_POST(self) -> None:
        unit = UNITS[parse_qs(urlsplit(self.path).query).get("precision", ["n"])[0]]
        for line in self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines():
            self.written.append(f"{pd.Timestamp(int(line.split()[-1]), unit=unit):%Y-%m-%d %H:%M:%S}")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


server = HTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
client = influxdb.DataFrameClient(host="127.0.0.1", port=server.server_port, database="meters")
print(f"influxdb {influxdb.__version__}, pandas {pd.__version__}")


def written(unit: str | None, precision: str | None, protocol: str = "line") -> list[str]:
    """The times at which the two points of a frame are written."""
    times = pd.to_datetime(["2026-11-29T10:00Z", "2026-11-29T10:15Z"])
    frame = pd.DataFrame({"power": [1.5, 2.5]}, index=times if unit is None else times.as_unit(unit))
    Server.written.clear()
    assert client.write_points(frame, "meter", time_precision=precision, protocol=protocol) is True
    print(f"  index in {frame.index.unit}, time_precision {precision}, protocol {protocol}: {Server.written}")
    return list(Server.written)


for precision in (None, "n", "u", "ms", "s"):
    moved = ["1970-01-21 18:52:26", "1970-01-21 18:52:27"]
    assert written(None, precision) == moved, "the index's unit is known"
right = ["2026-11-29 10:00:00", "2026-11-29 10:15:00"]
assert written("ns", None) == right
assert written(None, None, "json") == right
PY
