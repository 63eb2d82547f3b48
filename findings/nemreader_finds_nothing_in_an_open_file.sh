#!/usr/bin/env bash
# One would guess: `NEMFile(name, fileobj=…)` reads the meter data of an open file as it does those of a path; the parameter is there
#   for bytes that were downloaded.
# What happens: nemreader tries the file as a zip first, which leaves it at its end, and reads on from there. A plain NEM12 file
#   is then empty: a warning about a missing header, no readings, no error, and `get_data_frame()` is None. A zip is read.
# Why it matters: whoever downloads into memory loads nothing on every day on which the provider does not zip. "No readings" is what
#   a meter without data looks like, so the run is green.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check nemreader==0.9.2 pandas==3.0.5
"$work/venv/bin/python" - "$work" <<'PY'
import importlib.metadata
import io
import sys
import zipfile
from pathlib import Path

from nemreader import NEMFile

values = ",".join(["0.5"] * 48)
file = (
    "100,NEM12,202604020000,MDP1,Retailer1\n200,VABD000163,E1Q1,1,E1,N1,METSER123,kWh,30,20260501\n"
    f"300,20260330,{values},A,,,20260402000000,\n900\n"
)
path = Path(sys.argv[1], "meter.csv")
path.write_text(file)
zipped = io.BytesIO()
with zipfile.ZipFile(zipped, "w") as archive:
    archive.writestr("meter.csv", file)
found = {
    "a path": NEMFile(str(path)).get_data_frame(),
    "a zip in memory": NEMFile("meter.zip", fileobj=zipped).get_data_frame(),
    "the file in memory": NEMFile("meter.csv", fileobj=io.BytesIO(file.encode())).get_data_frame(),
    "the file, opened": NEMFile("meter.csv", fileobj=path.open()).get_data_frame(),
}
print(f"nemreader {importlib.metadata.version('nemreader')}, Python {sys.version.split()[0]}")
for given, frame in found.items():
    print(f"  {given}: {'None' if frame is None else len(frame)}")
assert [None if frame is None else len(frame) for frame in found.values()] == [48, 48, None, None]
PY
