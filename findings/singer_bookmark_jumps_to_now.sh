#!/usr/bin/env bash
# One would guess: after a sync the bookmark of a Singer tap is the newest timestamp that it has read, or now if that is
#   in the future; `2026-11-29T10:15:00+01:00` is 09:15 UTC in either comparison.
# What happens: the SDK compares timestamps as texts, with `now` in UTC. East of Greenwich a reading of the last hours looks
#   later than now, and the bookmark becomes now. A stream that says it is sorted fails in the doubled hour of autumn.
# Why it matters: what a meter delivers between its newest reading and now, a few minutes late, is never asked for again.
#   Nothing is logged; the same tap with times in UTC is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check singer-sdk==0.54.9 sqlalchemy==2.1.9
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
import io
import json
import logging
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta, timezone

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import InvalidStreamSortException

logging.disable(logging.CRITICAL)


def bookmark(times, *, is_sorted=False):
    """The bookmark that a tap with these readings leaves."""

    class Readings(Stream):
        name = "readings"
        replication_key = "at"
        primary_keys = ("at",)
        schema = th.PropertiesList(th.Property("at", th.DateTimeType), th.Property("power", th.NumberType)).to_dict()

        @property
        def is_sorted(self):
            return is_sorted

        def get_records(self, context):
            yield from ({"at": at, "power": 1.0} for at in times)

    class Meters(Tap):
        name = "tap-meters"
        config_jsonschema = th.PropertiesList().to_dict()

        def discover_streams(self):
            return [Readings(self)]

    said = io.StringIO()
    with redirect_stdout(said):
        Meters(config={}).sync_all()
    states = [line for line in map(json.loads, said.getvalue().splitlines()) if line["type"] == "STATE"]
    return datetime.fromisoformat(states[-1]["value"]["bookmarks"]["readings"]["replication_key_value"])


newest = (datetime.now(UTC) - timedelta(minutes=15)).replace(microsecond=0)
in_utc = bookmark([newest.isoformat()])
in_zurich = bookmark([newest.astimezone(timezone(timedelta(hours=1))).isoformat()])
try:
    bookmark(["2026-10-25T02:45:00+02:00", "2026-10-25T02:00:00+01:00"], is_sorted=True)
    autumn = "accepted"
except InvalidStreamSortException as error:
    autumn = str(error)

print(f"singer-sdk {importlib.metadata.version('singer-sdk')}: the newest reading is of {newest:%H:%M:%S} UTC")
print(f"  bookmark where it is written in UTC: {in_utc:%H:%M:%S} UTC; with +01:00: {in_zurich.astimezone(UTC):%H:%M:%S} UTC")
print(f"  the doubled hour of autumn, sorted: {autumn}")
assert in_utc == newest, "times in UTC are no longer right"
assert in_zurich - newest >= timedelta(minutes=15), "the bookmark no longer jumps over what is still to come"
assert autumn.startswith("Unsorted data detected in stream"), "sorted readings of autumn are accepted"
PY
