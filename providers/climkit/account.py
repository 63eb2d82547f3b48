"""One account at Climkit: which sites, which of their data, and what their sensors measure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from domain.errors import ConfigurationError
from domain.quantities import conversion
from providers._zones import check_zones
from providers.climkit.spec import FREQUENCIES

_LONGEST_CURVE: Final = 60  # minutes
SPANS: Final[Mapping[str, Literal["day", "month", "year"]]] = {"D": "day", "M": "month", "Y": "year"}
"""Sampling frequency → the span of the calendar that a value is about."""


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What to ask for, and how to read it. Holds no credential.

    Attributes:
        sites: The ids of the sites to fetch; None: all that the provider lists.
        meters: The ids of the meters to fetch; None: all of every site.
        frequencies: How validated data are sampled; each makes series of its own, and costs requests of its own.
        has_site_totals: Whether the data of the site as a whole are fetched.
        has_registers: Whether the raw registers of physical meters are fetched.
        has_sensors: Whether sensors are fetched.
        load_curves: A meter's id → minutes of an interval, where its raw data are a load curve and no register.
        sensors: A sensor's id, or its type → quantity and unit, where its own unit says too little; the id wins.
        zones: What the provider says of a time zone → the IANA name that is meant, where that is another.

    Raises:
        ConfigurationError: Anything of this is empty, contradicts itself, or names what is unknown.
    """

    sites: tuple[str, ...] | None = None
    meters: tuple[str, ...] | None = None
    frequencies: tuple[str, ...] = ("15T",)
    has_site_totals: bool = True
    has_registers: bool = True
    has_sensors: bool = True
    load_curves: Mapping[str, int] = field(default_factory=dict)
    sensors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)

    @property
    def spans(self) -> tuple[Literal["day", "month", "year"], ...]:
        """Spans of the sites' own calendars that values are about."""
        return tuple(span for word, span in SPANS.items() if word in self.frequencies)

    def __post_init__(self) -> None:
        """Refuse what could not work, before any request."""
        check_zones(self.zones, place="climkit account")
        for what, ids in (("site", self.sites), ("meter", self.meters), ("meter", tuple(self.load_curves) or None)):
            if ids is not None:
                _check_ids(what, ids)
        for meter, minutes in self.load_curves.items():
            if not 1 <= minutes <= _LONGEST_CURVE or _LONGEST_CURVE % minutes:
                raise _wrong(f"the load curve of {meter} has intervals of {minutes} minutes", "use 15, 30 or 60")
        unknown = [word for word in self.frequencies if word not in FREQUENCIES]
        if unknown or not self.frequencies or len(set(self.frequencies)) < len(self.frequencies):
            culprit = f"the sampling frequencies are {', '.join(self.frequencies) or 'none'}"
            raise _wrong(culprit, f"use any of {', '.join(FREQUENCIES)}, each once")
        for name, (quantity, unit) in self.sensors.items():
            conversion(quantity, unit, place=f"sensor {name} of a climkit account")


def _check_ids(what: str, ids: tuple[str, ...]) -> None:
    if not ids:
        raise _wrong(f"{what}s is an empty list", f"name a {what}, or leave it out for all")
    for one in ids:
        if not one.strip() or "/" in one or not one.isprintable():
            raise _wrong(f"the {what} {one!r} is no {what}'s id", "use an id that the provider lists")
    if len(set(ids)) < len(ids):
        raise _wrong(f"a {what} is named twice", f"name each {what} once")


def _wrong(culprit: str, fix: str) -> ConfigurationError:
    return ConfigurationError(culprit, place="climkit account", fix=fix)
