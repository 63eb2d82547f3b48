#!/usr/bin/env bash
# One would guess: a Parquet file that is written with times="int96", the form that Hive, Impala and older Spark read, has the times of the
#   frame, as the one with int64 has.
# What happens: fastparquet counts the index's or column's numbers as nanoseconds. Since pandas 3 they are microseconds, so every time of
#   2026 is one of 21 January 1970 in the file, for whoever reads it. Written as int64, or from nanoseconds, the same times are right.
# Why it matters: files in a lake are read by others, later. The file is well formed, its rows are all there, a partition by the day of
#   the load looks right, and what was written before pandas was raised is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6 pyarrow==26.0.1
cd "$work"
venv/bin/python -W ignore - <<'PY'
import fastparquet
import pandas as pd
import pyarrow.parquet

TIMES = pd.to_datetime(["2026-11-29T10:00Z", "2026-11-29T10:15Z"])


def read(form: str, unit: str) -> list[str]:
    """The times in a file that is written in this form from times in this unit, as pyarrow reads them."""
    fastparquet.write("readings.parquet", pd.DataFrame({"at": TIMES.as_unit(unit), "power": [1.5, 2.5]}), times=form)
    table = pyarrow.parquet.read_table("readings.parquet")
    return [f"{time:%Y-%m-%d %H:%M:%S}" for time in table["at"].to_pandas()]


print(f"fastparquet {fastparquet.__version__}, pandas {pd.__version__}, times read from texts are in {TIMES.unit}")
seen = {}
for form, unit in (("int64", "us"), ("int96", "us"), ("int96", "ns")):
    seen[form, unit] = read(form, unit)
    print(f"  {form} from {unit}: {seen[form, unit]}")
right = ["2026-11-29 10:00:00", "2026-11-29 10:15:00"]
assert TIMES.unit == "us"
assert seen["int64", "us"] == seen["int96", "ns"] == right
assert seen["int96", "us"] == ["1970-01-21 18:52:26", "1970-01-21 18:52:27"], "the unit counts"
PY
