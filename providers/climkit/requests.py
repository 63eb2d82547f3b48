"""What is asked about one site and one window: the fewest requests that the widest windows allow, in a fixed order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import RequestRejectedError
from domain.window import Window
from domain.zones import zone
from providers.climkit.account import AccountConfig
from providers.climkit.buckets import CALENDAR, first_at_or_after
from providers.climkit.spec import SPEC
from providers.climkit.wire import Meter, Site

SITE_DATA: Final = "site_data"
METER_DATA: Final = "meter_data"
REGISTERS: Final = "meter_data_raw"
SENSOR_DATA: Final = "sensor_data"

_SITE_TYPES: Final = ("electricity", "heating", "cooling", "cold_water", "hot_water", "charge_point")
"""The types that `site_data` knows."""

_MOST_NAMED: Final = 5  # meters in a message

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: GET or POST.
        endpoint: Its path.
        params: What is sent, as a query or as JSON.
        window: The starts of the intervals, or the instants, that are wanted.
    """

    method: str
    endpoint: str
    params: Mapping[str, str]
    window: Window


def lists_of(site: str, window: Window, account: AccountConfig) -> tuple[Request, ...]:
    """The requests that come first: what the site is, and what meters and sensors it has."""
    paths = [f"installation_infos/{site}", f"meter_info/{site}"]
    if account.has_sensors:
        paths.append(f"{site}/sensors_list")
    return tuple(Request("GET", path, {}, window) for path in paths)


def chosen_meters(site: Site, account: AccountConfig) -> tuple[Meter, ...]:
    """The meters of `site`, whose list is known, that the account wants."""
    listed = (site.meters or {}).values()
    return tuple(meter for meter in listed if account.meters is None or meter.id in account.meters)


def require_meters(sites: Iterable[Site], account: AccountConfig) -> None:
    """Refuse an account that names a meter which none of `sites`, all that it asks for, has in its list.

    Raises:
        RequestRejectedError: It does. Left alone, a pull would be empty and look well.
    """
    listed = {meter for site in sites for meter in site.meters or {}}
    absent = sorted({*(account.meters or ()), *account.load_curves} - listed)
    if absent:
        more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
        raise RequestRejectedError(
            f"no site lists the meter {', '.join(absent[:_MOST_NAMED])}{more}",
            place="climkit account",
            fix="write meters and load_curves with ids that meter_info of these sites lists, or leave them out",
        )


def frequencies_of(site: Site, account: AccountConfig) -> tuple[str, ...]:
    """The frequencies that can be asked for; where the site's zone is refused, none that follow its calendar."""
    return tuple(one for one in account.frequencies if not site.refused_zone or one not in CALENDAR)


def requests_of(site: Site, window: Window, account: AccountConfig) -> Iterator[Request]:
    """Every request for the data of `site`, whose lists are known: chunk by chunk, meter by meter."""
    calendar = zone(site.zone or "UTC")
    meters = chosen_meters(site, account)
    types = [known for known in _SITE_TYPES if known in {meter.type for meter in meters}]
    for chunk in _chunks(window):
        for frequency in frequencies_of(site, account):
            wanted = _intervals(chunk, frequency, calendar)
            if wanted is None:
                continue
            for known in types if account.has_site_totals else ():
                yield _sampled(f"{SITE_DATA}/{site.id}/{known}", frequency, wanted)
            for meter in meters:
                yield _sampled(f"{METER_DATA}/{site.id}/{meter.id}", frequency, wanted)
        if account.has_registers:
            for meter in meters:
                if not meter.is_rule:
                    span = _span(chunk, _SECOND if meter.id in account.load_curves else timedelta(0))
                    yield Request("POST", f"{REGISTERS}/{site.id}/{meter.id}", span, chunk)
        for sensor in site.sensors or {}:
            yield Request("GET", f"{site.id}/{SENSOR_DATA}/{sensor}", _span(chunk), chunk)


def _chunks(window: Window) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(start + SPEC.max_window, window.end)
        yield Window(start, end)
        start = end


def _intervals(chunk: Window, frequency: str, zone: ZoneInfo) -> Window | None:
    """The whole intervals that begin inside `chunk`, from the first's start to the last's end; None without any."""
    start, end = (first_at_or_after(bound, frequency, zone) for bound in (chunk.start, chunk.end))
    return Window(start, end) if start < end else None


def _sampled(endpoint: str, frequency: str, wanted: Window) -> Request:
    # As for a load curve: the last interval is labelled with the very end, and nobody says whether t_e is included.
    more = _SECOND if frequency == "15T" else timedelta(0)
    return Request("POST", endpoint, {**_span(wanted, more), "sampling_frequency": frequency}, wanted)


def _span(window: Window, more: timedelta = timedelta(0)) -> dict[str, str]:
    return {"t_s": _naive(window.start), "t_e": _naive(window.end + more)}


def _naive(instant: datetime) -> str:
    """An instant as the provider wants it: UTC, and not saying so."""
    return instant.replace(tzinfo=None).isoformat(timespec="seconds")
