"""A provider's word for a time zone: an IANA name, or refused by name, and then no other site's day goes wrong."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from assets.metadata import of_refused_zone, refused_zones
from domain.errors import ConfigurationError, PayloadUnreadableError
from domain.measurement import concat
from domain.records import Payload
from domain.window import Window
from providers._zones import named_zone
from providers.climkit.account import AccountConfig as ClimkitAccount
from providers.climkit.normalize import normalize
from providers.climkit.requests import requests_of
from providers.climkit.wire import Meter, Site, parse_site
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from providers.voltstorage.wire import parse_products
from sandbox.climkit import twin as climkit_twin
from sandbox.voltstorage import twin as voltstorage_twin
from tests.providers.climkit.harness import apartments
from tests.providers.voltstorage.harness import battery

DAY = Window.of_day(date(2025, 6, 1))
NO_NAMES = ["GMT+02:00", "W. Europe Standard Time", "CEST", "MEZ", "+01:00", "UTC+1", "europe/berlin", "localtime",
            "posixrules", "Factory", "../Europe/Berlin", "/etc/localtime", "posix/Europe/Berlin", " UTC"]  # fmt: skip


@pytest.mark.parametrize("said", [*NO_NAMES, 5, ["Europe/Berlin"], True, "a\x00b"])
def test_a_zone_that_is_no_iana_name_is_refused_by_name_and_taken_for_utc(said: object) -> None:
    [product] = parse_products(json.dumps([{"id": 77, "timezone": said}]).encode(), place="x")
    site = parse_site(json.dumps({"name": "House", "timezone": said}).encode(), place="x")
    shown = said if said in NO_NAMES else ascii(said)
    assert (product.time_zone, product.refused_zone) == (site.zone, site.refused_zone) == ("UTC", shown)


@pytest.mark.parametrize("said", ["Europe/Berlin", "EST5EDT", "Etc/GMT+2", "US/Pacific", "UTC", None, ""])
def test_an_iana_name_or_none_is_no_refusal(said: str | None) -> None:
    assert named_zone(said, {}) == (said or "UTC", "")


def test_the_account_may_say_what_a_provider_means() -> None:
    zones = {"W. Europe Standard Time": "Europe/Berlin"}
    said = b'[{"id": 77, "timezone": "W. Europe Standard Time"}]'
    [product] = parse_products(said, place="x", zones=VoltStorageAccount(zones=zones).zones)
    assert (product.time_zone, product.refused_zone) == ("Europe/Berlin", "")
    site = parse_site(b'{"timezone": "W. Europe Standard Time"}', place="x", zones=ClimkitAccount(zones=zones).zones)
    assert (site.zone, site.refused_zone) == ("Europe/Berlin", "")


@pytest.mark.parametrize(("said", "shown"), [(3600, "3600"), (None, ""), ("a\nb", "'a\\nb'")])
def test_what_is_no_text_has_a_meaning_too_as_it_is_shown(said: object, shown: str) -> None:
    assert named_zone(said, {})[1] == shown
    assert named_zone(said, {shown: "Europe/Zurich"})[0] == ("Europe/Zurich" if shown else "UTC")


@pytest.mark.parametrize("account", [VoltStorageAccount, ClimkitAccount])
def test_an_account_that_means_no_iana_name_is_refused_before_any_request(account: type[Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"the time zone 'CET/Berlin' is no IANA name, and is meant by 'MEZ'"):
        account(zones={"MEZ": "CET/Berlin"})


def test_a_refused_zone_of_one_product_stops_no_discovery_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    described = voltstorage_twin._described

    def odd(home: Any) -> Mapping[str, Any]:
        return described(replace(home, time_zone="CEST") if home.number == 77 else home)

    monkeypatch.setattr(voltstorage_twin, "_described", odd)
    with battery(account=VoltStorageAccount(products=(77, 79), statistics=())) as home:
        found = {series.key: series for series in home.provider.discover()}
    assert found["77/Power_PV"].time_zone == "UTC"
    assert found["77/Power_PV"].labels["refused_zone"] == "CEST"
    assert found["79/Power_PV"].time_zone == "Europe/Vienna"
    assert "refused_zone" not in found["79/Power_PV"].labels
    [(name, places)] = refused_zones(found.values()).items()
    sentence = of_refused_zone("home", name, places)
    where = f"{found['77/Power_PV'].site} of home"
    assert sentence.startswith(f"the time zone 'CEST' is no IANA name ({where}): write what it means under zones")


def test_a_refused_zone_of_a_site_costs_only_what_follows_its_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(climkit_twin._SITE_INFO, "timezone", "W. Europe Standard Time")
    with apartments(account=ClimkitAccount(frequencies=("15T", "D"))) as made:
        found = list(made.provider.discover())
        loaded = concat(made.provider.normalize(made.provider.fetch(DAY, {}), DAY))
    assert len(loaded.measurements) > 96
    assert {series.labels["refused_zone"] for series in found} == {"W. Europe Standard Time"}
    assert {series.time_zone for series in found} == {"UTC"}
    assert not any(series.key.endswith("/D") for series in [*found, *loaded.series])


def test_days_of_an_unknown_calendar_are_not_asked_for_and_never_read() -> None:
    account = ClimkitAccount(frequencies=("15T", "H", "D", "M", "Y"))
    known = Site("s1", "House", "Europe/Zurich", {"m1": Meter("m1", "electricity")}, {})
    refused = replace(known, zone="UTC", refused_zone="MEZ")
    week = Window.of_days(date(2024, 12, 30), date(2025, 1, 2))
    asked = [
        {one.params.get("sampling_frequency") for one in requests_of(site, week, account)} for site in (known, refused)
    ]
    assert asked == [{"15T", "H", "D", "M", "Y", None}, {"15T", "H", None}]

    landed = [
        ("installation_infos/s1", {}, {"name": "House", "timezone": "MEZ"}),
        ("meter_info/s1", {}, [{"id": "m1", "type": "electricity"}]),
        ("s1/sensors_list", {}, []),
        ("meter_data/s1/m1", {"sampling_frequency": "D"}, [{"timestamp": "2025-06-01 00:00:00+02:00", "total": 1}]),
    ]
    received = datetime(2025, 7, 1, tzinfo=UTC)
    payloads = [
        Payload(endpoint, params, DAY, "s1", page, received, "application/json", json.dumps(said).encode(), "closed")
        for page, (endpoint, params, said) in enumerate(landed, 1)
    ]
    with pytest.raises(PayloadUnreadableError, match="'MEZ' is no IANA name, and these intervals follow its calendar"):
        list(normalize(payloads, DAY, account))
