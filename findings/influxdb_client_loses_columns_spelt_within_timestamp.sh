#!/usr/bin/env bash
# One would guess: with `data_frame_timestamp_column="timestamp"` the column of that name is the time of each point, and every other
#   column a field.
# What happens: influxdb-client looks whether a column's name stands somewhere in the text "timestamp", and leaves out each that does: p, s,
#   i, t and e, as power, apparent power, current, temperature and energy are named, also time and stamp; u and q are written. With
#   the column "time" it is e, i, m and t; with the times in the index nothing is lost. influxdb3-python does the same.
# Why it matters: the write succeeds, the points have their right times, and some quantities of a device are not there, on every load from
#   the first. Another name of the time's column loses others.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check influxdb-client==1.50.0 influxdb3-python==0.21.0 pandas==3.1.1 \
  numpy==2.4.6 pyarrow==26.0.1
"$work/venv/bin/python" -W ignore - <<'PY'
import gzip
import importlib.metadata
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import influxdb_client
import influxdb_client_3
import pandas as pd
from influxdb_client.client.write_api import SYNCHRONOUS

QUANTITIES = ["e", "i", "m", "p", "q", "s", "t", "u"]


class Server(BaseHTTPRequestHandler):
    """Takes what is written."""

    lines: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.lines.extend((gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode().splitlines())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def by_2(address: str, frame: pd.DataFrame, **options: str) -> None:
    with influxdb_client.InfluxDBClient(address, token="any", org="any") as client:
        client.write_api(write_options=SYNCHRONOUS).write("meters", record=frame, data_frame_measurement_name="inverter", **options)


def by_3(address: str, frame: pd.DataFrame, **options: str) -> None:
    how = influxdb_client_3.write_client_options(write_options=influxdb_client_3.SYNCHRONOUS)
    with influxdb_client_3.InfluxDBClient3(host=address, token="any", database="meters", write_client_options=how) as client:
        client.write(frame, data_frame_measurement_name="inverter", **options)


def lost(write: object, column: str | None) -> str:
    """The quantities that are not written where the times are in this column, or in the index."""
    times = pd.to_datetime(["2026-11-29T10:00Z"])
    frame = pd.DataFrame({name: [float(number)] for number, name in enumerate(QUANTITIES)}, index=times)
    if column is not None:
        frame = frame.rename_axis(column).reset_index()
    Server.lines.clear()
    write(address, frame, **({} if column is None else {"data_frame_timestamp_column": column}))
    (line,) = Server.lines
    assert line.endswith(" 1795946400000000000"), line
    written = {field.partition("=")[0] for field in line.split()[1].split(",")}
    return " ".join(name for name in QUANTITIES if name not in written)


server = HTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
for package, write in (("influxdb-client", by_2), ("influxdb3-python", by_3)):
    print(f"{package} {importlib.metadata.version(package)}, of the quantities {' '.join(QUANTITIES)}")
    for column, expected in ((None, ""), ("timestamp", "e i m p s t"), ("time", "e i m t"), ("ts", "s t")):
        found = lost(write, column)
        print(f"  times in {'the index' if column is None else column}: lost are {found or 'none'}")
        assert found == expected
PY
