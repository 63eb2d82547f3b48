#!/usr/bin/env bash
# One would guess: a document of ENTSO-E's transparency platform with twelve monthly points, the first at 2025-12-31T23:00Z, where
#   January begins in Central Europe, becomes twelve values from there.
# What happens: entsoe-py adds pandas' MonthBegin to the start n - 1 times. None of them and one of them both give 1 January 23:00:
#   January's value is overwritten by February's, each later one stands a month late. From midnight UTC all twelve are there.
# Why it matters: P1M is among the resolutions that the library reads, for capacities by month and year. A yearly load is one
#   value short and shifted by a month, without an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check entsoe-py==0.8.1 pandas==3.0.5
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

import pandas as pd
from entsoe.parsers import parse_crossborder_flows


def months(start: str, end: str) -> pd.Series:
    points = "".join(f"<Point><position>{n}</position><quantity>{n}</quantity></Point>" for n in range(1, 13))
    return parse_crossborder_flows(
        "<Publication_MarketDocument><TimeSeries><mRID>1</mRID><businessType>A27</businessType><curveType>A01</curveType>"
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval><resolution>P1M</resolution>{points}"
        "</Period></TimeSeries></Publication_MarketDocument>"
    )


print(f"entsoe-py {importlib.metadata.version('entsoe-py')}, pandas {pd.__version__}")
utc = months("2026-01-01T00:00Z", "2027-01-01T00:00Z")
central = months("2025-12-31T23:00Z", "2026-12-31T23:00Z")
print(f"  from midnight UTC:     {len(utc)} values, the first {utc.iloc[0]:g} at {utc.index[0]}")
print(f"  from midnight in CET:  {len(central)} values, the first {central.iloc[0]:g} at {central.index[0]}")
assert (len(utc), utc.iloc[0], utc.index[0]) == (12, 1.0, pd.Timestamp("2026-01-01T00:00Z"))
assert (len(central), central.iloc[0], central.index[0]) == (11, 2.0, pd.Timestamp("2026-01-01T23:00Z"))
PY
