#!/usr/bin/env bash
# One would guess: `get_data_frame(set_interval=1440)` gives one row a day, as `set_interval=60` gives one an hour.
# What happens: nemreader looks for the end of an interval by the minute of the hour only. Above 60 minutes there is still a row an
#   hour, which says that it began a day (or two hours) before its end: 24 rows that overlap, each with one hour's energy.
# Why it matters: the sum over the file is right, so a comparison with the source passes. A chart, a lookup by day, or a key by
#   `t_start` and meter takes one hour for the day, and the first "day" begins before the file does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check nemreader==0.9.2 pandas==3.0.5
"$work/venv/bin/python" - "$work" <<'PY'
import importlib.metadata
import sys
from pathlib import Path

import pandas as pd
from nemreader import NEMFile

values = ",".join(["0.5"] * 288)
days = "".join(f"300,{day},{values},A,,,20260402000000,\n" for day in (20260330, 20260331))
path = Path(sys.argv[1], "meter.csv")
path.write_text(
    "100,NEM12,202604020000,MDP1,Retailer1\n200,VABD000163,E1Q1,1,E1,N1,METSER123,kWh,5,20260501\n" + days + "900\n"
)
print(f"nemreader {importlib.metadata.version('nemreader')}; two days of 5 minutes, 0.5 kWh each: 144 kWh a day")
rows = {}
for minutes in (60, 120, 1440):
    frame = NEMFile(str(path)).get_data_frame(set_interval=minutes)
    first = frame.iloc[0]
    overlap = (frame["t_start"].shift(-1) < frame["t_end"]).any()
    rows[minutes] = (len(frame), first["value"], overlap, first["t_start"])
    print(f"  {minutes} min: {len(frame)} rows, the first {first['t_start']} to {first['t_end']} with {first['value']:g} kWh, sum {frame['value'].sum():g}")
    assert frame["value"].sum() == 288
assert rows[60] == (48, 6.0, False, pd.Timestamp("2026-03-30 00:00"))
assert rows[120] == (48, 6.0, True, pd.Timestamp("2026-03-29 23:00"))
assert rows[1440] == (48, 6.0, True, pd.Timestamp("2026-03-29 01:00"))
PY
