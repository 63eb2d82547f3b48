"""Which meters an account means: asked for, promised and refused by one rule."""

from dataclasses import replace
from pathlib import Path

import pytest

from assets.steps import land
from domain.errors import RequestRejectedError
from domain.records import Progress
from providers.climkit.account import AccountConfig
from providers.climkit.requests import require_meters
from providers.climkit.wire import Meter, Site
from sandbox.climkit.house import METERS, SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, apartments
from warehouse.store import open_warehouse

MISTYPED = "6a1b2c3d4e5f60718293ffff"
ONE = replace(ACCOUNT, meters=(FLAT,), has_sensors=False)
WRONG = replace(ONE, meters=(FLAT, MISTYPED))


def test_a_meter_that_no_site_lists_is_refused_by_name_before_any_data_are_asked_for(
    database: str, tmp_path: Path
) -> None:
    with apartments(account=WRONG) as made, open_warehouse(database, tmp_path) as warehouse:
        with pytest.raises(RequestRejectedError, match=f"no site lists the meter {MISTYPED}") as caught:
            land(made.provider, warehouse, "house", DAY)
        assert FLAT not in str(caught.value)
        # Nor is a pull left behind that would go on with the lists of today for ever.
        assert not warehouse.begin_pull("house", DAY, fingerprint=made.provider.fingerprint).progress
        paths = [request["path"] for request in made.asked()]
    assert paths == [f"installation_infos/{SITE}", f"meter_info/{SITE}"]


@pytest.mark.parametrize("verb", ["discover", "plan"])
def test_neither_is_it_promised_nor_counted(verb: str) -> None:
    with apartments(account=WRONG) as made, pytest.raises(RequestRejectedError, match=MISTYPED):
        made.provider.discover() if verb == "discover" else made.provider.plan([DAY])


def test_a_load_curve_of_a_meter_that_no_site_lists_is_refused_too() -> None:
    with (
        apartments(account=replace(ACCOUNT, load_curves={MISTYPED: 15})) as made,
        pytest.raises(RequestRejectedError, match=MISTYPED),
    ):
        made.fetch()


def test_a_site_that_the_provider_does_not_know_is_refused_by_name() -> None:
    with (
        apartments(account=replace(ONE, sites=("5f3c1d2e4b6a7c8d9e0fffff",))) as made,
        pytest.raises(RequestRejectedError, match="5f3c1d2e4b6a7c8d9e0fffff"),
    ):
        made.fetch()


def test_a_meter_may_be_of_any_of_the_sites_and_few_of_many_are_named() -> None:
    sites = [Site(name, meters={meter: Meter(meter, "electricity")}) for name, meter in (("a", "1"), ("b", "2"))]
    require_meters(sites, AccountConfig(meters=("1", "2")))
    with pytest.raises(RequestRejectedError, match=r"no site lists the meter 3, 4, 5, 6, 7 and 2 more"):
        require_meters(sites, AccountConfig(meters=tuple("123456789")))


def test_what_an_account_discovers_is_what_it_loads_when_it_names_its_meters() -> None:
    with apartments(account=ONE) as made:
        discovered = {one.key for one in made.provider.discover()}
        loaded = {one.key for one in made.load().series}
    others = set(METERS) - {FLAT}
    assert discovered
    assert {key for key in discovered if any(f"/{other}/" in key for other in others)} == set()
    # What the site sends beside the documented fields is not promised; a house that feeds nothing in has no such row.
    assert {key for key in discovered - loaded if f"/{FLAT}/" in key} <= {f"{SITE}/{FLAT}/en_ex"}


def test_a_pull_that_goes_on_after_its_lists_asks_for_none_of_them_again() -> None:
    with apartments(account=ONE) as made:
        payloads = made.fetch()
        n_lists = sum("info" in payload.endpoint for payload in payloads)
        so_far = {SITE: Progress(n_lists, payloads[n_lists - 1].cursor)}
        rest = made.fetch(progress=so_far)
    assert [payload.page for payload in rest] == [payload.page for payload in payloads[n_lists:]]
