"""The Smart House's client over its twin on loopback: what the tests of the provider talk through."""

import atexit
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from domain.measurement import Normalized
from domain.records import Payload
from domain.window import Window
from providers._http import ApiClient, Origin
from providers.smart_house.account import AccountConfig
from providers.smart_house.client import SmartHouse
from sandbox.running import Sandbox, served
from sandbox.smart_house import twin as twins
from sandbox.smart_house.settings import Settings
from tests.fakes.api import QUICK, Naps
from tests.fakes.harness import ProviderOver, Served

HOMES = {
    "aveiro": ("sensor.kitchen_energy", "binary_sensor.dishwasher"),
    "ilhavo": ("sensor.roof_power", "switch.boiler"),
    "vagos": ("sensor.heater_energy",),
}
ACCOUNT = AccountConfig(homes=HOMES)
DAY = Window.of_day(date(2025, 6, 3))


@dataclass
class SmartHomes(Served[twins.SmartHouse, SmartHouse]):
    """The Smart House and its twin.

    Attributes:
        client: What it talks through.
    """

    day = DAY

    client: ApiClient

    def asked(self) -> Sequence[dict[str, Any]]:
        """The requests so far, oldest first."""
        return self.requests()

    def truth(self, window: Window = DAY) -> dict[tuple[tuple[tuple[str, str], ...], int], float | str]:
        """What the twin means: (labels, epoch ms) → value."""
        start, end = (int(bound.timestamp() * 1000) for bound in (window.start, window.end))
        return {(labelled(labels), at): value for labels, at, value in self.twin.truth(start, end, {})}


@contextmanager
def smart_homes(
    *,
    account: AccountConfig = ACCOUNT,
    slice_of: timedelta = timedelta(days=3),
    limits: Mapping[str, Any] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    **settings: Any,
) -> Iterator[SmartHomes]:
    """A provider over the running twin.

    Args:
        account: What is asked, and how it is read.
        slice_of: The widest span of one question.
        limits: Fields of `Limits` that differ from `QUICK`.
        now: The time it is.
        settings: Fields of the twin's settings.
    """
    sandbox, naps = _running(), Naps()
    sandbox.control.reset()
    twin = sandbox.control.twins["smart_house"]
    assert isinstance(twin, twins.SmartHouse)
    twin.configure(**settings)
    quick = replace(QUICK, **{"read_seconds": 20.0, **(limits or {})})
    origin = Origin.parse(sandbox.url + twins.ROOT, place="test")
    with ApiClient(origin, source="homes", limits=quick, sleep=naps) as http:
        provider = ProviderOver(SmartHouse(http, account, slice_of=slice_of, now=now), account, http)
        made = SmartHomes(sandbox, twin, provider, (http,), naps, http)
        yield made
        made.asked()


def labelled(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Labels as something that can be a key."""
    return tuple(sorted(labels.items()))


def points_of(whole: Normalized) -> dict[tuple[str, datetime], float | str]:
    """(series key, instant) → value."""
    found: dict[tuple[str, datetime], float | str] = {}
    for frame in (whole.measurements, whole.states):
        for key, at, value in frame.itertuples(index=False, name=None):
            assert found.setdefault((str(key), at.to_pydatetime()), value) == value
    return found


def archive(
    rows: Sequence[Mapping[str, Any]] | bytes, form: str = "json", more: Mapping[str, bytes] | None = None
) -> bytes:
    """An archive with one file: rows as JSON, or exactly these bytes."""
    content = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, body in {f"crowdsorcerer_extract.{form}": content, **(more or {})}.items():
            opened.writestr(name, body)
    return packed.getvalue()


def payload(body: bytes, form: str = "json", *, first: date = DAY.day, last: date = DAY.day, **more: Any) -> Payload:
    """An answer to a question for the uploads of `first` to `last`."""
    window = Window.of_days(first - timedelta(days=2), last)
    said = Payload(
        form, {}, window, "uploads", 1, datetime(2025, 7, 1, tzinfo=UTC), "application/zip", body, "content-length"
    )
    return replace(said, **more)


def change(
    at: str, state: object, attributes: object = "{unit_of_measurement=W, friendly_name=X}"
) -> dict[str, object]:
    """One change of state."""
    return {"entity_id": "sensor.x", "last_changed": at, "last_updated": at, "state": state, "attributes": attributes}


def row(home: object = 0, day: date = DAY.day, **cells: object) -> dict[str, object]:
    """One row of a file."""
    return {"id": home, "year": day.year, "month": day.month, "day": day.day, **cells}


@cache
def _running() -> Sandbox:
    """One sandbox for all tests of this process: starting one takes longer than most tests."""
    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(served([twins.SmartHouse(Settings())]))
