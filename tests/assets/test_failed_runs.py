"""What a failed run says and leaves behind in a real Dagster instance, and what becomes of it when it is run again."""

import dagster as dg
import pytest

from assets.checks import CHECKS, source_checks
from assets.factory import source_assets
from domain.errors import PayloadUnreadableError, ShrinkRefusedError, WarehouseUnavailableError
from tests.fakes.days import FIRST, LAST, MEASUREMENTS, PAYLOADS, THIRD, House, all_days


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    return str(data.description) if data else ""


def test_a_replay_says_so_and_its_check_stays_red_while_the_provider_answers_badly(
    house: House, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    house.run(FIRST, LAST)
    assert house.figures(MEASUREMENTS)[str(THIRD)]["was_replayed"] is False
    house.provider.failures[THIRD] = PayloadUnreadableError("they changed", place="roof", fix="look")
    house.run(THIRD, THIRD, with_checks=True)
    assert checked(instance)["nothing_failed"][0] == "FAILED"

    capsys.readouterr()
    assert house.run(THIRD, THIRD, only=[MEASUREMENTS], with_checks=True).success
    said = capsys.readouterr().err
    assert "Replay: what is landed is loaded again, and the fake provider is not asked." in said
    assert "2026-01-03 replayed from pull 3: 24 points received" in said
    assert house.figures(MEASUREMENTS)[str(THIRD)]["was_replayed"] is True
    status, sentence = checked(instance)["nothing_failed"]
    assert status == "FAILED"
    assert sentence.startswith("PayloadUnreadableError: the newest load of 2026-01-03 failed, and what was loaded")

    house.provider.failures.clear()
    assert house.run(THIRD, THIRD, with_checks=True).success
    assert checked(instance)["nothing_failed"][0] == "SUCCEEDED"


def test_a_day_that_is_landed_and_not_loaded_is_visible(house: House, instance: dg.DagsterInstance) -> None:
    house.run(FIRST, FIRST, with_checks=True)
    house.run(THIRD, THIRD, only=[PAYLOADS], with_checks=True)
    house.run(FIRST, FIRST, only=[MEASUREMENTS], with_checks=True)
    assert "Landed and not loaded: 2026-01-03;" in checked(instance)["complete"][1]
    house.run(THIRD, THIRD, only=[MEASUREMENTS], with_checks=True)
    assert "Landed" not in checked(instance)["complete"][1]


@pytest.mark.parametrize("how", ["from failure", "from asset failure"])
def test_a_failed_run_that_is_executed_again_asks_for_its_failed_days_only(house: House, how: str) -> None:
    for day in (THIRD, LAST):
        house.provider.failures[day] = PayloadUnreadableError("they changed", place="roof", fix="look")
    failed = house.run(FIRST, LAST, with_checks=True)
    before = {key: house.figures(key)[str(FIRST)] for key in (PAYLOADS, MEASUREMENTS)}
    del house.provider.failures[LAST]

    house.provider.asked.clear()
    still = house.again(failed, how)
    assert not still.success
    assert {window.day for window in house.provider.asked} == {THIRD, LAST}
    for key in (PAYLOADS, MEASUREMENTS):
        assert house.statuses(key, FIRST, LAST) == all_days("MATERIALIZED", THIRD)
        assert house.figures(key)[str(FIRST)] == before[key]
    assert "1 of 2 days of roof failed: 2026-01-03." in failure_of(still)

    house.provider.failures.clear()
    house.provider.asked.clear()
    assert house.again(still, how).success
    assert [window.day for window in house.provider.asked] == [THIRD]
    for key in (PAYLOADS, MEASUREMENTS):
        assert house.statuses(key, FIRST, LAST) == all_days("MATERIALIZED")
        assert house.figures(key)[str(FIRST)] == before[key]
    assert house.figures(MEASUREMENTS)[str(THIRD)]["inserted"] == 24


def test_a_day_that_was_landed_and_refused_is_asked_for_again_from_failure(house: House) -> None:
    house.warehouse.load_failures[THIRD] = ShrinkRefusedError("fewer rows", place="roof", fix="look")
    failed = house.run(FIRST, LAST)
    house.warehouse.load_failures.clear()
    house.provider.asked.clear()
    assert house.again(failed, "from asset failure", with_checks=False).success
    assert [window.day for window in house.provider.asked] == [THIRD]


def checked(instance: dg.DagsterInstance) -> dict[str, tuple[str, str]]:
    """Check → what the UI shows of its newest evaluation: status and sentence; checks without any are left out."""
    keys = [dg.AssetCheckKey(MEASUREMENTS, name) for name in CHECKS]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    evaluated = {
        key.name: (record.status.name, record.event.dagster_event.event_specific_data)
        for key, record in found.items()
        if record.event and record.event.dagster_event
    }
    return {
        name: (status, evaluation.description or "")
        for name, (status, evaluation) in evaluated.items()
        if isinstance(evaluation, dg.AssetCheckEvaluation)
    }


def test_checks_are_evaluated_after_a_failed_step_too_and_say_why_by_the_errors_name(
    house: House, instance: dg.DagsterInstance
) -> None:
    house.provider.failures[THIRD] = PayloadUnreadableError("they changed", place="roof", fix="look")
    assert not house.run(FIRST, LAST, with_checks=True).success
    found = checked(instance)
    assert set(found) == set(CHECKS)
    status, sentence = found["nothing_failed"]
    assert status == "FAILED"
    assert sentence.startswith("PayloadUnreadableError: the newest load of 2026-01-03 failed, and nothing of it")
    assert found["accounted_for"][0] == "SUCCEEDED"


def test_a_warehouse_that_cannot_be_opened_turns_a_check_red_by_its_name(
    house: House, instance: dg.DagsterInstance
) -> None:
    house.warehouse.unopenable = WarehouseUnavailableError("no answer", place="localhost", fix="start it")
    house.run(FIRST, LAST, with_checks=True)
    said = "WarehouseUnavailableError: no answer (localhost): start it."
    assert checked(instance) == {"nothing_failed": ("FAILED", said)}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_can_be_evaluated_alone(name: str, house: House, instance: dg.DagsterInstance) -> None:
    one = dg.AssetSelection.checks(dg.AssetCheckKey(MEASUREMENTS, name))
    definitions = [*source_assets(house.facts), source_checks(house.facts)]
    resources = {"roof": house.provider, "warehouse": house.warehouse}
    result = dg.materialize(definitions, instance=instance, resources=resources, selection=one)
    assert result.success
    assert list(checked(instance)) == [name]
