"""What a person may set about the Export Service's twin, whether at start, from Python or by HTTP."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from sandbox.settings import SettingError, TwinSettings

SEMANTICS: Final = ("scroll", "search_after", "offset")
END_MARKERS: Final = ("empty", "omitted", "null", "base64_null")
MAX_VOLUME_DOCUMENTS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Settings(TwinSettings):
    """The twin's settings.

    Attributes:
        client_id: The OAuth2 client that may ask.
        client_secret: Its secret; random unless given.
        organization: The one organization there is permission for.
        spaces: The spaces there is permission for.
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
        dead_token_status: What a dead or unknown token is answered with.
        offset_cap: Rows that `offset` gives in total.
        is_cap_an_error: A page that would reach beyond the cap is answered with 422 instead of an end marker.
        max_page_rows: The largest numRows, and the default.
        is_end_inclusive: Whether a row exactly at endDate belongs to the answer.
        is_offset_accepted: Whether startDate and endDate may end in `Z` or an offset.
        is_gzip: Whether answers are compressed for a client that accepts gzip.
        forbidden_products: Listed by /products, refused by /query.
        unknown_product_status: What an unknown product is answered with: 404 or 403.
        last_day: The last day with measured rows; None for yesterday.
        volume_documents: Documents a day of the volume product; 0 takes it off the list.
        volume_seed: Another seed, other values.
    """

    credentials: ClassVar[tuple[str, ...]] = ("client_id", "client_secret")

    client_id: str = "joulehouse-sandbox"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    organization: str = "audicharginghub"
    spaces: tuple[str, ...] = ("batteriedaten", "ladedaten")
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

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingError: A word is not one of those listed, or a number is out of range.
        """
        for name, word, known in (
            ("semantics", self.semantics, SEMANTICS),
            ("end_marker", self.end_marker, END_MARKERS),
            *(("product_semantics", word, SEMANTICS) for word in self.product_semantics.values()),
        ):
            if word not in known:
                raise SettingError(f"{name} cannot be {word!r}; it is one of {', '.join(known)}.")
        if not 0 <= self.volume_documents <= MAX_VOLUME_DOCUMENTS:
            raise SettingError(f"volume_documents must lie between 0 and {MAX_VOLUME_DOCUMENTS}, one a millisecond.")
        if self.max_page_rows < 1:
            raise SettingError("max_page_rows must be at least 1.")

    def semantics_of(self, product: str) -> str:
        """What a continueToken of `product` means."""
        return self.product_semantics.get(product, self.semantics)
