#!/usr/bin/env bash
# One would guess: `localize_quarter_hourly_data` gives each quarter-hour of a market day its own instant, one after the other; it is
#   said to be there for the days of 23 and 25 hours.
# What happens: pyomie adds minutes to the clock on the wall. In March 02:00 to 02:45, which no clock shows, and 03:00 to 03:45 are the
#   same four instants twice; in October the second hour of two is called three. All that follows stands an hour early, or late.
# Why it matters: twice a year the prices of the rest of the day belong to the wrong hour. A load by time keeps 88 of 92, and of
#   October's 100 the last four are the next day's first: the two loads overwrite each other, and none fails.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pyomie==1.2.0 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
from datetime import UTC, date, datetime, timedelta

from pyomie.util import localize_quarter_hourly_data


def instants(day: date, n_quarters: int) -> list[datetime]:
    """When the quarter-hours of a day begin, in UTC."""
    prices = localize_quarter_hourly_data(day, [float(n) for n in range(n_quarters)])
    assert list(prices.values()) == list(range(n_quarters))
    return [datetime.fromisoformat(text).astimezone(UTC) for text in prices]


print(f"pyomie {importlib.metadata.version('pyomie')}")
seen = {}
for day, n_quarters in ((date(2026, 3, 28), 96), (date(2026, 3, 29), 92), (date(2026, 10, 25), 100)):
    found = instants(day, n_quarters)
    right = [found[0] + timedelta(minutes=15 * n) for n in range(n_quarters)]
    n_wrong = sum(one != other for one, other in zip(found, right, strict=True))
    n_next_day = len(set(found) & set(instants(day + timedelta(days=1), 96)))
    seen[day.isoformat()] = (len(set(found)), n_wrong, n_next_day)
    print(f"  {day}: {n_quarters} prices at {len(set(found))} instants, {n_wrong} of them wrong, {n_next_day} those of the next day")
    print(f"    the last begins at {found[-1]:%d %H:%M} UTC, and should at {right[-1]:%d %H:%M}")
assert seen == {"2026-03-28": (96, 0, 0), "2026-03-29": (88, 80, 0), "2026-10-25": (100, 88, 4)}
PY
