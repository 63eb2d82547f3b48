"""The Export Service's document, and the choices where it is silent."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.export_service.products import MEASURED_PRODUCTS
from sandbox.export_service.twin import KEYCLOAK_PATH, QUERY_PATH, ExportService
from tests.sandbox.export_service.harness import DAY, GRID, VEHICLES, ExportCaller, ms


def test_the_documents_example_call_gives_the_documents_example_shape(caller: ExportCaller) -> None:
    url = (
        f"{QUERY_PATH}?organization=audicharginghub&product={GRID}"
        "&startDate=2025-06-01T00%3A00%3A00&endDate=2025-06-02T00%3A00%3A00&numRows=1000"
    )
    answer = caller.http.get(url, headers={"Authorization": f"Bearer {caller.bearer}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    assert list(page) == ["continueToken", "numResults", "result"]
    assert page["numResults"] == len(page["result"]) == 1000
    assert list(page["result"][0]) == ["Pset_kW", "P_kW", "timestamp"]
    times = [row["timestamp"] for row in page["result"]]
    assert times == sorted(times)
    assert {time % 60_000 for time in times} == {1100, 1101}


def test_the_four_products_of_the_document_are_listed(caller: ExportCaller) -> None:
    assert caller.products().json() == list(MEASURED_PRODUCTS)


@pytest.mark.parametrize("product", MEASURED_PRODUCTS)
def test_every_day_from_the_first_to_yesterday_has_rows(product: str, twin: ExportService) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    day = datetime(2025, 1, 1, tzinfo=UTC).date()
    assert not twin.documents(product, day - timedelta(days=1), day)
    assert not twin.documents(product, yesterday + timedelta(days=1), yesterday + timedelta(days=3))
    while day <= yesterday:
        assert twin.documents(product, day, day + timedelta(days=1)), day
        day += timedelta(days=31)
    assert twin.documents(product, yesterday, yesterday + timedelta(days=1))


def test_sixty_days_hold_some_thousand_documents_a_day(twin: ExportService) -> None:
    totals = twin.totals("2026-06-01", "2026-06-02")
    assert 5000 <= sum(tally.documents for tally in totals.values()) <= 8000


def test_the_same_weekday_a_turn_later_shows_the_same_measurements(twin: ExportService) -> None:
    one, other = (
        twin.documents(GRID, day, day + timedelta(days=1))
        for day in (datetime(2025, 3, 3, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    )
    assert [row["P_kW"] for row in one] == [row["P_kW"] for row in other]


def test_six_vehicles_share_a_millisecond_and_their_registers_never_fall(twin: ExportService) -> None:
    documents = twin.documents(VEHICLES, "2025-12-25", "2026-01-05")
    by_time: dict[int, set[str]] = {}
    registers: dict[str, list[float]] = {}
    for row in documents:
        by_time.setdefault(row["timestamp"], set()).add(row["vehicleId"])
        registers.setdefault(row["vehicleId"], []).append(row["energy_kWh"])
    assert {len(vehicles) for vehicles in by_time.values()} == {6}
    assert all(register == sorted(register) for register in registers.values())


def test_predictions_are_schemaless(twin: ExportService) -> None:
    documents = twin.documents("audicharginghub_ladedaten_analysis_prediction", "2025-01-01", "2025-12-31")
    values = [row["P_pred_kW"] for row in documents]
    assert {type(value) for value in values} == {int, float, type(None)}
    assert any("weather" in row for row in documents)
    assert any("weather" not in row for row in documents)
    assert any("P_meas_kW" not in row for row in documents)
    assert isinstance(next(row for row in documents if "weather" in row)["weather"]["module"], dict)


def test_both_bounds_are_inclusive_unless_it_is_told_otherwise(caller: ExportCaller, twin: ExportService) -> None:
    twin.add(GRID, [{"P_kW": 1.5, "timestamp": ms(bound)} for bound in DAY])
    window = [row["timestamp"] for row in caller.page()["result"]]
    assert (window[0], window[-1]) == (ms(DAY[0]), ms(DAY[1]))
    twin.configure(is_end_inclusive=False)
    assert caller.page()["result"][-1]["timestamp"] < ms(DAY[1])


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"organization": "another"}, 403, "10019"),
        ({"organization": None}, 400, "organization"),
        ({"space": "another"}, 403, "10019"),
        ({"product": "another"}, 404, "no such index"),
        ({"startDate": None}, 400, "startDate"),
        ({"startDate": "2026-06-01T00:00:00Z"}, 400, "LocalDateTime"),
        ({"endDate": "2026-06-02T00:00:00+02:00"}, 400, "LocalDateTime"),
        ({"startDate": "2026-06-01"}, 400, "LocalDateTime"),
        ({"startDate": "2026-13-01T00:00:00"}, 400, "LocalDateTime"),
        ({"numRows": "10.000"}, 400, "numRows"),
        ({"numRows": "0"}, 400, "numRows"),
        ({"numRows": "10001"}, 422, "10002"),
        ({"continueToken": "never given"}, 404, "search context"),
    ],
)
def test_a_request_that_is_wrong_is_answered_as_the_platform_would(
    caller: ExportCaller, changes: dict[str, str | None], status: int, words: str
) -> None:
    product = changes.pop("product", GRID) or GRID
    answer = caller.query(product, **changes)
    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert answer.json()["status"] == status


def test_an_offset_is_understood_where_it_is_accepted(caller: ExportCaller, twin: ExportService) -> None:
    twin.configure(is_offset_accepted=True)
    with_offset = caller.page(startDate="2026-06-01T02:00:00+02:00", endDate="2026-06-02T00:00:00Z")
    assert with_offset["result"] == caller.page()["result"]


def test_a_product_can_be_listed_and_yet_refused(caller: ExportCaller, twin: ExportService) -> None:
    twin.configure(forbidden_products=[GRID])
    assert GRID in caller.products().json()
    assert caller.query().status_code == 403
    assert caller.query(VEHICLES).status_code == 200


def test_a_permitted_space_changes_nothing(caller: ExportCaller) -> None:
    assert caller.page(space="batteriedaten")["result"] == caller.page()["result"]


def test_the_token_answer_has_keycloaks_shape(caller: ExportCaller) -> None:
    content = caller.token().json()
    assert list(content) == [
        "access_token",
        "expires_in",
        "refresh_expires_in",
        "token_type",
        "not-before-policy",
        "scope",
    ]
    assert (content["expires_in"], content["refresh_expires_in"], content["token_type"]) == (300, 0, "Bearer")


def test_credentials_are_taken_from_a_basic_header_too(caller: ExportCaller) -> None:
    credentials = (caller.sandbox.client_id, caller.sandbox.client_secret)
    answer = caller.http.post(KEYCLOAK_PATH, data={"grant_type": "client_credentials"}, auth=credentials)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("taken", "status_of_form", "status_of_header"),
    [("client_secret_post", 200, 401), ("client_secret_basic", 401, 200)],
)
def test_the_token_endpoint_can_take_one_proof_alone(
    caller: ExportCaller, twin: ExportService, taken: str, status_of_form: int, status_of_header: int
) -> None:
    twin.configure(token_endpoint_auth_method=taken)
    credentials = (caller.sandbox.client_id, caller.sandbox.client_secret)
    answer = caller.http.post(KEYCLOAK_PATH, data={"grant_type": "client_credentials"}, auth=credentials)
    assert (caller.token().status_code, answer.status_code) == (status_of_form, status_of_header)


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_wrong_credentials_are_refused_as_keycloak_does(
    caller: ExportCaller, changes: dict[str, str], status: int, error: str
) -> None:
    answer = caller.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "error_description" in answer.json()


def test_the_token_endpoint_takes_a_form_and_nothing_else(caller: ExportCaller) -> None:
    content = {"grant_type": "client_credentials", "client_id": caller.sandbox.client_id}
    assert caller.http.post(KEYCLOAK_PATH, json=content).status_code == 415
    assert caller.http.get(KEYCLOAK_PATH).status_code == 405


def test_no_bearer_a_forged_bearer_and_an_expired_bearer_are_refused(caller: ExportCaller, twin: ExportService) -> None:
    head, claims, signature = caller.bearer.split(".")
    for bearer in ("-", "x.y.z", f"{head}.{claims}.{signature[::-1]}", f"{head}.{claims[:-4]}.{signature}"):
        caller.bearer = bearer
        assert caller.query().status_code == 401
    twin.configure(token_seconds=0.2)
    caller.bearer = caller.fresh_bearer()
    assert caller.query().status_code == 200
    time.sleep(0.25)
    answer = caller.query()
    assert answer.status_code == 401
    assert "expired" in answer.headers["www-authenticate"]


def test_a_query_is_asked_with_get(caller: ExportCaller) -> None:
    answer = caller.http.post(QUERY_PATH, headers={"Authorization": f"Bearer {caller.bearer}"})
    assert answer.status_code == 405


def test_an_answer_is_compressed_for_those_who_accept_it(caller: ExportCaller, twin: ExportService) -> None:
    compressed = caller.query()
    assert compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) < len(compressed.content) / 3
    twin.configure(is_gzip=False)
    plain = caller.query()
    assert "content-encoding" not in plain.headers
    assert plain.content == compressed.content
