"""What is asked, how often, and what is made of refusals, silence and nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import (
    AnswerTooLargeError,
    NotYetPublishedError,
    OutsideWindowError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    ProxyUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
from domain.measurement import concat
from domain.records import Progress
from domain.window import Window
from providers._http import ApiClient, Origin
from providers._proxy import Proxy
from providers.smart_house.client import PART, SmartHouse
from providers.smart_house.normalize import normalize
from providers.smart_house.spec import SPEC, TYPES
from sandbox.answers import Request, Response
from sandbox.smart_house.home import StateChange
from tests.fakes.api import QUICK, Naps
from tests.fakes.connect_proxy import ConnectProxy
from tests.fakes.harness import interrupt
from tests.providers.smart_house.harness import ACCOUNT, DAY, SmartHomes, payload, points_of, smart_homes

WEEK = Window.of_days(date(2025, 6, 1), date(2025, 6, 7))


def days_of(made: SmartHomes) -> list[tuple[str, str]]:
    return [(one["query"]["date_from"][5:], one["query"]["date_to"][5:]) for one in made.asked()]


def test_a_day_is_asked_for_as_the_uploads_of_three_days() -> None:
    with smart_homes() as made:
        (one,) = made.fetch()
        assert days_of(made) == [("06-03", "06-05")]
    assert one.window == Window.of_days(date(2025, 6, 1), date(2025, 6, 5))


def test_a_week_is_asked_for_in_nine_days_of_uploads_and_dates_are_plain() -> None:
    with smart_homes() as made:
        made.fetch(WEEK)
        assert days_of(made) == [("06-01", "06-03"), ("06-04", "06-06"), ("06-07", "06-09")]
        assert {len(one["query"]["date_from"]) for one in made.asked()} == {10}
    assert SPEC.pull_days >= 7


def test_no_day_of_a_window_lacks_what_was_uploaded_a_day_later() -> None:
    with smart_homes(eras=("proper",)) as made:
        whole = made.load()
    hours = {at.hour for key, at in points_of(whole) if key == "aveiro/sensor_mains_power/power/W"}
    assert hours == set(range(24))


def test_nothing_newer_than_yesterday_is_asked_for() -> None:
    now = datetime(2025, 6, 5, 0, 30, tzinfo=UTC)
    with smart_homes(now=lambda: now) as made:
        (one,) = made.fetch()
        assert days_of(made) == [("06-03", "06-04")]
        assert one.window.end == datetime(2025, 6, 5, tzinfo=UTC)
    assert SPEC.finalization_lag >= timedelta(days=2)


def test_a_day_of_which_nothing_can_be_had_yet_is_not_published_and_costs_no_request() -> None:
    with smart_homes(now=lambda: datetime(2025, 6, 3, 23, 59, tzinfo=UTC)) as made:
        with pytest.raises(NotYetPublishedError):
            made.fetch()
        assert not made.asked()


def test_204_is_a_success_with_zero_rows() -> None:
    with smart_homes(account=replace(ACCOUNT, units=("GHz",))) as made:
        (one,) = made.fetch()
        whole = made.load()
    assert (one.body, one.proof) == (b"", "no body, status 204")
    assert whole.n_received == 0


def test_an_empty_200_is_no_success() -> None:
    with smart_homes(limits={"max_tries": 1}) as made:
        made.twin.fault("answer", status=200, body="", content_type="application/zip")
        with pytest.raises(ProviderUnavailableError, match="was cut, or is none"):
            made.fetch()
    with pytest.raises(PayloadUnreadableError, match="empty"):
        list(normalize([payload(b"")], DAY, ACCOUNT))


def test_arrays_repeat_their_parameter() -> None:
    with smart_homes(account=replace(ACCOUNT, types=("sensor", "sun"))) as made:
        seen = []
        answer = made.twin.answer

        def noted(request: Request) -> Response:
            seen.append(request.pairs)
            return answer(request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(made.twin, "answer", noted)
            whole = made.load()
    assert [value for name, value in seen[0] if name == "types"] == ["sensor", "sun"]
    assert {one.labels["entity"].split("_")[0] for one in whole.series} == {"sensor", "sun"}


@pytest.mark.parametrize(
    ("detail", "media_type", "culprit"),
    [
        (
            "Supplied date parameter 'date_from' has an incorrect format (should be ISO 8601, at UTC+0).",
            "application/json",
            "does not take the date",
        ),
        (
            "Specified exportation format 'yaml' is not supported. Supported formats are: 'xml', 'csv', 'json'.",
            "application/json",
            "does not know the format",
        ),
        ("Extra parameter", "application/problem+json", "refuses the request.*Extra parameter"),
        ("<html>", "text/html", "refuses the request"),
    ],
)
def test_every_400_is_told_apart_and_never_sent_again(detail: str, media_type: str, culprit: str) -> None:
    body = f'{{"detail": "{detail}", "status": 400, "title": "Bad Request"}}'
    with smart_homes() as made:
        made.twin.fault("answer", status=400, body=body, content_type=media_type)
        with pytest.raises(RequestRejectedError, match=culprit) as caught:
            made.fetch()
        assert caught.value.status == 400
        assert len(made.asked()) == 1


def test_the_providers_own_400_is_the_one_that_is_told_apart() -> None:
    with smart_homes() as made:
        answer = made.client.get("yaml", handled_statuses=(400,), accept=())
        assert b"is not supported" in answer.body
        answer = made.client.get("json", {"date_from": "nonsense"}, handled_statuses=(400,))
        assert b"ISO 8601" in answer.body


def test_a_problem_document_of_the_framework_is_a_refusal_with_its_words() -> None:
    with smart_homes() as made, pytest.raises(RequestRejectedError, match="not found on the server"):
        made.client.get("json/of/homes", accept=())


def test_a_path_of_another_version_is_a_refusal_and_nothing_else_is_tried() -> None:
    with smart_homes() as made:
        body = '{"detail": "The requested URL was not found on the server.", "status": 404, "title": "Not Found"}'
        made.twin.fault("answer", status=404, body=body, content_type="application/problem+json")
        with pytest.raises(RequestRejectedError, match="not found on the server") as caught:
            made.fetch()
        assert caught.value.status == 404
        assert [one["path"].rpartition("/")[2] for one in made.asked()] == ["json"]


def test_too_many_columns_divide_the_question_by_days_and_then_by_types() -> None:
    with smart_homes() as made:
        whole = points_of(made.load())
        n_plain = len(made.asked())
        made.twin.configure(most_columns=10)
        parts = made.load()
        asked = [one["query"] for one in made.asked()[n_plain:]]
    # In an answer of suns alone nothing tells homes apart: those are rejected by name, and everything else is the same.
    found = points_of(parts)
    assert found.items() <= whole.items()
    assert {key for key, _ in whole.keys() - found.keys()} == {"aveiro/sun_sun", "vagos/sun_sun/undated"}
    assert set(parts.rejected["reason"]) == {"ambiguous_identity"}
    assert all("sun_sun" in raw for raw in parts.rejected["raw"])
    assert [one["date_to"][-2:] for one in asked][:2] == ["05", "03"]
    assert "types" not in asked[1]
    assert "types" in asked[2]
    assert not made.naps.seconds  # what asking again would not change is not asked again


def test_a_division_by_types_says_that_it_is_of_known_ones_only(caplog: pytest.LogCaptureFixture) -> None:
    with smart_homes(most_columns=10) as made:
        payloads = made.fetch()
        assert {one.proof.rpartition(", ")[2] for one in payloads} == {
            f"divided by types: only {len(TYPES)} known words"
        }
    warned = [one.getMessage() for one in caplog.records if "of any other type would be missing" in one.getMessage()]
    assert len(warned) == 3  # days of upload
    assert all(one.levelname == "WARNING" for one in caplog.records)


def test_types_that_the_account_names_are_divided_without_a_doubt(caplog: pytest.LogCaptureFixture) -> None:
    with smart_homes(account=replace(ACCOUNT, types=("sensor", "sun", "switch")), most_columns=10) as made:
        assert not [one.proof for one in made.fetch() if "divided" in one.proof]
    assert "would be missing" not in caplog.text
    with smart_homes() as made:
        assert not [one.proof for one in made.fetch() if "divided" in one.proof]


def test_a_type_that_nobody_listed_is_asked_for_once_an_answer_had_it() -> None:
    said = StateChange(int(datetime(2025, 6, 3, 12, tzinfo=UTC).timestamp() * 1000), "blue", "")
    homes = {**ACCOUNT.homes, "aveiro": ("sensor.kitchen_energy", "gizmo.hall")}
    with smart_homes(account=replace(ACCOUNT, homes=homes)) as made:
        made.twin.add("aveiro", date(2025, 6, 4), {"gizmo_hall": [said]})
        made.twin.configure(most_columns=10)
        assert "aveiro/gizmo_hall" not in {key for key, _ in points_of(made.load())}  # and its proof says why
        made.twin.configure(most_columns=0)
        made.load()
        made.twin.configure(most_columns=10)
        assert "aveiro/gizmo_hall" in {key for key, _ in points_of(made.load())}


def test_one_type_of_one_day_that_is_too_wide_is_an_error_and_no_half_day() -> None:
    with smart_homes(most_columns=3) as made, pytest.raises(AnswerTooLargeError, match="too many columns"):
        made.fetch()


def test_a_window_that_is_too_wide_for_the_server_is_asked_for_by_day() -> None:
    with smart_homes() as made:
        plain = points_of(made.load())
        made.twin.fault("too_wide", days=1, status=502)
        payloads = made.fetch()
        assert points_of(concat(made.provider.normalize(payloads, DAY))) == plain
    assert [one.page for one in payloads] == [1, 2, 3]
    assert [one.cursor is None for one in payloads] == [False, False, True]


def test_who_goes_on_does_not_find_out_again_what_is_too_wide() -> None:
    with smart_homes() as made:
        made.twin.fault("too_wide", days=1, status=502)
        fetching = made.provider.fetch(DAY, {})
        first = next(fetching)
        interrupt(fetching)
        n_before = len(made.asked())
        rest = made.fetch(DAY, {PART: Progress(first.page, first.cursor)})
        again = days_of(made)[n_before:]
    assert [one.page for one in rest] == [2, 3]
    assert ("06-03", "06-05") not in again
    assert ("06-03", "06-03") not in again


def test_a_cursor_that_nobody_can_read_begins_anew() -> None:
    with smart_homes() as made:
        assert [one.page for one in made.fetch(DAY, {PART: Progress(3, "nonsense")})] == [1]


def test_a_server_that_is_down_is_not_asked_for_ever() -> None:
    with smart_homes(limits={"max_tries": 3}) as made:
        made.twin.fault("status", code=503)
        with pytest.raises(ProviderUnavailableError):
            made.fetch(WEEK)
        assert len(made.asked()) <= 16


def test_a_rate_that_is_refused_divides_nothing() -> None:
    with smart_homes(limits={"max_tries": 2}) as made:
        made.twin.fault("status", code=429)
        with pytest.raises(RateLimitedError):
            made.fetch()
        assert len(made.asked()) == 2


def test_a_proxy_without_a_way_divides_nothing() -> None:
    origin, limits = Origin.parse("https://homes.example", place="test"), replace(QUICK, max_tries=2)
    with ConnectProxy({}) as proxy:
        through = Proxy.parse(proxy.url, setting="test")
        with (
            ApiClient(origin, source="homes", limits=limits, sleep=Naps(), proxy=through) as http,
            pytest.raises(ProxyUnavailableError),
        ):
            list(SmartHouse(http, ACCOUNT).fetch(WEEK, {}))
        assert len(proxy.asked) == 2


def test_a_slow_first_byte_is_waited_for() -> None:
    with smart_homes() as made:
        made.twin.fault("latency", seconds=1.5)
        assert made.fetch()


def test_silence_beyond_the_bound_divides_the_question() -> None:
    with smart_homes(limits={"read_seconds": 0.6, "max_tries": 1}) as made:
        made.twin.fault("latency", seconds=3.0, times=1)
        assert len(made.fetch()) == 2


def test_an_upload_of_another_day_is_an_error_and_not_a_measurement() -> None:
    with smart_homes() as made:
        made.twin.fault("other_day", days=40)
        with pytest.raises(OutsideWindowError, match="was uploaded on"):
            made.load()


def test_a_login_page_is_no_archive() -> None:
    with smart_homes() as made:
        made.twin.fault("html_200")
        with pytest.raises(PayloadUnreadableError, match="web page"):
            made.fetch()


def test_a_file_that_would_be_too_large_is_asked_for_in_less_until_nothing_is_left_to_divide() -> None:
    with smart_homes(account=replace(ACCOUNT, types=("sensor",))) as made:
        made.twin.fault("zip_bomb", mib=257)
        with pytest.raises(AnswerTooLargeError):
            made.fetch()
        assert days_of(made) == [("06-03", "06-05"), ("06-03", "06-03")]


def test_the_types_that_a_question_is_divided_into_are_first_words() -> None:
    assert len(set(TYPES)) == len(TYPES)
    assert all("_" not in word and word.islower() for word in TYPES)


def test_what_is_discovered_are_the_newest_days() -> None:
    now = datetime(2025, 6, 20, tzinfo=UTC)
    with smart_homes(now=lambda: now) as made:
        keys = {one.key for one in made.provider.discover()}
        assert days_of(made) == [("06-17", "06-19")]
    assert {"aveiro/sun_sun", "ilhavo/sensor_roof_power/power/W", "vagos/sensor_heater_energy/undated/kWh"} <= keys


def test_ids_are_not_in_what_is_asked_or_kept_as_a_name() -> None:
    with smart_homes() as made:
        (one,) = made.fetch()
    assert set(one.params) == {"date_from", "date_to"}
    assert one.part == "uploads"
