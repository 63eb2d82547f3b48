"""The settings of the Export Service's twin, and the faults that it can have."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.faults import COMMON_FAULTS, FaultKind
from sandbox.settings import SettingError, TwinSettings

SEMANTICS: Final = ("scroll", "search_after", "offset")
END_MARKERS: Final[Mapping[str, bytes]] = {
    "empty": b'"continueToken":"",',
    "omitted": b"",
    "null": b'"continueToken":null,',
    "base64_null": b'"continueToken":"bnVsbA==",',
}
"""What the last page has in place of a token."""
MAX_VOLUME_DOCUMENTS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        client_id: The OAuth2 client that is let in.
        client_secret: Its secret; random unless it is set.
        organization: The one organization there is permission for.
        spaces: The spaces there is permission for.
        token_endpoint_auth_method: The one way in which the client may prove itself; `any`: both.
        token_seconds: How long a bearer token is valid.
        semantics: What a continueToken means: `scroll` (a snapshot that expires, and an empty last page),
            `search_after` (rows later than the last one, without tiebreak, on the live rows) or `offset` (a position
            in the live rows, up to `offset_cap` in total).
        product_semantics: The same for single products.
        end_marker: The continueToken of the last page: `empty` (""), `omitted`, `null` or `base64_null` ("bnVsbA==").
        is_token_always_sent: A scroll's first page has a token even when it holds everything.
        is_tie_repeated: `search_after` goes on with rows at or after the last time, and so repeats rows instead of
            losing them.
        scroll_seconds: How long a token lives after its last use.
        dead_token_status: The status for a dead or unknown token.
        offset_cap: Rows that `offset` returns in total.
        is_cap_an_error: A page that would reach beyond the cap is refused with 422 instead of an end marker.
        max_page_rows: The largest numRows, and the default.
        is_end_inclusive: Whether a row exactly at endDate belongs to the result.
        is_offset_accepted: Whether startDate and endDate may end in `Z` or an offset.
        is_gzip: Whether responses are compressed for a client that accepts gzip.
        forbidden_products: Listed by /products, refused by /query.
        unknown_product_status: The status for an unknown product: 404 or 403.
        last_day: The last day with measured rows; None for yesterday.
        volume_documents: Documents a day of the volume product; 0 takes it off the list.
        volume_seed: Another seed, other values.
    """

    credentials: ClassVar = ("client_id", "client_secret")
    choices: ClassVar = {
        "semantics": SEMANTICS,
        "end_marker": tuple(END_MARKERS),
        "product_semantics": SEMANTICS,
        "token_endpoint_auth_method": ("any", "client_secret_post", "client_secret_basic"),
    }

    client_id: str = "joulehouse-sandbox"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    organization: str = "audicharginghub"
    spaces: tuple[str, ...] = ("batteriedaten", "ladedaten")
    token_endpoint_auth_method: str = "any"  # noqa: S105  # a method, no token
    token_seconds: float = 300.0
    semantics: str = "scroll"
    product_semantics: Mapping[str, str] = field(default_factory=dict)
    end_marker: str = "empty"
    is_token_always_sent: bool = False
    is_tie_repeated: bool = False
    scroll_seconds: float = 600.0
    dead_token_status: int = 404
    offset_cap: int = 10_000
    is_cap_an_error: bool = False
    max_page_rows: int = 10_000
    is_end_inclusive: bool = True
    is_offset_accepted: bool = False
    is_gzip: bool = True
    forbidden_products: tuple[str, ...] = ()
    unknown_product_status: int = 404
    last_day: date | None = None
    volume_documents: int = 0
    volume_seed: int = 1

    def check(self) -> None:
        """Refuse numbers out of range."""
        if not 0 <= self.volume_documents <= MAX_VOLUME_DOCUMENTS:
            raise SettingError(f"volume_documents must lie between 0 and {MAX_VOLUME_DOCUMENTS}, one a millisecond.")
        if self.max_page_rows < 1:
            raise SettingError("max_page_rows must be at least 1.")

    def semantics_of(self, product: str) -> str:
        """What a continueToken of `product` means."""
        return self.product_semantics.get(product, self.semantics)


ENDPOINTS: Final = ("query", "products", "token")

FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "token_fields": FaultKind(
        "Token endpoint: sets the fields of `set` and leaves out those of `drop`.",
        {"set": {}, "drop": []},
        endpoint="token",
    ),
    # the continueToken
    "token_repeats": FaultKind("From page `cycle` + 1 on, the tokens begin again with the first.", {"cycle": 1}),
    "token_dies": FaultKind(
        "A token for a page after `after_page` is refused with `status`.", {"status": 404, "after_page": 1}
    ),
    "token_never_ends": FaultKind(
        "Where the rows end, fresh tokens come all the same; their pages are `empty` or repeat the `last` rows.",
        {"rows": "last"},
        {"rows": ("last", "empty")},
    ),
    "empty_page": FaultKind("The page has no rows, and a token behind which they are."),
    "full_page_without_token": FaultKind("The page has the end marker although more rows exist."),
    "no_progress": FaultKind("The page's token, although a fresh one, leads to the same page again."),
    # the rows
    "unordered": FaultKind(
        "The page's rows are `shuffled` or `reversed`.", {"order": "shuffled"}, {"order": ("shuffled", "reversed")}
    ),
    "ties": FaultKind("Every `width` rows in a row get one timestamp.", {"width": 4}),
    "outside_rows": FaultKind(
        "`rows` rows are added whose times lie `seconds` `before` or `after` the window.",
        {"rows": 1, "where": "after", "seconds": 3600.0},
        {"where": ("before", "after")},
    ),
    "duplicates": FaultKind("The page's first `rows` rows come twice.", {"rows": 1}),
    "late_documents": FaultKind(
        "Every `every`th row is not there yet. Limited by `times`, it comes later.", {"every": 10}
    ),
    "rows_inserted": FaultKind(
        "Once the page is sent, `rows` rows are written just after the window's start.", {"rows": 1}
    ),
    "rows_removed": FaultKind(
        "Once the page is sent, the product loses its first `rows` rows of the window.", {"rows": 1}
    ),
    # the cells
    "cell": FaultKind(
        "In the first `rows` rows, `field` becomes `raw`, which is JSON or not; without a field, the first number.",
        {"rows": 1, "field": None, "raw": '"n/a"'},
    ),
    "missing_field": FaultKind("In the first `rows` rows, `field` is absent.", {"rows": 1, "field": "timestamp"}),
    "extra_field": FaultKind(
        "In the first `rows` rows, `field` appears with the JSON text `raw`.",
        {"rows": 1, "field": "new_kW", "raw": "1.5"},
    ),
    "duplicate_keys": FaultKind(
        "In the first `rows` rows, `field` comes twice, with `raw` the second time.",
        {"rows": 1, "field": None, "raw": "-1.0"},
    ),
    "deep_nesting": FaultKind("The first row has a field `deep` of `depth` lists in each other.", {"depth": 100_000}),
    # the envelope
    "num_results": FaultKind("`numResults` is wrong by `off`; without it, it is missing.", {"off": None}),
}
"""Kind → its summary and options."""
