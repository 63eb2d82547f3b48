"""What is asked of VoltStorage, and what is done about its answers."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import (
    CredentialsRejectedError,
    IncompleteAnswerError,
    NotYetPublishedError,
    PagingLoopError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
    TruncationSuspectedError,
)
from domain.measurement import concat
from domain.window import Window
from providers.voltstorage.account import AccountConfig, ProductFilter
from providers.voltstorage.naming import Device
from sandbox.voltstorage.twin import EXPORT_CSV, EXPORT_JSON, LATEST, LOGIN, PRODUCTS, STATISTICS
from tests.providers.voltstorage.harness import ACCOUNT, DAY, Battery, battery, points_of


@pytest.fixture
def home() -> Iterator[Battery]:
    with battery() as made:
        yield made


def truth(home: Battery, window: Window, product: str) -> dict[tuple[str, datetime], float | str]:
    """What the twin means of a product's fields, in its own units, which are the house's."""
    start, end = (round(bound.timestamp() * 1000) for bound in (window.start, window.end))
    return {
        (f"{product}/{point.labels['field']}", datetime.fromtimestamp(point.at / 1000, UTC)): point.value
        for point in home.twin.truth(start, end, {"product": product})
        if "field" in point.labels
    }


def rounded(points: dict[tuple[str, datetime], float | str]) -> dict[tuple[str, int], float | str]:
    return {(key, round(at.timestamp() * 1000)): value for (key, at), value in points.items()}


@pytest.mark.parametrize("export_format", ["csv", "json"])
@pytest.mark.parametrize("json_shape", ["records", "columns"])
def test_a_day_says_exactly_what_the_provider_means(export_format: str, json_shape: str) -> None:
    account = replace(ACCOUNT, products=(77, 79), export_format=export_format)
    with battery(account=account, json_shape=json_shape) as home:
        found = points_of(home.load())
        want = truth(home, DAY, "77") | truth(home, DAY, "79")
        assert len(want) > 7_000
        assert rounded(found) == rounded(want)


def test_statistics_say_what_the_provider_means_in_watt_hours() -> None:
    with battery(account=replace(ACCOUNT, statistics=("hour", "day"))) as home:
        found = points_of(home.load())
        meant = list(home.twin.truth(1_748_736_000_000, 1_748_822_400_000, {"product": "77"}))
        statistics = [point for point in meant if "statistic" in point.labels]
        assert len(statistics) > 200
        for point in statistics:
            key = f"77/{point.labels['timespan']}/{point.labels['statistic']}"
            value = found[key, datetime.fromtimestamp(point.at / 1000, UTC)]
            factor = 1 / 3600 if point.labels.get("unit") else 1
            assert value == pytest.approx(float(point.value) * factor, rel=1e-12)


def test_the_hours_of_a_day_add_up_to_the_day() -> None:
    with battery(account=replace(ACCOUNT, statistics=("hour", "day"))) as home:
        frame = home.load().measurements
        sums = frame.groupby("series", observed=True)["value"].sum()
        for name in ("pv-total", "consumption-total", "storage-total-released", "storage-total-stored"):
            assert sums[f"77/hour/{name}"] == pytest.approx(sums[f"77/day/{name}"], rel=1e-12)


@pytest.mark.parametrize("timespan", ["hour", "day", "month", "year"])
def test_statistics_of_every_time_span_are_asked_for_and_read(timespan: str) -> None:
    window = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))
    with battery(account=replace(ACCOUNT, statistics=(timespan,))) as home:
        payloads = home.fetch(window)
        assert home.asked(STATISTICS)[0]["query"]["timespan"] == timespan
        assert len(json.loads(payloads[-1].body)) == (24 if timespan == "hour" else 1)
        whole = concat(home.provider.normalize(payloads, window))
        energies = [one for one in whole.series if one.labels.get("statistic") == "pv-total"]
        assert [(one.quantity, one.labels["timespan"]) for one in energies] == [("energy", timespan)]


def test_every_parameter_of_an_export_is_sent() -> None:
    account = AccountConfig(
        products=(77,),
        statistics=(),
        export_fields=("Power_PV", "Power_Grid"),
        precision=4,
        tolerance=0.01,
        tz_minutes=120,
        separator=";",
    )
    with battery(account=account) as home:
        [payload] = home.fetch()
        [asked] = home.asked(EXPORT_CSV)
        assert asked["query"] == {
            "productId": "77",
            "from": "1748736000",
            "to": "1748822400",
            "precision": "4",
            "tolerance": "0.01",
            "fields": "Power_PV,Power_Grid",
            "tz": "120",
            "separator": ";",
        }
        head = payload.body.splitlines()[:3]
        assert head[:2] == [b"sep=;", b"Time;Power_PV;Power_Grid"]
        assert b"+02:00;" in head[2]
        assert points_of(concat(home.provider.normalize([payload], DAY)))


def test_tolerance_leaves_out_points_and_changes_none() -> None:
    with battery() as home:
        exact = points_of(home.load())
    with battery(account=replace(ACCOUNT, tolerance=0.05)) as home:
        simplified = points_of(home.load())
    assert 0 < len(simplified) < len(exact) / 2
    assert simplified.items() <= exact.items()


def test_precision_counts_significant_digits() -> None:
    with battery(account=replace(ACCOUNT, precision=2)) as home:
        values = home.load().measurements["value"]
        assert all(float(f"{value:.2g}") == value for value in values)


def test_a_component_is_asked_for_by_its_own_id() -> None:
    with battery(account=AccountConfig(products=(), components=(501,), statistics=())) as home:
        assert {series.key for series in home.load().series} == {
            "component-501/inverterPower",
            "component-501/Power_Power Electronics",
        }
        assert home.asked(EXPORT_CSV)[0]["query"]["componentId"] == "501"


def test_a_window_that_reaches_into_the_future_is_asked_for_until_now(home: Battery) -> None:
    now = datetime.now(UTC)
    window = Window(now - timedelta(hours=2), now + timedelta(hours=22))
    [payload] = home.fetch(window)
    [asked] = home.asked(EXPORT_CSV)
    assert now - timedelta(seconds=10) < datetime.fromtimestamp(float(asked["query"]["to"]), UTC) <= now
    assert payload.window.end <= datetime.now(UTC)


def test_a_window_in_the_future_is_not_asked_for(home: Battery) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(NotYetPublishedError, match="the future"):
        home.fetch(Window(start, start + timedelta(hours=1)))
    assert home.asked() == []


def test_the_end_is_included_by_the_provider_and_counted_once_by_us(home: Battery) -> None:
    noon = 1_748_779_200_000
    home.twin.put(77, noon, {"Power_PV": 7.0})
    halves = DAY.halves()
    counts = [rounded(points_of(home.load(half))).get(("77/Power_PV", noon)) for half in halves]
    assert counts == [None, 7.0]


def test_a_window_that_begins_within_a_millisecond_is_asked_for_in_whole_ones_and_answered_exactly(
    home: Battery,
) -> None:
    noon = 1_748_779_200_000
    for away in range(4):
        home.twin.put(77, noon + away, {"Power_PV": float(away)})
    start = datetime.fromtimestamp(noon / 1000, UTC)
    window = Window(start + timedelta(microseconds=84), start + timedelta(milliseconds=2, microseconds=157))
    assert rounded(points_of(home.load(window))) == {("77/Power_PV", noon + 1): 1.0, ("77/Power_PV", noon + 2): 2.0}


def test_products_are_listed_page_by_page_until_a_short_one() -> None:
    with battery(account=AccountConfig(statistics=()), products_per_page=1) as home:
        payloads = home.fetch()
        assert [entry["query"]["page"] for entry in home.asked(PRODUCTS)] == ["1", "2", "3", "4"]
        assert [payload.page for payload in payloads if payload.part == "/products"] == [1, 2, 3, 4]
        assert {payload.part for payload in payloads} == {"/products", "77/export", "79/export"}
        assert points_of(concat(home.provider.normalize(payloads, DAY)))


def test_a_list_of_products_costs_one_request_more_to_prove_its_end() -> None:
    with battery(account=AccountConfig(statistics=())) as home:
        assert [product.id for product in home.provider.client.products()] == [77, 79]
        assert [entry["query"]["page"] for entry in home.asked(PRODUCTS)] == ["1", "2"]


def test_pages_of_products_with_a_cap_of_their_own_are_listed_to_the_end() -> None:
    with battery(account=AccountConfig(statistics=()), products_per_page=9) as home:
        one, other = ({"id": number} for number in (77, 79))
        home.twin.fault("answer", endpoint="products", page=1, body=json.dumps([one]))
        home.twin.fault("answer", endpoint="products", page=2, body=json.dumps([other]))
        assert [product.id for product in home.provider.client.products()] == [77, 79]


@pytest.mark.parametrize("cut", [[], [{"id": 1}]])
def test_a_page_of_products_that_was_cut_is_found_by_the_next_one(cut: list[dict[str, int]]) -> None:
    with battery(account=AccountConfig(statistics=()), products_per_page=2) as home:
        for page, ids in ((1, [{"id": 7}, {"id": 8}]), (2, cut), (3, [{"id": 9}, {"id": 10}])):
            home.twin.fault("answer", endpoint="products", page=page, body=json.dumps(ids))
        with pytest.raises(TruncationSuspectedError, match="one of them was cut"):
            home.provider.client.products()


def test_pages_of_products_that_repeat_are_a_loop() -> None:
    with battery(account=AccountConfig(statistics=()), products_per_page=1) as home:
        home.twin.fault("page_repeats")
        with pytest.raises(PagingLoopError, match="only products of earlier pages"):
            home.fetch()


def test_a_provider_that_ignores_the_count_has_sent_all() -> None:
    with battery(account=AccountConfig(statistics=()), products_per_page=1) as home:
        home.twin.fault("count_ignored")
        assert [product.id for product in home.provider.client.products()] == [77, 79]
        assert len(home.asked(PRODUCTS)) == 1


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (ProductFilter(q="AA0031"), [79]),
        (ProductFilter(is_installed=True), [79]),
        (ProductFilter(is_installed=False), [77]),
        (ProductFilter(group_id=64), [77, 79]),
        (ProductFilter(group_id=65), []),
        (ProductFilter(owner_id=1, sort="-id"), [79, 77]),
    ],
)
def test_products_are_filtered_and_sorted_by_the_provider(chosen: ProductFilter, found: list[int]) -> None:
    with battery(account=AccountConfig(product_filter=chosen)) as home:
        assert [product.id for product in home.provider.client.products()] == found


def test_latest_values_come_with_their_time_or_without(home: Battery) -> None:
    at, values = home.provider.client.latest(Device("product", "77"))
    assert at is not None
    assert datetime.now(UTC) - at < timedelta(days=1)
    assert {"pvPower", "gridPower"} <= set(values)
    assert home.provider.client.latest(Device("product", "77"), with_time=False)[0] is None


def test_what_is_discovered_has_the_products_zone_and_group() -> None:
    with battery(account=AccountConfig(products=(77, 79), statistics=())) as home:
        found = {series.key: series for series in home.provider.discover()}
        assert found["77/Power_PV"].time_zone == "Europe/Berlin"
        assert found["79/Power_PV"].time_zone == "Europe/Vienna"
        assert found["79/Power_PV"].site == "Clustering Test"


def test_latest_values_whose_path_is_another_one_cost_no_series(home: Battery) -> None:
    home.twin.fault("status", code=404, endpoint="latest")
    assert {series.key for series in home.provider.discover()} >= {"77/Power_PV", "77/Power_Grid"}
    assert len(home.asked(LATEST)) == 1


def test_a_token_that_dies_between_two_questions_costs_one_login() -> None:
    with battery(account=replace(ACCOUNT, products=(77, 79))) as home:
        fetching = home.provider.fetch(DAY, {})
        next(fetching)
        home.twin.revoke_tokens()
        assert len(list(fetching)) == 1
        assert home.logins() == 2


def test_a_token_that_lives_three_seconds_costs_one_renewal_and_no_row() -> None:
    account = replace(ACCOUNT, validity_seconds=3)
    with battery(account=account, token_seconds=3.0) as home:
        home.fetch()
        home.twin.revoke_tokens()
        assert rounded(points_of(home.load())) == rounded(truth(home, DAY, "77"))
        assert home.logins() == 2


def test_the_validity_is_asked_for(home: Battery) -> None:
    home.twin.configure(token_seconds=0.0)
    home.fetch()
    assert home.logins() == 1
    with battery(account=replace(ACCOUNT, validity_seconds=31_622_400)) as lasting:
        lasting.fetch()
        assert lasting.asked(LOGIN)[0]["status"] == 200


def test_wrong_credentials_are_a_400_and_asked_once() -> None:
    with battery(password="wrong") as home:
        with pytest.raises(CredentialsRejectedError, match="answered 400"):
            home.fetch()
        with pytest.raises(CredentialsRejectedError, match="a moment ago"):
            home.fetch()
        assert home.logins() == 1


def test_a_login_without_a_token_is_unreadable(home: Battery) -> None:
    home.twin.fault("no_token")
    with pytest.raises(PayloadUnreadableError, match="no access token"):
        home.fetch()


def test_a_token_is_in_no_address_no_log_and_no_message(home: Battery, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    home.fetch()
    token = home.login.token().reveal()
    home.twin.fault("status", code=500, times=20)
    with pytest.raises(ProviderUnavailableError) as caught:
        home.fetch()
    said = f"{caplog.text} {caught.value!r} {[entry['query'] for entry in home.asked()]}"
    assert token not in said
    assert home.twin.settings.password not in said


def test_a_product_that_the_user_may_not_read_is_rejected_credentials() -> None:
    with (
        battery(account=replace(ACCOUNT, products=(99,))) as home,
        pytest.raises(CredentialsRejectedError, match="403"),
    ):
        home.fetch()


def test_a_refusal_is_said_in_the_providers_words_and_not_repeated() -> None:
    with battery(account=replace(ACCOUNT, export_fields=("Power_Nowhere",))) as home:
        with pytest.raises(RequestRejectedError, match="knows Power_Grid"):
            home.fetch()
        assert len(home.asked(EXPORT_CSV)) == 1


@pytest.mark.parametrize("characters", [1, 7])
def test_a_cut_last_line_is_asked_for_again_and_never_loaded(home: Battery, characters: int) -> None:
    home.twin.fault("cut_last_line", characters=characters)
    with pytest.raises(IncompleteAnswerError, match="last line"):
        home.fetch()
    home.twin.clear_faults()
    assert len(home.fetch()) == 1


def test_a_csv_that_only_the_end_of_the_connection_ends_is_not_believed(home: Battery) -> None:
    home.twin.configure(is_gzip=False)
    home.twin.fault("cut", framing="close", fraction=1.0)
    with pytest.raises(IncompleteAnswerError, match="nothing else says"):
        home.fetch()


@pytest.mark.parametrize("framing", ["content_length", "chunked", "gzip"])
def test_a_cut_on_the_wire_is_tried_again(home: Battery, framing: str) -> None:
    home.twin.fault("cut", framing=framing, fraction=0.5, times=1)
    assert rounded(points_of(home.load())) == rounded(truth(home, DAY, "77"))
    assert len(home.asked(EXPORT_CSV)) == 2


@pytest.mark.parametrize("fault", ["bom", "unix_lines", "extra_column"])
def test_harmless_oddities_change_no_value(home: Battery, fault: str) -> None:
    home.twin.fault(fault)
    assert rounded(points_of(home.load())) == rounded(truth(home, DAY, "77"))


def test_the_separator_bug_of_2021_is_repaired() -> None:
    with battery(account=replace(ACCOUNT, separator=";")) as home:
        home.twin.fault("mixed_separators")
        assert home.fetch()[0].body.startswith(b"sep=;\r\nTime;")
        assert rounded(points_of(home.load())) == rounded(truth(home, DAY, "77"))


def test_a_json_export_is_asked_for_by_its_extension() -> None:
    with battery(account=replace(ACCOUNT, export_format="json")) as home:
        home.fetch()
        assert len(home.asked(EXPORT_JSON)) == 1


def test_a_page_of_html_is_no_export(home: Battery) -> None:
    home.twin.fault("html_200")
    with pytest.raises(PayloadUnreadableError, match="web page"):
        home.fetch()
