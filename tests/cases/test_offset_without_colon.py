"""One instant, as Java, JavaScript, Go, .NET, PostgreSQL and pandas write it, in the answers of four providers."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.measurement import Normalized, concat
from domain.records import Payload
from domain.window import Window
from providers.climkit.account import AccountConfig as ClimkitAccount
from providers.climkit.normalize import normalize as climkit
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.servitly.normalize import normalize as servitly
from providers.smart_house.account import AccountConfig as SmartHouseAccount
from providers.smart_house.normalize import normalize as smart_house
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from providers.voltstorage.normalize import normalize as voltstorage
from tests.fakes.zips import answer, zipped
from tests.providers.smart_house import harness as smart_homes
from tests.providers.voltstorage.harness import exported

DAY = Window.of_day(date(2025, 6, 3))
NOON = datetime(2025, 6, 3, 12, tzinfo=UTC)
SPELLED = {
    "Python": "2025-06-03T14:00:00+02:00",
    "Java's SimpleDateFormat": "2025-06-03T14:00:00.000+0200",
    "Java's OffsetDateTime, at a whole minute": "2025-06-03T14:00+02:00",
    "Java's Instant": "2025-06-03T12:00:00.000000000Z",
    ".NET's round trip": "2025-06-03T12:00:00.0000000Z",
    "PostgreSQL": "2025-06-03 14:00:00+02",
    "Go": "2025-06-03T12:00:00.000000001Z",
    "a small z": "2025-06-03T12:00:00z",
    "a blank for T": "2025-06-03 12:00:00Z",
    "pandas": "2025-06-03 12:00:00+00:00",
}
SITE, METER = (f"{number:024x}" for number in (1, 2))
QUARTER = timedelta(minutes=15)


def of_climkit(text: str) -> Normalized:
    def landed(page: int, endpoint: str, document: object) -> Payload:
        body, params = json.dumps(document).encode(), {"sampling_frequency": "15T"}
        return Payload(endpoint, params, DAY, SITE, page, DAY.end + QUARTER, "application/json", body, "content-length")

    meter = {"id": METER, "type": "electricity", "mode": "consumption"}
    pull = [
        landed(1, f"installation_infos/{SITE}", {"name": "House", "timezone": "UTC"}),
        landed(2, f"meter_info/{SITE}", [meter]),
        landed(3, f"{SITE}/sensors_list", []),
        landed(4, f"meter_data/{SITE}/{METER}", [{"total": 0.1, "timestamp": text}]),
    ]
    return concat(climkit(pull, DAY, ClimkitAccount()))


def of_servitly(text: str) -> Normalized:
    landed = answer(zipped([("B1.csv", f"TIMESTAMP,T [°C]\n{text},21.5\n")]), DAY)
    return concat(servitly([landed], DAY, ServitlyAccount(tenant="acme")))


def of_voltstorage(text: str) -> Normalized:
    landed = exported(f"sep=,\r\nTime,Power_PV\r\n{text},5\r\n", DAY)
    return concat(voltstorage([landed], DAY, VoltStorageAccount()))


def of_smart_house(text: str) -> Normalized:
    landed = smart_homes.payload(smart_homes.archive([smart_homes.row(sensor_x=[smart_homes.change(text, "5")])]))
    return concat(smart_house([landed], DAY, SmartHouseAccount()))


@pytest.mark.parametrize("writer", SPELLED)
@pytest.mark.parametrize(
    ("read", "before"),
    [
        # A quarter's energy is stamped with its end there, and kept at its beginning.
        (of_climkit, QUARTER),
        (of_servitly, timedelta()),
        (of_voltstorage, timedelta()),
        (of_smart_house, timedelta()),
    ],
)
def test_an_instant_is_read_however_its_writer_spells_it(
    read: Callable[[str], Normalized], before: timedelta, writer: str
) -> None:
    whole = read(SPELLED[writer])
    assert [at.to_pydatetime() for at in whole.measurements["measured_at"]] == [NOON - before]
    assert len(whole.rejected) == 0
