#!/usr/bin/env bash
# One would guess: a time that pandas does not know (NaT) is NULL in the database, or an error, as psycopg says for pandas.NA.
# What happens: NaT is a datetime to psycopg, whose compiled half packs it as one without a word: the column holds
#   48113-11-21 00:00:01. As a text (`%t`) PostgreSQL refuses it; psycopg's pure Python half raises a struct.error.
# Why it matters: rows of a frame go to executemany as they are, and a missing end, outage or reading is NaT. The newest
#   time of the table is in the year 48113 from then on, nothing later is asked for, and reading it is an error of its own.
# The server is PGlite's PostgreSQL 18 on a socket of the temporary folder; with PostgreSQL 17.12 it is the same.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check \
  'psycopg[binary]==3.3.9' psycopg-binary==3.3.9 pandas==3.1.1 numpy==2.4.6 tzdata==2026.6
npm install --silent --no-audit --no-fund --legacy-peer-deps --prefix "$work" \
  @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
"$work/node_modules/.bin/pglite-server" --db=memory:// --path="$work/.s.PGSQL.5432" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do if [ -S "$work/.s.PGSQL.5432" ]; then break; fi; sleep 0.2; done
"$work/venv/bin/python" - "$work" <<'PY'
import sys

import pandas as pd
import psycopg
from psycopg import errors

frame = pd.DataFrame({"outage": [1, 2], "ended": pd.to_datetime(["2026-11-29T08:00Z", None])})
with psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True) as session:
    session.execute("SET TimeZone = 'UTC'")
    session.execute("CREATE TABLE outage (outage int, ended timestamptz)")
    session.cursor().executemany("INSERT INTO outage VALUES (%s, %s)", list(frame.itertuples(index=False, name=None)))
    stored = session.execute("SELECT ended::text FROM outage ORDER BY outage").fetchall()
    open_outages = session.execute("SELECT count(*) FROM outage WHERE ended IS NULL").fetchone()
    refused = []
    for case, statement, value in (
        ("NaT as a text", "SELECT %t::timestamptz", pd.NaT),
        ("pandas.NA", "SELECT %s::timestamptz", pd.NA),
        ("what was stored, read", "SELECT max(ended) FROM outage", None),
    ):
        try:
            session.execute(statement, None if value is None else (value,)).fetchone()
        except psycopg.Error as error:
            refused.append(f"{case}: {type(error).__name__}")
    server = session.execute("SHOW server_version").fetchone()

print(f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__}), pandas {pd.__version__}, PostgreSQL {server[0]}")
print(f"  stored: {[text for (text,) in stored]}, without an end: {open_outages[0]}; refused: {refused}")
assert stored == [("2026-11-29 08:00:00+00",), ("48113-11-21 00:00:01+00",)], "NaT is no longer the year 48113"
assert open_outages == (0,)
assert refused == ["NaT as a text: InvalidDatetimeFormat", "pandas.NA: ProgrammingError", "what was stored, read: DataError"]
assert issubclass(errors.InvalidDatetimeFormat, psycopg.DataError)
PY
