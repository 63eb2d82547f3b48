#!/usr/bin/env bash
# One would guess: `to_logical` packs interval readings, and `from_logical` gives the same readings back.
# What happens: meterdatalogic packs each day from its first reading, for 24 hours, and unpacks it from midnight. A day that begins at
#   10:00 comes back ten hours early. A day of 25 hours loses its last; one of 23 hours gets the next day's first, with 0 kWh.
# Why it matters: the first day after a meter was changed, or after an outage, begins when it begins. Its energy moves to the night,
#   into another tariff; the day's sum is right, and so is the number of days.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check meterdatalogic==0.4.0 pandas==3.0.5 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

import pandas as pd
from meterdatalogic.io import formats, ingest

print(f"meterdatalogic {importlib.metadata.version('meterdatalogic')}: half-hours of 1 kWh in Sydney, before and after packing")
seen = []
for since in ("2026-07-01", "2026-07-01 10:00", "2026-04-05", "2026-10-04"):
    until = pd.Timestamp(since).normalize() + pd.Timedelta(days=1)
    index = pd.date_range(since, until, freq="30min", inclusive="left", tz="Australia/Sydney")
    given = ingest.from_dataframe(
        pd.DataFrame({"t_start": index, "nmi": "1", "channel": "E1", "kwh": 1.0}), tz="Australia/Sydney"
    )
    back = formats.from_logical(formats.to_logical(given))
    drawn = back[back["kwh"] > 0]
    first, last, end = f"{drawn.index[0]:%H:%M}", f"{drawn.index[-1]:%H:%M}", f"{back.index[-1]:%d %H:%M}"
    seen.append((given["kwh"].sum(), back["kwh"].sum(), first, last, end))
    print(f"  from {since}: {seen[-1][0]:g} kWh; after, {seen[-1][1]:g} kWh from {first} to {last}, rows to {end}")
assert seen == [
    (48, 48, "00:00", "23:30", "01 23:30"),
    (28, 28, "00:00", "13:30", "01 23:30"),
    (50, 48, "00:00", "22:30", "05 22:30"),
    (46, 46, "00:00", "23:30", "05 00:30"),
]
PY
