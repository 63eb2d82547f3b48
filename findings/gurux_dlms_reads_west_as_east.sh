#!/usr/bin/env bash
# One would guess: GXDateTime reads an offset behind a time with its sign, or refuses it: -05:00 is five hours behind UTC.
# What happens: gurux-dlms looks for the sign to find where the offset begins, and leaves it there: -05:00 is read as +05:00. What it
#   writes itself for five hours behind is `--5:00`, which it does read; for 3:30 behind, `--3:30`, and reads 2:30 behind.
# Why it matters: where the range that a meter is asked for is kept as a text, in the Americas it begins and ends up to ten hours early:
#   the newest readings are not asked for, and the run is green. East of Greenwich nothing shows it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check gurux-dlms==1.0.203
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
from datetime import datetime, timedelta, timezone

from gurux_dlms import GXDateTime

FORM = "%Y-%m-%d %H:%M:%S"


def read(text: str) -> float:
    """The hours from UTC of what a text is read as."""
    return GXDateTime(text, FORM).value.utcoffset() / timedelta(hours=1)


print(f"gurux-dlms {importlib.metadata.version('gurux-dlms')}")
hours = {offset: read(f"2026-01-15 12:00:00{offset}") for offset in ("+02:00", "Z", "-05:00", "-03:30")}
print(f"  read: {hours}")
written = {}
for behind in (-5, -3.5):
    meter_time = GXDateTime("2026-01-15 12:00:00Z", FORM)
    meter_time.value = meter_time.value.replace(tzinfo=type(meter_time.value.tzinfo)(int(behind * 60)))
    text = meter_time.toFormatMeterString(FORM)
    written[behind] = (text.removeprefix("2026-01-15 12:00:00"), read(text))
print(f"  written, and read again: {written}")
assert hours == {"+02:00": 2.0, "Z": 0.0, "-05:00": 5.0, "-03:30": 3.5}, "the sign is read now"
assert written == {-5: ("--5:00", -5.0), -3.5: ("--3:30", -2.5)}
PY
