"""VoltStorage's twin serves the document, and says where the document says nothing."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.running import Sandbox
from sandbox.voltstorage.twin import EXPORT_CSV, EXPORT_JSON, LATEST, LOGIN, PRODUCTS, STATISTICS, VoltStorage

MINE = "/_sandbox/voltstorage"
MIDNIGHT = 1_748_736_000


@dataclass
class Caller:
    """The plainest client that can be."""

    http: httpx.Client
    twin: VoltStorage

    def login(self, **changes: Any) -> httpx.Response:
        settings = self.twin.settings
        return self.http.post(LOGIN, json={"email": settings.username, "password": settings.password, **changes})

    def get(self, path: str, **query: Any) -> httpx.Response:
        bearer = self.login().json()["token"]
        return self.http.get(path, params=query, headers={"authorization": f"Bearer {bearer}"})


@pytest.fixture
def caller(running: Sandbox) -> Iterator[Caller]:
    running.control.reset()
    twin = running.control.twins["voltstorage"]
    assert isinstance(twin, VoltStorage)
    with httpx.Client(base_url=running.url, trust_env=False, timeout=20) as http:
        yield Caller(http, twin)


def test_a_login_gives_a_token_and_the_address_is_case_insensitive(caller: Caller) -> None:
    assert caller.login().json()["token"].startswith("eyJ")
    assert caller.login(email=caller.twin.settings.username.upper()).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"email": "nobody@example.com"},
        {"validity": -1},
        {"validity": 31_622_401},
        {"validity": "long"},
    ],
)
def test_every_refused_login_is_a_400_with_a_list_of_errors(caller: Caller, changes: dict[str, Any]) -> None:
    refused = caller.login(**changes)
    assert refused.status_code == 400
    assert len(refused.json()["errors"]) == 1


def test_a_validity_of_nothing_gives_a_token_that_has_expired(caller: Caller) -> None:
    token = caller.login(validity=0).json()["token"]
    assert caller.http.get(PRODUCTS, headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_is_accepted_as_bearer_and_in_the_address(caller: Caller) -> None:
    token = caller.login().json()["token"]
    assert caller.http.get(PRODUCTS, params={"token": token}).status_code == 200
    assert caller.http.get(PRODUCTS, headers={"authorization": f"Bearer {token}"}).status_code == 200
    caller.twin.configure(token_in="header")
    assert caller.http.get(PRODUCTS, params={"token": token}).status_code == 401
    caller.http.post(f"{MINE}/revoke")
    assert caller.http.get(PRODUCTS, headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_a_product_looks_as_in_the_document(caller: Caller) -> None:
    [one] = caller.get(PRODUCTS, ids="77").json()
    assert (one["ownerName"], one["installationDate"], one["online"]) == (None, None, True)
    assert one["errors"] == ["nonDefaultStrategy"]
    assert one["group"]["owner"]["demo"] is False


def test_an_export_looks_as_in_the_document(caller: Caller) -> None:
    said = caller.get(EXPORT_CSV, productId=77, **{"from": MIDNIGHT, "to": MIDNIGHT + 600})
    assert said.headers["content-type"].startswith("text/csv")
    lines = said.text.split("\r\n")
    assert lines[0] == "sep=,"
    assert lines[1].startswith("Time,Power_Grid,Power_Household,inverterPower,Power_PV,Power_Power Electronics,SOC_")
    assert lines[2].startswith("2025-06-01T00:00:00.562Z,")
    assert lines[-1] == ""


def test_power_balances_as_in_the_documents_example(caller: Caller) -> None:
    said = caller.get(EXPORT_JSON, productId=77, precision=12, **{"from": MIDNIGHT, "to": MIDNIGHT + 1})
    [row] = [row for row in said.json() if row["Power_Grid"] is not None]
    assert row["Power_Grid"] == row["Power_Household"] - row["Power_PV"] - row["inverterPower"]


@pytest.mark.parametrize(
    "bounds", [{"from": 4_000_000_000}, {"from": MIDNIGHT, "to": 4_000_000_000}, {"to": MIDNIGHT}, {"from": "soon"}]
)
def test_a_time_frame_in_the_future_or_without_a_beginning_is_a_400(caller: Caller, bounds: dict[str, Any]) -> None:
    assert caller.get(EXPORT_CSV, productId=77, **bounds).status_code == 400


def test_a_row_may_say_nothing_at_all(caller: Caller) -> None:
    text = caller.get(EXPORT_CSV, productId=77, **{"from": MIDNIGHT, "to": MIDNIGHT + 60}).text
    assert any(line.endswith("Z,,,,,,") for line in text.split("\r\n"))


def test_the_other_shape_of_a_json_export_is_a_setting(caller: Caller) -> None:
    caller.twin.configure(json_shape="columns")
    said = caller.get(EXPORT_JSON, productId=77, **{"from": MIDNIGHT, "to": MIDNIGHT + 60}).json()
    assert said["fields"][0] == "Time"
    assert len(said["data"][0]) == len(said["fields"])


def test_statistics_are_watt_seconds_of_the_minutes(caller: Caller) -> None:
    [day] = caller.get(STATISTICS, productId=77, tstart=MIDNIGHT, tend=MIDNIGHT + 86_400, timespan="day").json()
    hours = caller.get(STATISTICS, productId=77, tstart=MIDNIGHT, tend=MIDNIGHT + 86_400, timespan="hour").json()
    assert day["timespan_start"] == MIDNIGHT
    assert sum(hour["consumption-total"] for hour in hours) == day["consumption-total"]
    assert 5 < day["consumption-total"] / 3_600_000 < 60  # kWh of a household


def test_statistics_of_a_day_that_is_not_over_change(caller: Caller) -> None:
    begin = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
    first = caller.get(STATISTICS, productId=77, tstart=begin, timespan="day").json()
    assert [one["timespan_start"] for one in first] in ([begin], [])


def test_the_latest_values_come_with_their_time_or_alone(caller: Caller) -> None:
    assert set(caller.get(LATEST, productId=77, includeTime="true").json()) == {"time", "data"}
    assert "pvPower" in caller.get(LATEST, productId=77).json()


def test_a_product_of_somebody_else_is_forbidden(caller: Caller) -> None:
    assert caller.get(EXPORT_CSV, productId=99, **{"from": MIDNIGHT}).status_code == 403


def test_the_truth_is_what_the_export_says_and_edits_are_in_both(caller: Caller) -> None:
    put = {"product": 77, "put": [{"at": MIDNIGHT * 1000 + 7, "cells": {"Power_PV": 7.5}}], "remove": [MIDNIGHT * 1000]}
    assert caller.http.post(f"{MINE}/rows", json=put).json() == {"put": 1, "removed": 1}
    said = caller.http.get(f"{MINE}/truth", params={"start": MIDNIGHT * 1000, "end": MIDNIGHT * 1000 + 60_000})
    points = [json.loads(line) for line in said.text.splitlines()]
    mine = [point for point in points if point["labels"] == {"product": "77", "field": "Power_PV"}]
    assert {"labels": {"product": "77", "field": "Power_PV"}, "at": MIDNIGHT * 1000 + 7, "value": 7.5} in mine
    text = caller.get(EXPORT_CSV, productId=77, **{"from": MIDNIGHT, "to": MIDNIGHT + 60}).text
    assert sum(bool(line.split(",")[4]) for line in text.split("\r\n")[2:-1]) == len(mine)


@pytest.mark.parametrize("body", [{}, {"product": 77, "put": [{}]}, {"product": 77, "remove": ["x"]}, []])
def test_an_edit_that_is_none_is_said_so(caller: Caller, body: object) -> None:
    assert caller.http.post(f"{MINE}/rows", json=body).status_code == 400


def test_rows_by_the_second_are_there_when_wanted(caller: Caller) -> None:
    assert [one["id"] for one in caller.get(PRODUCTS).json()] == [77, 79]
    caller.twin.configure(has_seconds=True)
    assert [one["id"] for one in caller.get(PRODUCTS).json()] == [77, 78, 79]
    text = caller.get(EXPORT_CSV, productId=78, **{"from": MIDNIGHT, "to": MIDNIGHT + 60}).text
    assert len(text.split("\r\n")) == 2 + 60 + 1


def test_an_export_that_is_behind_holds_no_row_that_is_younger(caller: Caller) -> None:
    asked = {"productId": 77, "from": MIDNIGHT, "to": MIDNIGHT + 3600}
    lag = time.time() - (MIDNIGHT + 1800)
    whole = caller.get(EXPORT_CSV, **asked).text.split("\r\n")
    caller.twin.configure(export_lag_seconds=lag)
    behind = caller.get(EXPORT_CSV, **asked).text.split("\r\n")
    assert 10 < len(behind) < len(whole)
    assert whole[: len(behind) - 1] == behind[:-1]


def test_nothing_is_said_about_the_future(caller: Caller) -> None:
    now = int(time.time() * 1000)
    caller.twin.configure(has_seconds=True)
    said = caller.http.get(f"{MINE}/truth", params={"start": now - 5_000, "end": now + 60_000, "product": "78"})
    assert all(json.loads(line)["at"] <= time.time() * 1000 for line in said.text.splitlines())


@pytest.mark.parametrize(
    "settings",
    [{"json_shape": "xml"}, {"live_time": "hours"}, {"spacing_ms": 7}, {"export_lag_seconds": -1}, {"nothing": 1}],
)
def test_a_setting_that_cannot_be_is_refused(caller: Caller, settings: dict[str, Any]) -> None:
    assert caller.http.put(f"{MINE}/settings", json=settings).status_code == 400
