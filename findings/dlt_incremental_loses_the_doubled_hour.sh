#!/usr/bin/env bash
# One would guess: an incremental load by a timestamp, declared as one, gets every reading once; 02:00+01:00 is after 02:45+02:00.
# What happens: dlt compares the cursor as the text it came as. A run that ended in the first of the two hours of autumn takes
#   the second one for read already, because 02:00 is less than 02:45: four quarters are dropped, and no later run brings them.
# Why it matters: local times with their offset are what energy APIs answer. An hourly pipeline loses an hour once a year, in
#   silence and for good; a daily one that runs at another hour loses nothing, so no test by day finds it.
set -euo pipefail
export RUNTIME__DLTHUB_TELEMETRY=false
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check 'dlt[duckdb]==1.31.0' duckdb==2.0.1
cd "$work"
venv/bin/python - <<'PY'
import dlt
import duckdb

SUMMER = [f"2026-10-25T02:{minute:02}:00+02:00" for minute in (0, 15, 30, 45)]
WINTER = [f"2026-10-25T02:{minute:02}:00+01:00" for minute in (0, 15, 30, 45)]
READINGS = [*SUMMER, *WINTER, "2026-10-25T03:00:00+01:00"]


@dlt.resource(name="reading", columns={"ts": {"data_type": "timestamp"}})
def readings(n_published, ts=dlt.sources.incremental("ts", initial_value="2026-10-25T00:00:00+02:00")):
    yield [{"ts": ts, "power": 1.0} for ts in READINGS[:n_published]]


def loaded_by(name, runs):
    """The readings in the table after runs that found so many published, as hours and minutes in UTC."""
    pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb(f"{name}.duckdb"), dataset_name="raw", pipelines_dir=name)
    for n_published in runs:
        pipeline.run(readings(n_published))
    with duckdb.connect(f"{name}.duckdb") as database:
        rows = database.sql("SELECT strftime(ts AT TIME ZONE 'UTC', '%H:%M') FROM raw.reading ORDER BY ts").fetchall()
    return [text for (text,) in rows]


every_hour, once = loaded_by("hourly", (4, 8, 9)), loaded_by("daily", (9,))
print(f"dlt {dlt.__version__}: 9 readings of 25 October 2026, 00:00 to 02:00 UTC")
print(f"  one run: {once}")
print(f"  a run each hour: {every_hour}")
assert once == ["00:00", "00:15", "00:30", "00:45", "01:00", "01:15", "01:30", "01:45", "02:00"]
assert every_hour == ["00:00", "00:15", "00:30", "00:45", "02:00"], "the second hour is no longer lost"
PY
