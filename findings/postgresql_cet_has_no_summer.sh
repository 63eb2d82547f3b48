#!/usr/bin/env bash
# One would guess: CET is a zone of the IANA database, with summer time, and means the same in Python, in `SET TimeZone` and
#   in `AT TIME ZONE` (`pg_timezone_names` has it, too).
# What happens: AT TIME ZONE and date_trunc look among the abbreviations first, and CET is one: UTC+1, all year. The same
#   for MET, EET and WET. Python's zoneinfo and the session's TimeZone have summer time, on the same server.
# Why it matters: "CET" is what energy markets write. From March to October days that Python cuts begin an hour before
#   those of SQL; a daily sum is wrong by the two hours at its ends, and no name is refused anywhere.
# The server is PGlite's PostgreSQL 18; 17.12 does the same, and so does time_bucket of TimescaleDB 2.19.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check tzdata==2026.6
npm install --silent --no-audit --no-fund --prefix "$work" @electric-sql/pglite@0.5.16
cat >"$work/ask.mjs" <<'JS'
import { PGlite } from '@electric-sql/pglite'
const server = await PGlite.create()
const answers = { server: (await server.query('SHOW server_version')).rows[0].server_version, at: {}, session: {} }
for (const zone of ['CET', 'MET', 'EET', 'WET', 'Europe/Brussels']) {
  await server.query("SELECT set_config('TimeZone', $1, false)", [zone])
  const { rows } = await server.query(
    `SELECT to_char(at AT TIME ZONE $1, 'HH24:MI') AS at, to_char(at, 'HH24:MI') AS session,
       to_char(date_trunc('day', at, $1) AT TIME ZONE 'UTC', 'HH24:MI') AS day
     FROM (SELECT timestamptz '2026-07-15 12:00Z' AS at) AS noon`, [zone])
  answers.at[zone] = [rows[0].at, rows[0].day]
  answers.session[zone] = rows[0].session
}
console.log(JSON.stringify(answers))
process.exit(0)
JS
(cd "$work" && PYTHONTZPATH='' venv/bin/python - "$(node ask.mjs)" <<'PY'
import importlib.metadata
import json
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

answers = json.loads(sys.argv[1])
noon = datetime(2026, 7, 15, 12, tzinfo=UTC)
print(f"PostgreSQL {answers['server']}, tzdata {importlib.metadata.version('tzdata')}; noon UTC of 15 July")
for zone, (at, day) in answers["at"].items():
    here = f"{noon.astimezone(ZoneInfo(zone)):%H:%M}"
    print(f"  {zone}: zoneinfo {here}, TimeZone {answers['session'][zone]}, AT TIME ZONE {at}; its day began at {day} UTC")
    assert here == answers["session"][zone]
    hour_apart = int(here[:2]) - int(at[:2])
    assert hour_apart == (0 if "/" in zone else 1), f"{zone} is {hour_apart} hours apart"
assert answers["at"]["CET"][1] == "23:00"
assert answers["at"]["Europe/Brussels"][1] == "22:00"
PY
)
