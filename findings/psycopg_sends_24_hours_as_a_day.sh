#!/usr/bin/env bash
# One would guess: `since + %s` with timedelta(hours=24) is the instant 24 hours later, as `since + timedelta(hours=24)` is for an
#   aware datetime in UTC, and as `INTERVAL '24 hours'` is.
# What happens: a timedelta knows no hours, so psycopg sends `1 day`, and to PostgreSQL a day of timestamptz is one of the session's
#   TimeZone: 23 hours in the night of March, 25 in that of October. 23 and 25 hours (`1 day 01:00:00`) shift alike.
# Why it matters: windows of "the last 24 hours" and retention are asked this way. With a session in local time, which many drivers
#   and poolers set from the client, the load leaves an hour out once a year and takes one twice; in UTC no test finds it.
# The server is PGlite's PostgreSQL 18 on a socket of the temporary folder.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9' psycopg-binary==3.3.9
npm install --silent --no-audit --no-fund --legacy-peer-deps --prefix "$work" \
  @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
"$work/node_modules/.bin/pglite-server" --db=memory:// --path="$work/.s.PGSQL.5432" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do if [ -S "$work/.s.PGSQL.5432" ]; then break; fi; sleep 0.2; done
"$work/venv/bin/python" - "$work" <<'PY'
import sys
from datetime import UTC, datetime, timedelta

import psycopg

with psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres") as session:
    print(f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__})")
    for zone, hours, expected in (("UTC", 24, 24), ("Europe/Zurich", 24, 23), ("Europe/Zurich", 25, 24), ("Europe/Zurich", 23, 23)):
        session.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        since = datetime(2026, 3, 28, 12, tzinfo=UTC)
        span = timedelta(hours=hours)
        for form in ("%s", "%b", "%t"):
            until, sent = session.execute(f"SELECT %s::timestamptz + {form}::interval, {form}::interval::text", [since, span, span]).fetchone()
            passed = (until - since) / timedelta(hours=1)
            print(f"  {zone}, {form}: timedelta(hours={hours}) is sent as {sent!r}, {passed:g} hours pass")
            assert passed == expected
PY
