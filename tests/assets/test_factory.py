"""Ranged runs of a source's assets in a real Dagster instance, over fakes below."""

import dagster as dg
import pytest

from assets.factory import CORRECTION_TAG, source_assets
from assets.plot import DayPlot
from assets.source import catalogue_key
from assets.steps import land
from domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    PayloadUnreadableError,
    ShrinkRefusedError,
    WarehouseUnavailableError,
)
from domain.records import Series
from domain.window import Window
from tests.fakes.days import FIRST, LAST, MEASUREMENTS, PAYLOADS, THIRD, House, all_days, days, facts


def failure_of(result: dg.ExecuteInProcessResult) -> dg.Failure:
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return dg.Failure(data.description, metadata=data.metadata)


def test_a_source_has_three_assets_and_no_day_depends_on_the_catalogue() -> None:
    graph = {
        spec.key.to_user_string(): sorted(dep.asset_key.to_user_string() for dep in spec.deps)
        for asset in source_assets(facts())
        for spec in asset.specs
    }
    assert graph == {
        "roof/catalogue": [],
        "roof/payloads": [],
        "roof/measurements": ["roof/payloads"],
    }


def test_a_range_lands_and_loads_every_day_in_one_run(house: House) -> None:
    assert house.run(FIRST, LAST).success
    assert house.statuses(PAYLOADS, FIRST, LAST) == all_days("MATERIALIZED")
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED")
    assert [report.n_inserted for report in house.warehouse.reports] == [24] * 5


def test_every_day_has_its_own_figures_and_a_picture_that_is_short(house: House) -> None:
    house.run(FIRST, LAST)
    figures = house.figures(MEASUREMENTS)
    assert {day: found["window"] for day, found in figures.items()} == {str(day): str(day) for day in days(5)}
    first = figures[str(FIRST)]
    assert (first["received"], first["inserted"], first["requests"]) == (24, 24, 1)
    assert (first["dagster/partition_row_count"], first["series"]) == (24, 1)
    for day, found in figures.items():
        assert found["plot"].startswith(f"![{day}](data:image/svg+xml,")
        assert len(found["plot"]) < 1000
    assert house.figures(PAYLOADS)[str(THIRD)]["payloads"] == 1


def test_numbers_of_rows_are_no_figures_to_plot_and_points_are_called_points(house: House) -> None:
    house.run(FIRST, FIRST)
    figures = house.figures(MEASUREMENTS)[str(FIRST)]
    assert (figures["load_id"], figures["pull_id"], figures["points"]) == ("1", "1", 24)
    assert house.figures(PAYLOADS)[str(FIRST)]["pull_id"] == "1"


def test_the_value_column_names_every_unit_that_the_source_stores(house: House) -> None:
    house.run(FIRST, FIRST, only=[catalogue_key("roof")])
    house.warehouse.series["roof"]["b"] = Series("b", "energy_register", "b")
    house.warehouse.series["roof"]["c"] = Series("c", "irradiance", "c")
    house.warehouse.series["roof"]["d"] = Series("d", "state", "d")
    house.run(FIRST, LAST)
    schema = house.figures(MEASUREMENTS)[str(LAST)]["dagster/column_schema"]
    [value] = [column for column in schema.columns if column.name == "value"]
    assert value.tags["unit"] == "W, W/m², Wh"


def test_a_picture_that_cannot_be_drawn_costs_no_day(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(DayPlot, "_svg", None)  # what cannot be called
    assert house.run(FIRST, LAST).success
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED")
    figures = house.figures(MEASUREMENTS)[str(LAST)]
    assert figures["inserted"] == 24
    assert "plot" not in figures
    [said] = [line for line in capsys.readouterr().err.splitlines() if f"{LAST} has no picture" in line]
    assert " - WARNING - " in said


def test_a_plot_that_trips_over_a_batch_costs_no_day(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trip(*_: object) -> None:
        msg = "a category that is none"
        raise ValueError(msg)

    house.provider.points[LAST]["roof/Q"] = dict(house.provider.points[LAST]["roof/P"])
    monkeypatch.setattr(DayPlot, "add", trip)
    assert house.run(FIRST, LAST).success
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED")
    assert [report.n_inserted for report in house.warehouse.reports] == [24, 24, 24, 24, 48]
    assert capsys.readouterr().err.count("drawing it failed (ValueError: a category that is none).") == 5


def test_measurements_alone_are_replayed_without_a_request(house: House) -> None:
    house.run(FIRST, LAST)
    n_requests = house.provider.n_requests
    assert house.run(FIRST, LAST, only=[MEASUREMENTS]).success
    assert house.provider.n_requests == n_requests
    assert house.figures(MEASUREMENTS)[str(FIRST)]["unchanged"] == 24


def test_a_pull_that_a_killed_run_left_is_loaded_without_a_request_and_the_run_says_so(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    land(house.provider, house.warehouse, "roof", Window.of_day(FIRST))
    n_requests = house.provider.n_requests
    assert house.run(FIRST, FIRST).success
    assert house.provider.n_requests == n_requests
    landed, loaded = house.figures(PAYLOADS)[str(FIRST)], house.figures(MEASUREMENTS)[str(FIRST)]
    assert (landed["was_adopted"], landed["requests"], landed["payloads"], landed["was_resumed"]) == (True, 0, 1, False)
    assert (loaded["inserted"], loaded["requests"]) == (24, 0)
    [said] = [line for line in capsys.readouterr().err.splitlines() if "was pulled" in line]
    assert "2026-01-01 was pulled " in said
    assert said.endswith("by a run that has not loaded all of it: pull 1 is loaded as it is, and nothing is asked for.")

    assert house.run(FIRST, FIRST).success
    assert house.provider.n_requests == n_requests + 1
    assert house.figures(PAYLOADS)[str(FIRST)]["was_adopted"] is False


def test_payloads_alone_are_asked_for_although_a_killed_run_left_some(house: House) -> None:
    land(house.provider, house.warehouse, "roof", Window.of_day(FIRST))
    assert house.run(FIRST, FIRST, only=[PAYLOADS]).success
    assert len(house.provider.asked) == 2


def test_a_retired_source_is_tagged_and_still_replayed(house: House) -> None:
    house.run(FIRST, LAST)
    house.facts = facts(was_retired=True)
    assert all("retired" in spec.tags for asset in source_assets(house.facts) for spec in asset.specs)
    assert not any("retired" in spec.tags for asset in source_assets(facts()) for spec in asset.specs)
    house.provider.points.clear()  # nobody answers any more
    assert house.run(FIRST, LAST, only=[MEASUREMENTS]).success
    assert house.figures(MEASUREMENTS)[str(LAST)]["unchanged"] == 24


def test_measurements_of_a_day_that_was_never_landed_fail_by_name(house: House) -> None:
    house.run(FIRST, THIRD)
    result = house.run(FIRST, LAST, only=[MEASUREMENTS])
    assert not result.success
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED", *days(5)[3:])
    assert "2026-01-04, 2026-01-05" in str(failure_of(result).description)


def test_payloads_alone_load_nothing(house: House) -> None:
    assert house.run(FIRST, LAST, only=[PAYLOADS]).success
    assert house.statuses(PAYLOADS, FIRST, LAST) == all_days("MATERIALIZED")
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == {}
    assert house.warehouse.reports == []


def test_a_day_that_cannot_be_landed_fails_alone_and_by_name(house: House) -> None:
    house.provider.failures[THIRD] = PayloadUnreadableError("they changed", place="roof", fix="look")
    result = house.run(FIRST, LAST)
    assert not result.success
    for key in (PAYLOADS, MEASUREMENTS):
        assert house.statuses(key, FIRST, LAST) == all_days("MATERIALIZED", THIRD)
    failure = failure_of(result)
    assert (
        failure.description
        == "1 of 5 days of roof failed: 2026-01-03. PayloadUnreadableError: they changed (roof): look."
    )
    assert failure.metadata["failed_days"].value == ["2026-01-03"]
    assert house.figures(MEASUREMENTS)[str(LAST)]["inserted"] == 24


def test_a_warehouse_that_cannot_be_opened_fails_every_day_by_its_name_and_asks_the_provider_nothing(
    house: House,
) -> None:
    away = WarehouseUnavailableError("the database does not answer", place="localhost", fix="start it")
    house.warehouse.unopenable = away
    result = house.run(FIRST, LAST)
    assert not result.success
    failure = failure_of(result)
    assert failure.description == (
        "1 of 5 days of roof failed: 2026-01-01. WarehouseUnavailableError: the database does not answer"
        " (localhost): start it."
        " 4 later days were not tried, since the same would happen: 2026-01-02 to 2026-01-05."
    )
    assert failure.metadata["failed_days"].value == ["2026-01-01"]
    assert house.provider.n_requests == 0
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("FAILED")


def test_a_day_that_cannot_be_loaded_is_landed_all_the_same(house: House) -> None:
    house.warehouse.load_failures[THIRD] = ShrinkRefusedError("fewer rows", place="roof", fix="look")
    assert not house.run(FIRST, LAST).success
    assert house.statuses(PAYLOADS, FIRST, LAST) == all_days("MATERIALIZED")
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED", THIRD)


def test_a_day_that_failed_is_mended_by_a_run_of_that_day(house: House) -> None:
    house.provider.failures[THIRD] = PayloadUnreadableError("they changed", place="roof", fix="look")
    house.run(FIRST, LAST)
    house.provider.failures.clear()
    assert house.run(THIRD, THIRD).success
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED")


def test_rejected_credentials_stop_the_range_and_the_rest_is_said_to_be_untried(house: House) -> None:
    house.provider.failures[THIRD] = CredentialsRejectedError("401", place="roof", fix="renew")
    result = house.run(FIRST, LAST)
    assert [window.day for window in house.provider.asked] == days(3)
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED", *days(5)[2:])
    assert "2 later days were not tried, since the same would happen: 2026-01-04 to 2026-01-05." in str(
        failure_of(result).description
    )


def test_days_committed_before_a_bug_of_ours_are_recorded(house: House) -> None:
    del house.provider.points[LAST]["roof/P"]
    house.provider.points[LAST] = {"roof/P": {"no instant": 1.0}}  # type: ignore[dict-item]  # the bug
    assert not house.run(FIRST, LAST).success
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED", LAST)


def test_a_failed_range_is_not_retried_as_a_whole(house: House) -> None:
    house.provider.failures[THIRD] = PayloadUnreadableError("they changed", place="roof", fix="look")
    result = house.run(FIRST, LAST)
    assert len(house.provider.asked) == 5
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_run_marked_as_a_correction_may_shrink_a_day(house: House) -> None:
    house.run(FIRST, FIRST)
    house.provider.points[FIRST] = {}
    assert not house.run(FIRST, FIRST).success
    assert house.run(FIRST, FIRST, tags={CORRECTION_TAG: "true"}).success
    assert house.figures(MEASUREMENTS)[str(FIRST)]["removed"] == 24


def test_a_missing_setting_fails_the_run_by_name_and_asks_for_no_second_day(house: House) -> None:
    house.warehouse.unavailable = ConfigurationError("WAREHOUSE_URL is absurd", place="environment", fix="mend it")
    result = house.run(FIRST, LAST)
    assert "WAREHOUSE_URL is absurd" in str(failure_of(result).description)
    assert house.provider.asked == []


def test_the_catalogue_lists_what_is_offered(house: House) -> None:
    result = house.run(FIRST, FIRST, only=[catalogue_key("roof")])
    assert result.success
    [event] = result.asset_materializations_for_node("roof__catalogue")
    assert event.metadata["dagster/row_count"].value == 1
    assert list(house.warehouse.series["roof"]) == ["roof/P"]


def test_a_catalogue_that_stayed_the_same_does_not_outdate_every_day(house: House) -> None:
    versions: list[str] = []
    for _ in range(3):
        result = house.run(FIRST, FIRST, only=[catalogue_key("roof")])
        [event] = result.asset_materializations_for_node("roof__catalogue")
        versions.append((event.tags or {})["dagster/data_version"])
        if len(versions) == 2:
            house.provider.points[FIRST]["roof/Q"] = {}
    assert versions[0] == versions[1] != versions[2]


def test_a_catalogue_that_cannot_be_had_fails_with_one_sentence(house: House) -> None:
    house.provider.discovery_failure = CredentialsRejectedError("401", place="roof", fix="renew")
    result = house.run(FIRST, FIRST, only=[catalogue_key("roof")])
    assert failure_of(result).description == "roof: CredentialsRejectedError: 401 (roof): renew."


ALL_THREE = [catalogue_key("roof"), PAYLOADS, MEASUREMENTS]


def test_the_catalogue_is_read_before_the_days_of_its_run(house: House) -> None:
    result = house.run(FIRST, LAST, only=ALL_THREE)
    assert result.success
    steps = [event.step_key for event in result.all_events if event.event_type_value == "STEP_SUCCESS"]
    assert steps == ["roof__catalogue", "roof__days"]
    [event] = result.asset_materializations_for_node("roof__catalogue")
    assert event.partition is None
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED")


def test_a_catalogue_that_fails_is_red_by_itself_and_stops_no_day_of_its_run(house: House) -> None:
    house.provider.discovery_failure = CredentialsRejectedError("401", place="roof", fix="renew")
    result = house.run(FIRST, LAST, only=ALL_THREE)
    assert not result.success
    assert failure_of(result).description == "roof: CredentialsRejectedError: 401 (roof): renew."
    assert house.statuses(PAYLOADS, FIRST, LAST) == all_days("MATERIALIZED")
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED")
    [report, *_] = house.warehouse.reports
    assert report.n_inserted == 24


def test_days_that_fail_leave_the_catalogue_of_their_run_green(house: House) -> None:
    house.provider.failures[THIRD] = PayloadUnreadableError("cut", place="roof", fix="look")
    result = house.run(FIRST, LAST, only=ALL_THREE)
    assert failure_of(result).description == (
        f"1 of 5 days of roof failed: {THIRD}. PayloadUnreadableError: cut (roof): look."
    )
    assert result.asset_materializations_for_node("roof__catalogue")
    assert house.statuses(MEASUREMENTS, FIRST, LAST) == all_days("MATERIALIZED", THIRD)


def test_checks_run_after_the_days(house: House) -> None:
    result = house.run(FIRST, LAST, with_checks=True)
    assert result.success
    passed = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert passed == {
        "fresh": False,
        "complete": False,
        "nothing_failed": True,
        "series_complete": True,
        "series_fresh": True,
        "series_plausible": True,
        "nothing_suspect": True,
        "nothing_rejected": True,
        "nothing_unmapped": True,
        "accounted_for": True,
        "restated": True,
        "summaries_agree": True,
    }
