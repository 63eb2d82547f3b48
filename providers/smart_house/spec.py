"""What is true of the Smart House, for every account."""

from datetime import date, timedelta
from typing import Final

from domain.records import ProviderSpec

LATE_DAYS: Final = 2
"""Days after a day that its changes still come with: the collector sends 24 hours once a day, or late."""

SPEC: Final = ProviderSpec(
    slug="smart_house",
    title="Smart House (CrowdSorcerer)",
    docs_url="https://smarthouse.av.it.pt/api/export/ui",
    # The first collector was published on this day.
    first_day=date(2022, 5, 20),
    # The uploads of the last of the late days can be had once that day is yesterday; some hours for its ingestion.
    finalization_lag=timedelta(days=LATE_DAYS, hours=3),
    # A day is complete after the late days; one more for a home that was offline for a night.
    refetch_days=LATE_DAYS + 2,
    # The whole result is built in memory over there, and wide windows die of it: as many days as one day needs.
    max_window=timedelta(days=LATE_DAYS + 1),
    # None is published.
    requests_per_second=None,
    max_days_per_run=31,
    # A day alone asks for three days of uploads; a week asks for nine, and not for twenty-one.
    pull_days=7,
)
"""The provider's facts."""

API_PATH: Final = "/api/export"
"""Where the API is, below the provider's address (documented)."""

FORMATS: Final = ("json", "csv", "xml")
"""In the order of preference: only JSON needs no second parser for its cells."""

TYPES: Final = (
    "ai", "air", "alarm", "alert", "assist", "automation", "binary", "button", "calendar", "camera", "climate",
    "configurator", "conversation", "counter", "cover", "date", "datetime", "device", "dominos", "event", "fan",
    "geo", "group", "hdmi", "history", "humidifier", "image", "infrared", "input", "irrigation", "lawn",
    "light", "lock", "mailbox", "media", "microsoft", "notify", "number", "persistent", "person", "plant",
    "proximity", "pyscript", "remember", "remote", "rest", "scene", "schedule", "script", "select", "sensor",
    "siren", "stt", "sun", "switch", "tag", "text", "time", "timer", "todo", "tts", "update", "utility",
    "vacuum", "valve", "var", "variable", "wake", "water", "weather", "weblink", "zigbee2mqtt", "zone", "zwave",
)  # fmt: skip
"""First words of Home Assistant's domains, of those it has had, and of some that people add: what a request for all
types is divided into, when a day alone is too wide. Nobody can list them all."""

MAX_MEMBER_BYTES: Final = 256 * 2**20
"""Of the unpacked file, of which one row at a time is in memory (`bounds`)."""

MAX_CELL: Final = 16 * 2**20
"""Characters of one cell of a CSV or an XML file."""

MAX_COLUMNS: Final = 20_000
"""Columns of a row; more are no vocabulary."""

MAX_NAME: Final = 256
"""Characters of an entity or a unit; a longer one is none."""

MAX_DEPTH: Final = 16
"""Nested lists, objects and elements."""

BATCH_POINTS: Final = 20_000
"""Points that become one batch."""

BATCH_CHARACTERS: Final = 8 * 2**20
"""Of texts that become one batch, where its points are fewer."""
