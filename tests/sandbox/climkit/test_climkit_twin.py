"""Climkit's twin against its document, and its switches."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

import httpx
import pytest

from sandbox.climkit.house import CONSUMERS, GRID, METERS, PRODUCER, SENSORS, SITE
from sandbox.climkit.twin import ROOT, Climkit
from sandbox.running import Sandbox
from sandbox.settings import SettingError

FLAT, HEATING = CONSUMERS[0], "6a1b2c3d4e5f607182930012"
DAY = {"t_s": "2025-06-01T00:00:00", "t_e": "2025-06-02T00:00:00"}


class Caller:
    """The plainest client that can be."""

    def __init__(self, sandbox: Sandbox) -> None:
        found = sandbox.control.twins["climkit"]
        assert isinstance(found, Climkit)
        self.twin = found
        self.http = httpx.Client(base_url=sandbox.url + ROOT, trust_env=False, timeout=10)
        self.twin.configure(requests_per_second=0.0)
        self.bearer = self.login().json()["access_token"]

    def login(self, **changes: str) -> httpx.Response:
        settings = self.twin.settings
        return self.http.post("/auth", json={"username": settings.username, "password": settings.password} | changes)

    def ask(self, path: str, **said: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        if "sensor" in path or not said:
            return self.http.get(path, params=said, headers=headers)
        return self.http.post(path, json=said, headers=headers)

    def rows(self, path: str, **said: Any) -> list[dict[str, Any]]:
        response = self.ask(path, **{**DAY, **said})
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()
        return found


@pytest.fixture
def caller(running: Sandbox) -> Iterator[Caller]:
    running.control.reset()
    caller = Caller(running)
    yield caller
    caller.http.close()
    running.control.reset()


def test_a_login_answers_as_the_document_says(caller: Caller) -> None:
    said = caller.login().json()
    assert set(said) == {"access_token", "valid_until"}
    assert set(said["valid_until"]) == {"$date"}
    assert caller.login(password="wrong").status_code == 401


def test_the_lists_are_as_the_document_says(caller: Caller) -> None:
    assert caller.ask("/all_installations").json() == [{"id": SITE, "site_ref": "CH-1"}]
    assert caller.ask(f"/installation_infos/{SITE}").json()["timezone"] == "Europe/Zurich"
    meters = caller.ask(f"/meter_info/{SITE}").json()
    assert len(meters) == len(METERS) == 20
    assert set(meters[0]) == {"id", "type", "name", "mode", "prim_ad", "is_rule_meter"}
    assert [set(one) for one in caller.ask(f"/{SITE}/sensors_list").json()] == [
        {"id", "name", "type", "unit", "model"}
    ] * len(SENSORS)
    assert caller.ask("/meter_info/nowhere").status_code == 404


def test_without_a_token_nothing_is_said(caller: Caller) -> None:
    caller.bearer = "x"
    assert caller.ask("/all_installations").status_code == 401


def test_rows_bear_the_sites_own_offset_and_a_blank(caller: Caller) -> None:
    first = caller.rows(f"/meter_data/{SITE}/{FLAT}")[0]
    assert first["timestamp"] == "2025-06-01 02:00:00+02:00"
    assert set(first) == {"total", "self", "ext", "timestamp"}
    assert set(caller.rows(f"/meter_data/{SITE}/{PRODUCER}")[0]) == {"total", "timestamp"}


@pytest.mark.parametrize("text", ["2025-06-01 00:00:00", "2025-06-01T00:00:00", "2025-06-01"])
def test_a_question_may_have_a_blank_or_a_t(caller: Caller, text: str) -> None:
    assert len(caller.rows(f"/meter_data/{SITE}/{FLAT}", t_s=text)) == 97


@pytest.mark.parametrize("text", ["2025-06-01T00:00:00Z", "2025-06-01T00:00:00+02:00", "soon"])
def test_a_question_that_is_not_naive_is_refused(caller: Caller, text: str) -> None:
    assert caller.ask(f"/meter_data/{SITE}/{FLAT}", **{**DAY, "t_s": text}).status_code == 400


def test_the_houses_balance_holds_in_every_quarter_and_nights_are_negative(caller: Caller) -> None:
    rows = caller.rows(f"/site_data/{SITE}/electricity")
    for row in rows:
        assert row["conso_total"] == pytest.approx(row["from_ext"] + row["self"])
        assert row["conso_total"] == pytest.approx(sum(row.get(f"total_{meter}", 0) for meter in CONSUMERS))
        assert row[f"total_{GRID}"] == pytest.approx(row["from_ext"])
    assert sum(row["prod_total"] < 0 and row["self"] < 0 for row in rows) > 20
    assert any(len(repr(row["conso_total"])) > 12 for row in rows)  # float dust


def test_registers_count_what_the_quarters_say(caller: Caller) -> None:
    for meter, field in ((FLAT, "en_im"), (HEATING, "heat_energy_kwh")):
        quarters = {row["timestamp"]: row["total"] for row in caller.rows(f"/meter_data/{SITE}/{meter}")}
        readings = caller.rows(f"/meter_data_raw/{SITE}/{meter}")
        for before, after in pairwise(readings):
            assert after[field] - before[field] == pytest.approx(quarters[after["timestamp"]], abs=1e-6)
    rule = next(meter.id for meter in METERS.values() if meter.is_rule)
    assert caller.ask(f"/meter_data_raw/{SITE}/{rule}", **DAY).status_code == 404


def test_more_than_one_request_a_second_is_refused(caller: Caller) -> None:
    caller.twin.configure(requests_per_second=1.0)
    caller.twin._last_asked = float("-inf")
    assert [caller.ask("/all_installations").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("said", "has_header"), [("none", False), ("seconds", True), ("date", True)])
def test_what_a_refusal_says_of_waiting_is_a_setting(caller: Caller, said: str, *, has_header: bool) -> None:
    caller.twin.configure(requests_per_second=1.0, retry_after=said)
    caller.ask("/all_installations")
    assert ("retry-after" in caller.ask("/all_installations").headers) == has_header


def test_history_before_the_oldest_day_is_cut_in_silence_or_refused(caller: Caller) -> None:
    caller.twin.configure(oldest_day=date(2025, 6, 1))
    early = {"t_s": "2025-05-31T00:00:00"}
    assert caller.rows(f"/meter_data/{SITE}/{FLAT}", **early)[0]["timestamp"] == "2025-06-01 02:00:00+02:00"
    caller.twin.configure(is_oldest_refused=True)
    assert caller.ask(f"/meter_data/{SITE}/{FLAT}", **{**DAY, **early}).status_code == 403


@pytest.mark.parametrize(
    "event",
    [
        {"event": "melt"},
        {"event": "replace"},
        {"event": "replace", "at": "soon"},
        {"event": "jitter", "at": 0, "by": "x"},
    ],
)
def test_what_cannot_happen_to_a_counter_is_refused(caller: Caller, event: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        caller.twin.happen({"meter": FLAT, **event})


@pytest.mark.parametrize("rule", [None, {}, {"meter": FLAT}, {"meter": FLAT, "start": 0, "end": 1, "percent": "x"}])
def test_a_rule_that_says_too_little_is_refused(caller: Caller, rule: object) -> None:
    with pytest.raises(SettingError):
        caller.twin.restate(rule)
