#!/usr/bin/env bash
# One would guess: a row of a meter's load profile has a column for each object that is captured, or an error. DLMS lets a meter send
#   null-data for a value that is that of the row before, and dlms-cosem says that it knows this compression.
# What happens: it fills in the clock, and leaves out every other column that is null. The row is shorter: what stands behind the import
#   register, where one read it, is the export. That a row has as many columns as objects is checked before, and holds.
# Why it matters: at night a meter's export repeats, by day its import. Whoever reads by position stores one register under the other's
#   name; whoever reads by object lacks the reading, in a profile that is whole. A site that always draws and feeds shows nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check dlms-cosem==25.1.0
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

from dlms_cosem import cosem
from dlms_cosem.enumerations import CosemInterface
from dlms_cosem.parsers import ProfileGenericBufferParser

COLUMNS = [(CosemInterface.CLOCK, "0.0.1.0.0.255"), (CosemInterface.REGISTER, "1.0.1.8.0.255"), (CosemInterface.REGISTER, "1.0.2.8.0.255")]
NULL = b"\x00"
AT_NOON = bytes.fromhex("090c 07ea 010f 04 0c000000 ffc4 00")  # 15 January 2026 12:00, UTC+1


def register(value: int) -> bytes:
    return b"\x06" + value.to_bytes(4, "big")


rows = [
    (AT_NOON, register(1000), register(50)),
    (NULL, NULL, register(60)),  # nothing was drawn
    (NULL, register(1010), NULL),  # nothing was fed
]
buffer = bytes([1, len(rows)]) + b"".join(bytes([2, 3]) + b"".join(row) for row in rows)
profile = ProfileGenericBufferParser(
    capture_objects=[cosem.CosemAttribute(interface=kind, instance=cosem.Obis.from_string(obis), attribute=2) for kind, obis in COLUMNS],
    capture_period=15,
)
found = [[column.value for column in row] for row in profile.parse_bytes(buffer)]
print(f"dlms-cosem {importlib.metadata.version('dlms-cosem')}: clock, import and export")
for clock, *registers in found:
    print(f"  {clock:%H:%M}: {registers}")
assert [f"{row[0]:%H:%M}" for row in found] == ["12:00", "12:15", "12:30"], "the clock is filled in no longer"
assert [row[1:] for row in found] == [[1000, 50], [60], [1010]], "a repeated value is kept now"
PY
