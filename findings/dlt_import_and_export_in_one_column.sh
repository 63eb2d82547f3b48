#!/usr/bin/env bash
# One would guess: two keys of a record are two columns, and where their names collide the load fails or says so.
# What happens: dlt's default naming makes `px` of both `P+` and `P-` (`+` becomes `x`, `-` becomes `_`, a `_` at the end
#   becomes `x`). The later key of a record wins; the other number is gone. The load succeeds, and counts every row.
# Why it matters: +/- is how meters write import and export (P+/P-, A+/A-, Q+/Q-). Every scheduled load keeps one of the
#   two, and where a record has only one key, the same column holds the other direction.
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

READINGS = [
    {"meter": "m1", "ts": "2026-11-29T00:00:00Z", "P+": 1.25, "P-": 0.5},
    {"meter": "m1", "ts": "2026-11-29T00:15:00Z", "P+": 3.0},
]
pipeline = dlt.pipeline("meters", destination=dlt.destinations.duckdb("meters.duckdb"), dataset_name="raw", pipelines_dir=".")
pipeline.run(READINGS, table_name="reading")
counted = pipeline.last_trace.last_normalize_info.row_counts["reading"]
with duckdb.connect("meters.duckdb") as database:
    columns = [row[0] for row in database.sql("DESCRIBE raw.reading").fetchall() if not row[0].startswith("_dlt")]
    stored = database.sql("SELECT px FROM raw.reading ORDER BY ts").fetchall()
names = {key: pipeline.default_schema.naming.normalize_identifier(key) for key in ("A+", "A-", "Q+", "Q-")}

print(f"dlt {dlt.__version__}: {counted} rows counted, columns {columns}, px {stored}; also {names}")
assert columns == ["meter", "ts", "px"], "P+ and P- are apart, or named otherwise"
assert stored == [(0.5,), (3.0,)], "the import of the first record is no longer lost"
assert counted == 2
assert names == {"A+": "ax", "A-": "ax", "Q+": "qx", "Q-": "qx"}
PY
