"""What is true of Climkit, for every account."""

from datetime import date, timedelta
from typing import Final

from domain.records import ProviderSpec

SPEC: Final = ProviderSpec(
    slug="climkit",
    title="Climkit",
    docs_url="https://docs.climkit.io/l/de/article/rvit55bkw7-climkit-api",
    # The company's first sites; a site's own `creation_date` is later.
    first_day=date(2015, 1, 1),
    # Validated data of a day come in during the next one (clients that work wait for it; not documented).
    finalization_lag=timedelta(hours=24),
    # Rules and manual readings restate what was validated: a week and a half is asked for again.
    refetch_days=10,
    # A rule that is edited, or a reading handed in, may restate any day: a quarter of a year is asked for again once a
    # month, which is one pull. What is older is asked for by hand.
    deep_refetch_days=90,
    # Nothing is documented. A client that works asks for 30 days at a time.
    max_window=timedelta(days=30),
    # "Requests limit: 1/second", of every endpoint.
    requests_per_second=1.0,
    # Three months in a run: the lists are asked for once, and every meter three times.
    max_days_per_run=90,
    pull_days=90,
)
"""The provider's facts."""

LOGIN: Final = "auth"
INSTALLATIONS: Final = "all_installations"

TOKEN_SECONDS: Final = 900.0
"""Documented: a token is valid for 15 minutes."""

LIST_OF_SITES: Final = "/installations"
"""The part of the answer that lists the sites; no site's id has a slash."""

FREQUENCIES: Final = ("15T", "H", "D", "M", "Y")
"""What `sampling_frequency` may be."""

MAX_SITES: Final = 1_000
MAX_DEVICES: Final = 10_000
"""Meters, and sensors, of one site; a longer list is no house."""

MAX_ROWS: Final = 3_000_000
"""Rows of one answer: 30 days of a sensor that writes each second."""
