"""What is true of the Export Service, for every account."""

from datetime import date, timedelta
from typing import Final

from domain.records import ProviderSpec

SPEC: Final = ProviderSpec(
    slug="export_service",
    title="SDK Export Service",
    docs_url="https://docs.dev.sdk-cloud.de/projects/charginghub/Export-Service",
    # The example of its own documentation asks for 2023-04-30; nothing older is shown anywhere.
    first_day=date(2023, 1, 1),
    # Producers write in batches, so a day is not whole at its end. Nothing is published; a batch a day is assumed.
    finalization_lag=timedelta(hours=24),
    # Two whole days behind: covers a producer that misses one daily batch.
    refetch_days=2,
    # Nothing is documented. A day in one listing keeps tokens young and a restart cheap.
    max_window=timedelta(days=1),
    # None is published.
    requests_per_second=None,
    # A day takes a few requests: a year is a dozen runs.
    max_days_per_run=31,
    has_pages=True,
)
"""The provider's facts."""

QUERY: Final = "query"
"""The endpoint that answers with documents."""

PRODUCTS: Final = "products"
"""The endpoint that lists products."""

LIST_OF_PRODUCTS: Final = "/products"
"""The part of the answer that lists the products; no product's name has a slash."""

PAGE_ROWS: Final = 10_000
"""Documents in one answer: `index.max_result_window` of OpenSearch, and the documented default of numRows."""

RESULT_WINDOW: Final = 10_000
"""Documents that a listing by offset can reach: one of exactly this size is doubted, a longer one is none by offset."""

MAX_PAGES: Final = 10_000
"""Pages of one product in one fetch; an endless chain of fresh tokens ends here."""

MAX_ROWS: Final = 20_000_000
"""Documents of one product in one fetch: twice the largest day that is planned for."""

MAX_BYTES: Final = 8 * 2**30
"""Bytes of one product in one fetch: `MAX_ROWS` documents of 400 bytes."""

MAX_TOKEN_BYTES: Final = 8 * 2**10
"""A continuation token longer than this is not sent: servers refuse such addresses, and no real token is so long."""

MAX_RESTARTS: Final = 2
"""How often a product begins anew because its token was rejected, before that is an error."""

DISCOVERY_DAYS: Final = (2, 30)
"""Trailing days that are sampled for fields; the wider span is asked only where the narrower has no document."""

DISCOVERY_ROWS: Final = 1_000
"""Documents of one sample."""
