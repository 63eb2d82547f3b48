"""What is true of Servitly, for every account."""

from datetime import date, timedelta
from typing import Final

from domain.records import ProviderSpec

SPEC: Final = ProviderSpec(
    slug="servitly",
    title="Servitly",
    docs_url="https://learn.servitly.com/apidocs",
    # Nothing is documented; its predecessor Semioty was founded in 2014, and no source can be older.
    first_day=date(2014, 1, 1),
    # Computed metrics are sampled up to a day late (documented); gateways that were offline send what they kept.
    finalization_lag=timedelta(hours=24),
    # Two days behind, for machines that were offline for a night.
    refetch_days=3,
    # Nothing is documented. One job at a time may run, so that jobs are few and wide: twelve make a year. Wider ones
    # would cost more than they save, because each day's load reads the whole archive.
    max_window=timedelta(days=31),
    # The documented example of a key's quota: 600 an hour, in slots of a minute. Sources may say another.
    requests_per_second=600 / 3600,
    # Three jobs.
    max_days_per_run=93,
    pull_days=31,
)
"""The provider's facts."""

LOGIN_PATH: Final = "identity/users/login"
"""Where an e-mail address and a password are taken (documented)."""

PAT_LOGIN_PATH: Final = "identity/users/patLogin"
"""Where a personal access token is taken (documented; recommended for machines)."""

EXPORTS_PATH: Final = "data/dataExports"
"""Where exports are ordered, and asked after (documented)."""

TOKEN_SECONDS: Final = 3600.0
"""The life of a token (a working client)."""

ARCHIVE_KEPT_SECONDS: Final = 30 * 86_400.0
"""How long an archive can be downloaded (documented)."""

BATCH_POINTS: Final = 100_000
"""Points of a batch: some ten megabytes on their way."""

MAX_COLUMNS: Final = 1_000
"""Columns of a file; more are no vocabulary."""

MAX_LINE: Final = 2**20
"""Characters of one line of a file."""

IN_MEMORY_BYTES: Final = 4 * 2**20
"""An archive up to this size is kept as any other answer; a larger one stays in its file."""
