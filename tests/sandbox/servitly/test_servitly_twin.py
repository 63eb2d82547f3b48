"""Servitly's twin: what its archives hold is what its truth says, and its API is the document's."""

import json
from dataclasses import replace
from typing import Any
from urllib.request import Request, urlopen

import pytest

from domain.measurement import Normalized
from domain.quantities import conversion
from sandbox.servitly import twin as served
from tests.fakes.harness import shared_sandbox
from tests.providers.servitly.harness import ACCOUNT, DAY, Boilers, boilers


def meant() -> dict[tuple[str, int], Any]:
    """Key of the labels and epoch milliseconds → value, as the control API says it."""
    url = f"{shared_sandbox().url}/_sandbox/servitly/truth?start={DAY.start:%FT%T}&end={DAY.end:%FT%T}"
    with urlopen(url) as answer:
        points = [json.loads(line) for line in answer]
    found = {(json.dumps(point["labels"], sort_keys=True), point["at"]): point["value"] for point in points}
    assert len(found) == len(points)
    return found


def normalized(found: Normalized) -> dict[tuple[str, int], Any]:
    """The same of what was normalized, in the provider's units again."""
    series = {one.key: one for one in found.series}
    said: dict[tuple[str, int], Any] = {}
    for frame in (found.measurements, found.states):
        for key, at, value in frame.itertuples(index=False):
            one = series[str(key)]
            plain = value
            if one.quantity != "state":
                how = conversion(one.quantity, one.provider_unit, place="test")
                plain = pytest.approx((value - how.offset) / how.factor)
            said[json.dumps(dict(one.labels), sort_keys=True), int(at.timestamp() * 1000)] = plain
    return said


def test_what_is_loaded_is_what_the_twin_means_point_for_point() -> None:
    with boilers() as made:
        found = made.load()
        assert found.unmapped == {}
        assert len(found.rejected) == 0
        assert normalized(found) == meant()
        assert len(found.measurements) > 3000
        assert len(found.states) > 20


@pytest.mark.parametrize(
    "fault",
    ["crlf", "csv_bom", "no_data_marks", "decimal_comma", "zip64", "separator"],
)
def test_the_same_points_come_in_every_dialect(fault: str) -> None:
    with boilers() as made:
        made.twin.fault(fault)
        assert normalized(made.load()) == meant()


def test_the_same_points_come_with_iso_times_and_sizes_in_front() -> None:
    with boilers(account=replace(ACCOUNT, timestamp_format="ISO_8601"), are_sizes_behind=False) as made:
        assert normalized(made.load()) == meant()


def test_an_edited_row_is_in_archive_and_truth() -> None:
    with boilers() as made:
        at = int(DAY.start.timestamp() * 1000) + 777
        request = Request(
            f"{made.sandbox.url}/_sandbox/servitly/rows",
            json.dumps({"thing": "HM-1001", "put": [{"at": at, "cells": {"Voltage": 1.5}}], "remove": []}).encode(),
            {"content-type": "application/json"},
        )
        with urlopen(request) as answer:
            assert json.load(answer) == {"put": 1, "removed": 0}
        found = normalized(made.load())
        assert found == meant()
        assert 1.5 in [value for (_, when), value in found.items() if when == at]


def test_its_jobs_are_shown() -> None:
    with boilers() as made:
        made.fetch()
        with urlopen(f"{made.sandbox.url}/_sandbox/servitly/jobs") as answer:
            shown = json.load(answer)
        assert (len(shown["jobs"]), shown["n_refused"], shown["most_pending"]) == (1, 0, 1)
        assert shown["jobs"][0]["order"]["includeUnit"] is True


def renewal(made: Boilers) -> Request:
    token = made.login.headers()["authorization"]
    refresh_token = made.twin._refresh_tokens[token.removeprefix("Bearer ")]
    body = json.dumps({"refreshToken": refresh_token}).encode()
    return Request(f"{made.sandbox.url}{served.RENEW}", body, {"authorization": token})


def test_a_token_that_has_not_expired_cannot_be_renewed() -> None:
    with boilers() as made, pytest.raises(OSError, match="400"):
        urlopen(renewal(made))


def test_a_token_that_was_revoked_cannot_be_renewed() -> None:
    with boilers() as made:
        request = renewal(made)
        made.twin.revoke_tokens()
        with pytest.raises(OSError, match="401"):
            urlopen(request)
