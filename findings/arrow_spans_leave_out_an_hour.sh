#!/usr/bin/env bash
# One would guess: `Arrow.span_range("hour", since, until)` cuts a span of time into hours without a gap and without an overlap, as it
#   does in UTC; its end is the last microsecond before the next begins.
# What happens: arrow counts on by the clock on the wall and forgets which of two equal hours it stood in. On the day of 25 hours the
#   second of them is in no span; on the day of 23 one span is two hours long, and its second hour is the next span as well. `range`
#   misses the same hour, and both by minutes 60 of them.
# Why it matters: spans are what a backfill asks a provider for. Once a year an hour is never asked for and once it is loaded twice; each
#   answer is whole, and 24 requests for a day look right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check arrow==1.4.0 python-dateutil==2.9.0.post0 tzdata==2026.1
"$work/venv/bin/python" - <<'PY'
from collections import Counter
from datetime import UTC, datetime, timedelta

import arrow

QUARTER = timedelta(minutes=15)


def covered(zone: str, *day: int) -> tuple[int, list[str], list[str]]:
    """How many hours a day is cut into, and which of its quarter-hours are in no span, and in two (in UTC)."""
    since = arrow.get(datetime(*day), zone)
    until = since.shift(days=1)
    spans = [(begin.to("UTC"), end.to("UTC")) for begin, end in arrow.Arrow.span_range("hour", since, until.shift(microseconds=-1))]
    moments = [since.to(UTC).datetime + QUARTER * number for number in range((until.to(UTC) - since.to(UTC)) // QUARTER)]
    times = Counter({moment: sum(begin <= moment <= end for begin, end in spans) for moment in moments})
    return len(spans), *([f"{moment:%H:%M}" for moment in moments if times[moment] == count] for count in (0, 2))


print(f"arrow {arrow.__version__}")
seen = {}
for zone, *day in (("UTC", 2026, 10, 25), ("Europe/Zurich", 2026, 10, 25), ("Europe/Zurich", 2026, 3, 29), ("Europe/Zurich", 2026, 7, 1)):
    seen[zone, day[1]] = hours, missing, doubled = covered(zone, *day)
    print(f"  {zone} {datetime(*day):%d %B}: {hours} spans, in none {missing}, in two {doubled}")
assert seen["UTC", 10] == seen["Europe/Zurich", 7] == (24, [], [])
assert seen["Europe/Zurich", 10] == (24, ["01:00", "01:15", "01:30", "01:45"], []), "October is whole"
assert seen["Europe/Zurich", 3] == (23, [], ["01:00", "01:15", "01:30", "01:45"]), "March is in one piece"
autumn = arrow.get(datetime(2026, 10, 25), "Europe/Zurich")
minutes = len(list(arrow.Arrow.range("minute", autumn, autumn.shift(days=1, microseconds=-1))))
print(f"  minutes of the day of 25 hours by range: {minutes} of {25 * 60}")
assert minutes == 24 * 60
PY
