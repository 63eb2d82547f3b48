"""What a person can see and do over HTTP."""

import json

import httpx
import pytest

from sandbox.export_service.settings import FAULTS
from sandbox.export_service.twin import ExportService
from sandbox.running import TWINS
from sandbox.server import is_loopback
from tests.sandbox.export_service.harness import DAY, GRID, VEHICLES, ExportCaller, ms, rows

MINE = "/_sandbox/export_service"


def test_the_overview_and_the_table_of_faults_can_be_read(caller: ExportCaller) -> None:
    assert "GET /_sandbox/faults" in caller.http.get("/_sandbox").text
    table = caller.http.get("/_sandbox/faults").json()
    assert set(FAULTS) <= set(table)
    assert 'Options: code=503, retry_after=null, as_date=false, body="json".' in table["status"]


def test_faults_are_switched_on_listed_replaced_and_switched_off(caller: ExportCaller) -> None:
    on = caller.http.put(f"{MINE}/faults", json={"fault": "status", "code": 500, "times": 1}).json()
    assert [(fault["fault"], fault["code"], fault["n_fired"]) for fault in on] == [("status", 500, 0)]
    assert caller.query().status_code == 500
    assert caller.http.get(f"{MINE}/faults").json()[0]["n_fired"] == 1
    caller.http.put(f"{MINE}/faults", json=[{"fault": "html_200"}, {"fault": "bom", "day": "2026-06-01"}])
    assert [fault["fault"] for fault in caller.http.get(f"{MINE}/faults").json()] == ["html_200", "bom"]
    assert caller.http.delete(f"{MINE}/faults").json() == {"removed": 2}
    assert caller.query().status_code == 200


@pytest.mark.parametrize(
    "body", [{"fault": "explode"}, {"kind": "status"}, [1], {"fault": "cut", "framing": "x"}, "no"]
)
def test_a_fault_that_is_none_is_refused_with_a_sentence(caller: ExportCaller, body: object) -> None:
    answer = caller.http.put(f"{MINE}/faults", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert caller.http.get(f"{MINE}/faults").json() == []


def test_settings_are_shown_without_the_secret_and_changed(caller: ExportCaller) -> None:
    shown = caller.http.get(f"{MINE}/settings")
    assert caller.sandbox.client_secret not in shown.text
    assert shown.json()["semantics"] == "scroll"
    changed = caller.http.put(
        f"{MINE}/settings", json={"semantics": "offset", "token_seconds": 5, "last_day": "2026-06-01"}
    )
    assert (changed.json()["semantics"], changed.json()["token_seconds"]) == ("offset", 5)
    assert caller.token().json()["expires_in"] == 5
    assert caller.page(startDate=DAY[1], endDate="2026-06-03T00:00:00")["result"] == []
    for wrong in ({"semantic": "offset"}, {"semantics": "cursor"}, {"token_seconds": "long"}, {"is_gzip": 1}):
        assert caller.http.put(f"{MINE}/settings", json=wrong).status_code == 400


def test_one_value_is_changed_one_row_removed_and_one_added(caller: ExportCaller, twin: ExportService) -> None:
    before = twin.documents(GRID, *DAY)
    first, second = before[0]["timestamp"], before[1]["timestamp"]
    done = caller.http.post(
        f"{MINE}/rows",
        json={
            "product": GRID,
            "change": [{"timestamp": first, "set": {"P_kW": 123.5}}],
            "remove": [{"timestamp": second}],
            "add": [{"P_kW": 1.0, "timestamp": ms(DAY[0])}],
        },
    )
    assert done.json() == {"changed": 1, "removed": 1, "added": 1}
    expected = [{"P_kW": 1.0, "timestamp": ms(DAY[0])}, {**before[0], "P_kW": 123.5}, *before[2:]]
    assert twin.documents(GRID, *DAY) == rows(caller.pages()) == expected
    assert [tally.documents for tally in twin.totals("2026-06-02", "2026-06-03").values()][1] == 1440


def test_one_vehicle_of_a_millisecond_is_meant_by_where(caller: ExportCaller, twin: ExportService) -> None:
    stamp = twin.documents(VEHICLES, *DAY)[0]["timestamp"]
    edit = {"timestamp": stamp, "where": {"vehicleId": "EV-03"}}
    done = caller.http.post(f"{MINE}/rows", json={"product": VEHICLES, "remove": [edit]})
    assert done.json()["removed"] == 1
    left = [row["vehicleId"] for row in twin.documents(VEHICLES, *DAY) if row["timestamp"] == stamp]
    assert left == ["EV-01", "EV-02", "EV-04", "EV-05", "EV-06"]
    assert twin.remove(VEHICLES, stamp + 1, {"vehicleId": "EV-03"}) == 0


@pytest.mark.parametrize("body", [{}, {"product": GRID, "change": [{}]}, {"product": GRID, "add": [{"P_kW": 1}]}, 7])
def test_an_edit_that_is_none_is_refused_with_a_sentence(caller: ExportCaller, body: object) -> None:
    answer = caller.http.post(f"{MINE}/rows", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_a_new_product_begins_with_its_first_row(caller: ExportCaller, twin: ExportService) -> None:
    twin.add("audicharginghub_new", [{"x_kW": 1, "timestamp": ms(DAY[0])}])
    assert "audicharginghub_new" in caller.products().json()
    assert caller.page("audicharginghub_new")["numResults"] == 1


def test_the_documents_are_half_open_and_one_a_line(caller: ExportCaller, twin: ExportService) -> None:
    twin.add(GRID, [{"timestamp": ms(DAY[1])}])
    query = {"product": GRID, "start": "2026-06-01T00:00:00Z", "end": "2026-06-02"}
    lines = caller.http.get(f"{MINE}/documents", params=query).text.splitlines()
    assert len(lines) == 1440
    assert all(line.startswith('{"Pset_kW":') for line in lines)
    assert caller.http.get(f"{MINE}/documents").status_code == 400
    assert caller.http.get(f"{MINE}/documents", params=query | {"end": "tomorrow"}).status_code == 400


def test_the_truth_is_a_point_a_line_with_the_labels_of_its_series(caller: ExportCaller, twin: ExportService) -> None:
    document = twin.documents(VEHICLES, *DAY)[0]
    stamp = document["timestamp"]
    twin.change(VEHICLES, stamp, {"cell": {"is_on": True, "T_degC": None}, "mode": "go"}, {"vehicleId": "EV-01"})
    query = {"start": stamp, "end": stamp + 1, "product": VEHICLES}
    lines = [json.loads(line) for line in caller.http.get(f"{MINE}/truth", params=query).text.splitlines()]
    mine = [line for line in lines if line["labels"]["vehicleId"] == "EV-01"]
    assert {line["labels"]["field"]: line["value"] for line in mine} == {
        "P_kW": document["P_kW"],
        "energy_kWh": document["energy_kWh"],
        "soc_pct": document["soc_pct"],
        "cell.is_on": "true",
        "mode": "go",
    }
    assert {line["at"] for line in lines} == {stamp}
    assert mine[0]["labels"] | {"field": ""} == {"vehicleId": "EV-01", "product": VEHICLES, "field": ""}
    whole = caller.http.get(f"{MINE}/truth", params={"start": DAY[0], "end": DAY[1]}).text.splitlines()
    totals = twin.totals(*DAY)
    n_named = totals[VEHICLES].documents  # each has a text that only tells devices apart
    assert len(whole) == sum(tally.numbers + tally.texts for tally in totals.values()) - n_named


def test_every_twin_says_where_it_is_how_one_gets_in_and_what_can_go_wrong(caller: ExportCaller) -> None:
    twins = caller.http.get("/_sandbox/twins").json()
    assert twins["export_service"]["path"] == ""
    assert twins["export_service"]["credentials"] == ["client_id", "client_secret"]
    assert set(twins["export_service"]["faults"]) == set(FAULTS)
    assert set(twins) == {kind.slug for kind in TWINS}
    assert all(twin["path"] == f"/{slug}" for slug, twin in twins.items() if slug != "export_service")


def test_totals_count_documents_and_points(caller: ExportCaller, twin: ExportService) -> None:
    totals = caller.http.get(f"{MINE}/totals", params={"start": "2026-06-01", "end": "2026-06-02"}).json()
    assert totals[GRID] == {"documents": 1440, "numbers": 2880, "texts": 0, "nulls": 0, "points": 2880}
    first = twin.documents(GRID, *DAY)[0]["timestamp"]
    twin.change(GRID, first, {"P_kW": None, "note": {"text": "x", "list": [1, True]}})
    again = twin.totals("2026-06-01", "2026-06-02")[GRID]
    assert (again.documents, again.numbers, again.texts, again.nulls) == (1440, 2880, 2, 1)


def test_requests_are_logged_without_credentials(caller: ExportCaller) -> None:
    caller.sandbox.control.clear_requests()
    bearer = caller.fresh_bearer()
    caller.page(numRows=10)
    shown = caller.http.get("/_sandbox/requests")
    assert [(entry["method"], entry["path"].rsplit("/", 1)[1], entry["status"]) for entry in shown.json()] == [
        ("POST", "token", 200),
        ("GET", "query", 200),
    ]
    query = shown.json()[1]
    assert (query["query"]["numRows"], query["n_documents"]) == ("10", 10)
    assert {"wall", "monotonic", "seconds", "n_bytes"} <= set(query)
    for secret in (bearer, caller.bearer, caller.sandbox.client_secret):
        assert secret not in shown.text
    assert len(caller.http.get("/_sandbox/requests", params={"path": "/query"}).json()) == 1
    caller.http.delete("/_sandbox/requests")
    assert caller.http.get("/_sandbox/requests").json() == []


def test_reset_forgets_everything_but_the_bearers(caller: ExportCaller, twin: ExportService) -> None:
    before = twin.documents(GRID, *DAY)
    twin.fault("html_200")
    twin.configure(semantics="offset")
    twin.remove(GRID, before[0]["timestamp"])
    caller.http.post("/_sandbox/reset")
    assert (twin.faults(), twin.settings.semantics, twin.documents(GRID, *DAY)) == ([], "scroll", before)
    assert caller.query().status_code == 200


def test_bearers_are_revoked_and_listings_killed_by_hand(caller: ExportCaller) -> None:
    token = caller.page(numRows=10)["continueToken"]
    caller.http.post(f"{MINE}/kill")
    assert caller.query(numRows=10, continueToken=token).status_code == 404
    caller.http.post(f"{MINE}/revoke")
    assert caller.query().status_code == 401


def test_a_page_from_elsewhere_cannot_steer_the_sandbox(caller: ExportCaller, twin: ExportService) -> None:
    rebound = caller.http.delete(f"{MINE}/faults", headers={"host": "evil.example"})
    assert rebound.status_code == 421
    foreign = caller.http.post(f"{MINE}/rows", json={}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    own = caller.http.post("/_sandbox/reset", headers={"origin": caller.sandbox.url})
    assert own.status_code == 200
    assert twin.faults() == []


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("[::1]", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),  # noqa: S104 - to be refused
        ("192.168.1.1", False),
        ("::", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_everything_else(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


def test_an_unknown_path_is_not_found(caller: ExportCaller) -> None:
    assert caller.http.get("/charginghubexporter/api/v2/export/query").status_code == 404
    assert isinstance(caller.http, httpx.Client)
