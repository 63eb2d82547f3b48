#!/usr/bin/env bash
# One would guess: a converter of MSCONS to CSV writes a row for each quantity, with its value and its period.
# What happens: from the first period on msconsconverter writes a row at each segment of the message. Most values are there three times:
#   once with the period before, once with a period that has no length, once right; the last also at each segment that follows. A
#   substitute value (QTY+67) and any other that is not QTY+220 is 0.0, with a warning about a strange code.
# Why it matters: MSCONS is how German grid operators send load profiles, with a substitute wherever a meter was silent. A load by period
#   keeps whichever row comes last; a sum is three times too high. The exit code is 0, and each row by itself looks right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check msconsconverter==2.0.0
cd "$work"
mkdir out
venv/bin/python - <<'PY'
import csv
import importlib.metadata
import subprocess
import sys
from collections import Counter
from pathlib import Path

READINGS = [("220", "1.25"), ("220", "3"), ("67", "2.5")]  # 220 is a measured value, 67 a substitute


def clock(quarter: int) -> str:
    return f"2026112823{quarter * 15:02d}?+00"


message = [
    "UNA:+.? ",
    "UNB+UNOC:3+9900000000001:500+9900000000002:500+261129:0600+R1++TL",
    "UNH+1+MSCONS:D:04B:UN:2.4c",
    "BGM+7+M1+9",
    "DTM+137:202611290600?+00:303",
    "NAD+MS+9900000000001::293",
    "NAD+MR+9900000000002::293",
    "UNS+D",
    "NAD+DP",
    "LOC+172+DE0001234567890000000000000012345",
    "LIN+1",
    "PIA+5+1-1?:1.29.0:SRW",
]
for quarter, (kind, value) in enumerate(READINGS):
    message += [f"QTY+{kind}:{value}", f"DTM+163:{clock(quarter)}:303", f"DTM+164:{clock(quarter + 1)}:303"]
message += [f"UNT+{len(message)}+1", "UNZ+1+R1"]
Path("message.txt").write_text("'".join(message) + "'")

command = [sys.executable, "-m", "msconsconverter", "convert", "--input-file", "message.txt", "--output-directory", "out"]
converted = subprocess.run(command, check=True, capture_output=True, text=True)
with next(Path("out").iterdir()).open() as written:
    rows = [(row["DATE_PERIOD_START"][8:12], row["DATE_PERIOD_END"][8:12], row["VALUE"]) for row in csv.DictReader(written)]

print(f"msconsconverter {importlib.metadata.version('msconsconverter')}, exit code {converted.returncode}: {len(READINGS)} quantities, {len(rows)} rows")
for (start, end, value), count in Counter(rows).items():
    print(f"  {start} to {end}: {value} ({count})")
assert rows == [
    ("2300", "2315", "1.25"),
    ("2300", "2315", "3"),
    ("2315", "2315", "3"),
    ("2315", "2330", "3"),
    ("2315", "2330", "0.0"),
    ("2330", "2330", "0.0"),
    ("2330", "2345", "0.0"),
    ("2330", "2345", "0.0"),
    ("2330", "2345", "0.0"),
    ("2330", "2345", "0.0"),
], "a quantity is a row, or something else"
assert "strange numeric code" in converted.stderr
PY
