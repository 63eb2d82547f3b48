#!/usr/bin/env bash
# One would guess: a decoder of M-Bus gives a value with everything that EN 13757-3 lets a meter say about it.
# What happens: pyMeterBus reads the factor of ten in the unit (VIF), and not the one behind it: with VIFE 7D (×1000), or 75
#   (×0.1), the value is the same as without (and marked UNKNOWN_ENHANCEMENT). In a time it passes over "summer time" and "this time is invalid".
# Why it matters: a register that is wrong a thousandfold counts like any other, and no load sees it. Two readings of the
#   doubled hour of autumn have one time, and a meter that has lost its clock has one that looks good.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pymeterbus==0.8.5 simplejson==4.3.0
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

import meterbus

HEADER = bytes.fromhex("08 01 72  78 56 34 12  24 23 01 02 00 00 00 00")  # an answer of meter 12345678, an electricity meter
NUMBER = (1234).to_bytes(4, "little")


def value(*record):
    """What the only record of a telegram is decoded to."""
    body = HEADER + b"".join(record)
    frame = bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) % 256, 0x16])
    found = meterbus.load(frame).records[0].interpreted
    return str(found["value"]), found["unit"].rpartition(".")[2]


def time(minute, hour, *, is_summer=False, is_invalid=False):
    """2026-10-25 as data type F (CP32)."""
    day_and_year, month_and_year = 25 | (26 & 0x07) << 5, 10 | (26 >> 3) << 4
    return value(
        bytes([0x04, 0x6D]),
        bytes([minute | is_invalid << 7, hour | 1 << 5 | is_summer << 7, day_and_year, month_and_year]),
    )[0]


energy = {
    "kWh": value(b"\x04\x06", NUMBER),
    "kWh, VIFE 7D": value(b"\x04\x86\x7d", NUMBER),
    "kWh, VIFE 75": value(b"\x04\x86\x75", NUMBER),
}
times = {
    "winter": time(30, 2),
    "summer": time(30, 2, is_summer=True),
    "invalid": time(30, 2, is_invalid=True),
}
print(f"pyMeterBus {importlib.metadata.version('pyMeterBus')}: 1234 as {energy}; 25 October 02:30 as {times}")
assert energy["kWh"] == ("1234000", "WH")
assert energy["kWh, VIFE 7D"] == ("1234000", "WH"), "the factor of 1000 counts"
assert energy["kWh, VIFE 75"] == ("1234000", "WH"), "the factor of 0.1 counts"
assert set(times.values()) == {"2026-10-25T02:30"}, "a time says more than it did"
PY
