from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from domain.zones import UnknownZoneError, is_zone, zone, zone_names


@pytest.mark.parametrize(
    "name",
    ["GMT+02:00", "UTC+1", "W. Europe Standard Time", "CEST", "MEZ", "Factory", "localtime", "posixrules", "Europe",
     "posix/Europe/Berlin", "right/Europe/Berlin", "../Europe/Berlin", "/etc/localtime", "Europe/../Europe/Berlin",
     "europe/berlin", "Europe/Berlin ", "utc", "zone.tab", "tzdata.zi", "", "+01:00", "Europe/Berlin\x00", "A" * 9_999],
)  # fmt: skip
def test_what_is_no_iana_name_is_refused_by_name(name: str) -> None:
    assert not is_zone(name)
    with pytest.raises(UnknownZoneError, match="is no IANA name") as refused:
        zone(name)
    assert ascii(name)[:40] in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "EST5EDT", "Etc/GMT+2", "GMT", "US/Pacific", "Asia/Kathmandu", "UTC"]
)
def test_links_and_old_names_are_names(name: str) -> None:
    assert is_zone(name)
    assert zone(name) is zone(name)
    assert zone(name).key == name


def test_a_name_that_differs_by_case_alone_is_hinted_at_and_a_near_one_is_not() -> None:
    with pytest.raises(UnknownZoneError, match=r"'europe/berlin' is no IANA name \(Europe/Berlin is one\)"):
        zone("europe/berlin")
    with pytest.raises(UnknownZoneError, match=r"'CEST' is no IANA name$"):  # EST would be six hours away
        zone("CEST")


def test_every_name_of_the_locked_database_can_be_opened() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert len(zone_names()) > 500
    assert all(noon.astimezone(zone(name)) == noon for name in zone_names())


def test_the_locked_database_decides_and_never_the_hosts(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Vaduz").write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    reset_tzpath(to=[str(tmp_path)])
    try:
        assert noon.astimezone(ZoneInfo.no_cache("Europe/Vaduz")).hour == 21
        assert noon.astimezone(zone("Europe/Vaduz")).hour == 13
    finally:
        reset_tzpath()
