#!/usr/bin/env bash
# One would guess: a value whose scale factor is 0x8000, SunSpec's "not implemented", cannot be computed: `cvalue` is None, as `value` is
#   for a register that is not implemented, or an error, as when such a value is written.
# What happens: pysunspec2 passes over the factor and gives the register as it stands. 2300 with a factor of -1 is 230 W, and with
#   a factor that is not there it is 2300 W.
# Why it matters: factors are registers that are read with the values, and inverters show them as not implemented while they start
#   or sleep. One poll in the morning is ten or a hundred times too high, of the right type, with its unit; the next is right again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pysunspec2==1.3.7
"$work/venv/bin/python" - <<'PY'
import importlib.metadata

from sunspec2 import device, mb

inverter = device.Model(103)
print(f"pysunspec2 {importlib.metadata.version('pysunspec2')}, model 103 (three-phase inverter)")
seen = []
for power, factor in ((b"\x08\xfc", b"\xff\xff"), (b"\x08\xfc", b"\x80\x00"), (b"\x80\x00", b"\xff\xff")):
    inverter.W.set_mb(power)
    inverter.W_SF.set_mb(factor)
    seen.append((inverter.W.value, inverter.W_SF.value, inverter.W.cvalue))
    print(f"  W 0x{power.hex()}, W_SF 0x{factor.hex()}: value {seen[-1][0]}, factor {seen[-1][1]}, cvalue {seen[-1][2]}")
assert seen == [(2300, -1, 230.0), (2300, None, 2300), (None, -1, None)]
try:
    inverter.W_SF.set_mb(b"\x80\x00")
    inverter.W.cvalue = 2300
except device.ModelError as refused:
    print(f"  written: {refused}")
else:
    raise AssertionError("writing without a factor is refused no longer")
PY
