#!/usr/bin/env bash
# One would guess: `add_timestamps` gives each point of a document the time at which its week, month or day begins, as the document's
#   interval does: at midnight of the market, 23:00Z in winter and 22:00Z in summer.
# What happens: entsoe-apy adds weeks and days to the first one in UTC, so a forecast for a year by weeks stands an hour late from the
#   end of March to that of October, and both ends agree with the interval. Months are added by the day of the UTC calendar: the one
#   after March begins on 29 March.
# Why it matters: 22:00Z or 23:00Z is midnight, and Monday 01:00 is still Monday: by day all is right. Weekly levels and forecasts that
#   are joined with hours by their time miss half of the year, and a sum by month puts April into March.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check entsoe-apy==1.2.0 pydantic==2.12.5 httpx==0.28.1 tzdata==2026.1
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
from datetime import datetime
from zoneinfo import ZoneInfo

from entsoe.utils import add_timestamps

ZURICH = ZoneInfo("Europe/Zurich")


def begins(start: str, resolution: str, position: int) -> datetime:
    """When the point at this position begins, in Zurich."""
    record = {"period.time_interval.start": start, "period.resolution": resolution, "period.point.position": position}
    return datetime.fromisoformat(add_timestamps([record])[0]["timestamp"]).astimezone(ZURICH)


print(f"entsoe-apy {importlib.metadata.version('entsoe-apy')}")
seen = []
for what, start, resolution, position in (
    ("the 1st week of 2026", "2025-12-28T23:00Z", "P7D", 1),
    ("the 14th week", "2025-12-28T23:00Z", "P7D", 14),
    ("the 44th week", "2025-12-28T23:00Z", "P7D", 44),
    ("the 45th week", "2025-12-28T23:00Z", "P7D", 45),
    ("30 March, of days since the 28th", "2026-03-27T23:00Z", "P1D", 3),
    ("April, of months since March", "2026-02-28T23:00Z", "P1M", 2),
    ("May, of months since April", "2026-03-31T22:00Z", "P1M", 2),
    ("June, of months since May", "2026-04-30T22:00Z", "P1M", 2),
):
    seen.append(f"{begins(start, resolution, position):%d.%m. %H:%M}")
    print(f"  {what} begins at {seen[-1]}")
assert seen == ["29.12. 00:00", "30.03. 01:00", "26.10. 00:00", "02.11. 00:00", "30.03. 01:00", "29.03. 00:00", "01.05. 00:00", "31.05. 00:00"]
PY
