#!/usr/bin/env bash
# One would guess: a standard load profile of BDEW (2025) for hours or days is the mean of its quarter-hours, which demandlib says it
#   is made of; the last hour of a day is what it is within a longer span.
# What happens: the quarter-hours reach to the beginning of the last step only, so that step is its first quarter-hour. A trade profile
#   by days gives the last day the value of midnight, 60 % too low; a household's last hour is 9 % too high.
# Why it matters: a schedule makes profiles a day or a month at a time, and each ends wrong; made for a year at once only one value is,
#   which hides in the sum. Forecasts and checks of plausibility against the profile differ at the same hour each day.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check demandlib==0.2.2 pandas==3.1.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata

import pandas as pd
from demandlib.bdew import G25, H25


def profile(kind, start: str, end: str, freq: str) -> pd.Series:
    return kind(pd.date_range(start, end, freq=freq, inclusive="left"))


print(f"demandlib {importlib.metadata.version('demandlib')}, pandas {pd.__version__}; kW for 1 GWh a year")
seen = {}
for kind, end, freq in ((H25, "2026-01-13", "1h"), (G25, "2026-01-13", "1h"), (H25, "2026-01-17", "1D"), (G25, "2026-01-17", "1D")):
    steps = profile(kind, "2026-01-12", end, freq)
    means = profile(kind, "2026-01-12", end, "15min").resample(freq).mean()
    ratio = steps / means
    assert ratio[:-1].round(9).eq(1).all(), "steps before the last are no longer right"
    first = profile(kind, "2026-01-12", end, "15min")[steps.index[-1]]
    assert steps.iloc[-1] == first, "the last step is no longer its first quarter-hour"
    seen[kind.__name__, freq] = round(float(ratio.iloc[-1] - 1) * 100)
    print(f"  {kind.__name__} by {freq}: the last of {len(steps)} is {steps.iloc[-1]:.1f}, and should be {means.iloc[-1]:.1f}")
print(f"  in per cent: {seen}")
assert seen == {("H25", "1h"): 9, ("G25", "1h"): 2, ("H25", "1D"): -22, ("G25", "1D"): -60}
PY
