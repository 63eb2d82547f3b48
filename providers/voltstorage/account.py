"""One account at VoltStorage: which products and components, what is asked about them, and what the fields mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from domain.errors import ConfigurationError
from domain.quantities import conversion
from providers._zones import check_zones
from providers.voltstorage.spans import LONG
from providers.voltstorage.spec import (
    DEFAULT_VALIDITY_SECONDS,
    EXPORT_PATH,
    LATEST_PATH,
    LOGIN_PATH,
    LONGEST_VALIDITY_SECONDS,
    PRODUCTS_PATH,
    STATISTICS_PATH,
    STREAM_PATH,
)

FORMATS: Final = ("csv", "json")
TIMESPANS: Final = ("hour", "day", "month", "year", "lifetime")
IN_HEADER: Final = "header"
IN_QUERY: Final = "query"


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """What the numbers of a field are: a name in `domain.quantities.QUANTITIES`, and the unit they are sent in."""

    quantity: str
    unit: str = "text"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the API's endpoints are, below its address. Those of latest, statistics and stream are our choice."""

    login: str = LOGIN_PATH
    products: str = PRODUCTS_PATH
    export: str = EXPORT_PATH
    latest: str = LATEST_PATH
    statistics: str = STATISTICS_PATH
    stream: str = STREAM_PATH


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products the list holds: the documented filters of `products`, None for those that are not used.

    Attributes:
        q: Free text, searched for in id, serial number, type …
        group_id: The group they belong to.
        is_installed: Whether they have a date of installation.
        owner_id: Their owner.
        sort: Fields to sort by, `-` before one for descending; by id unless said, so that pages do not shift.
    """

    q: str | None = None
    group_id: int | None = None
    is_installed: bool | None = None
    owner_id: int | None = None
    sort: str = "id"

    def params(self) -> dict[str, str]:
        """As the query says it."""
        params = {
            "q": self.q,
            "groupId": self.group_id,
            "installationDate": None if self.is_installed is None else str(self.is_installed).lower(),
            "ownerId": self.owner_id,
            "sort": self.sort,
        }
        return {name: str(value) for name, value in params.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What to ask for, and how to read it. Holds no credential.

    Attributes:
        products: Products to fetch, by id; None: all that the provider lists.
        components: Components to export beside them, by id.
        fields: Field → its meaning, beyond `wire.MEANINGS`; it wins.
        live_names: Name in the live stream → name in the export, beyond `wire.EXPORT_NAMES`; it wins.
        export_fields: Columns to export; None: all.
        export_format: `csv` or `json`.
        precision: Significant digits to ask for; 9 hold every single-precision number.
        tolerance: Relative error that the provider may simplify by; 0 for none.
        tz_minutes: UTC offset in which times are asked for; None leaves it out, and they come in UTC.
        separator: What separates the cells of a CSV; None leaves it to the provider.
        is_last_line_ended: Whether the provider ends the last line of a CSV, so that one without its end was cut.
        statistics: Time spans of which statistics are fetched; empty for none.
        product_filter: Which products are listed.
        validity_seconds: The life of a token to ask for.
        paths: Where the endpoints are.
        token_in: Where the stream's token is sent: `header`, or `query` as the document says.
        site: Where the devices stand; empty if that is not known.
        zones: What the provider says of a time zone → the IANA name that is meant, where that is another.

    Raises:
        ConfigurationError: Anything of this contradicts itself, or names an unknown quantity or unit.
    """

    products: tuple[int, ...] | None = None
    components: tuple[int, ...] = ()
    fields: Mapping[str, FieldMeaning] = field(default_factory=dict)
    live_names: Mapping[str, str] = field(default_factory=dict)
    export_fields: tuple[str, ...] | None = None
    export_format: str = "csv"
    precision: int = 9
    tolerance: float = 0.0
    tz_minutes: int | None = None
    separator: str | None = None
    is_last_line_ended: bool = True
    statistics: tuple[str, ...] = ("hour", "day")
    product_filter: ProductFilter = field(default_factory=ProductFilter)
    validity_seconds: int = DEFAULT_VALIDITY_SECONDS
    paths: Paths = field(default_factory=Paths)
    token_in: str = IN_HEADER
    site: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)

    @property
    def spans(self) -> tuple[Literal["month", "year"], ...]:
        """Spans that values are about and that outlive the days which are asked for again."""
        return tuple(span for span in LONG if span in self.statistics)

    def __post_init__(self) -> None:
        """Refuse what could not work, before any request."""
        check_zones(self.zones, place="voltstorage account")
        if self.products is not None and not (self.products or self.components):
            raise _wrong("products is an empty list", "name a product, or leave it out for all")
        for name, ids in (("products", self.products or ()), ("components", self.components)):
            if len(set(ids)) != len(ids) or any(one < 1 for one in ids):
                raise _wrong(f"{name} names an id twice, or one below 1", "name each id once")
        for name, word, known in (
            ("export_format", self.export_format, FORMATS),
            ("token_in", self.token_in, (IN_HEADER, IN_QUERY)),
            *(("statistics", word, TIMESPANS) for word in self.statistics),
        ):
            if word not in known:
                raise _wrong(f"{name} is {word!r}", f"use one of {', '.join(known)}")
        self._check_numbers()
        for key, meaning in self.fields.items():
            if not key.strip():
                raise _wrong("a field has no name", "name the field")
            conversion(meaning.quantity, meaning.unit, place=f"field {key} of the voltstorage account")

    def _check_numbers(self) -> None:
        bounds = (
            ("precision", self.precision, 1, 17),
            ("tolerance", self.tolerance, 0, 1),
            ("tz_minutes", self.tz_minutes or 0, -1439, 1439),
            # 0 is documented, and gives a token that has expired when it arrives.
            ("validity_seconds", self.validity_seconds, 1, LONGEST_VALIDITY_SECONDS),
        )
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise _wrong(f"{name} is {value}", f"choose one from {low} to {high}")
        is_clear = self.separator is None or (self.separator.isprintable() or self.separator == "\t")
        if self.separator is not None and (not self.separator or not is_clear or self.separator in '."-:'):
            raise _wrong(f"the separator is {self.separator!r}", "use a comma, a semicolon, a tab or a bar")


def _wrong(culprit: str, fix: str) -> ConfigurationError:
    return ConfigurationError(culprit, place="voltstorage account", fix=fix)
