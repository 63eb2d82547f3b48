"""What is true of VoltStorage, for every account."""

from datetime import date, timedelta
from typing import Final

from domain.records import ProviderSpec

SPEC: Final = ProviderSpec(
    slug="voltstorage",
    title="VoltStorage",
    docs_url="https://api-reference.voltstorage.com",
    # The oldest date in its own documentation: the start of production of the first type.
    first_day=date(2018, 8, 20),
    # Nothing is published. Statistics of a day are restated until it is over; late rows of a day are assumed a day.
    finalization_lag=timedelta(hours=24),
    # Two whole days behind: a battery that was offline for a night sends what it kept.
    refetch_days=2,
    # Nothing is documented. The one client known to work asks for a day at a time: a day is 7 MB of CSV already.
    max_window=timedelta(days=1),
    # None is published.
    requests_per_second=None,
    # A day takes a few requests for each product.
    max_days_per_run=31,
    # A value a second is documented. Where rows come once a minute, three are missing.
    longest_silence=timedelta(minutes=3),
)
"""The provider's facts."""

LOGIN_PATH: Final = "login/password"
"""Where tokens are given (confirmed by a working client)."""

PRODUCTS_PATH: Final = "products"
"""Where products are listed (confirmed)."""

EXPORT_PATH: Final = "data/export"
"""Where measurements are exported, before `.csv` or `.json` (confirmed for `.csv`)."""

LATEST_PATH: Final = "data/latest"
"""Where the latest values are: not documented, our choice."""

STATISTICS_PATH: Final = "data/statistics"
"""Where statistics are: not documented, our choice."""

STREAM_PATH: Final = "data/stream"
"""Where the live stream is: not documented, our choice."""

LONGEST_VALIDITY_SECONDS: Final = 31_622_400
"""The longest life of a token (documented): a leap year."""

DEFAULT_VALIDITY_SECONDS: Final = 86_400
"""The documented default."""

PRODUCTS_PER_PAGE: Final = 100
"""Products asked for in one page of the list."""

MAX_PRODUCT_PAGES: Final = 1_000
"""Pages of the list of products; more are a loop."""

BATCH_ROWS: Final = 20_000
"""Rows of an export that become one batch: a day of a row a second is five of them."""

BATCH_CELLS: Final = 160_000
"""Cells of an export that become one batch: a cell takes a hundred bytes until it is a point."""

MAX_COLUMNS: Final = 1_000
"""Columns of an export; more are no vocabulary."""

MAX_LINE: Final = 65_536
"""Characters of one line of an export."""


def batch_rows(n_columns: int) -> int:
    """Rows of an export that become one batch: fewer, the more columns there are."""
    return max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, n_columns)))
