#!/usr/bin/env bash
# One would guess: a meter's time with a deviation of 0 minutes from UTC is a datetime in UTC, and one without a deviation (0x8000, "not
#   specified") is one without a zone.
# What happens: dlms-cosem gives both without a zone, since 0 is false. At -60 and 60 minutes there is one. Written back, a deviation
#   of 0 has become "not specified"; a datetime in UTC is written with 0.
# Why it matters: meters that keep UTC are the ones that were set up well. Their readings are stored by the time zone of whoever
#   connects. Where winter time is UTC, a meter's times have a zone in summer (-60) and none all winter: half a year moves with a setting.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check dlms-cosem==25.1.0
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
from datetime import UTC, datetime

from dlms_cosem.time import datetime_from_bytes, datetime_to_bytes

NOT_SPECIFIED = b"\x80\x00"
print(f"dlms-cosem {importlib.metadata.version('dlms-cosem')}: 15 January 2026 12:00")
seen = {}
for minutes in (-60, 0, 60, None):
    deviation = NOT_SPECIFIED if minutes is None else minutes.to_bytes(2, "big", signed=True)
    found, _ = datetime_from_bytes(bytes.fromhex("07ea010fff0c000000") + deviation + b"\x00")
    written = datetime_to_bytes(found)[9:11]
    seen[minutes] = (found.isoformat(), written == deviation)
    print(f"  deviation 0x{deviation.hex()}: {found.isoformat()}, written back as 0x{written.hex()}")
assert seen == {
    -60: ("2026-01-15T12:00:00+01:00", True),
    0: ("2026-01-15T12:00:00", False),
    60: ("2026-01-15T12:00:00-01:00", True),
    None: ("2026-01-15T12:00:00", True),
}
assert datetime_to_bytes(datetime(2026, 1, 15, 12, tzinfo=UTC))[9:11] == b"\x00\x00"
PY
