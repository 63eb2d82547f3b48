"""How long exports are waited for, how often they are ordered, and what is said where that was in vain."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.errors import ExportPendingError, PayloadUnreadableError, RequestRejectedError
from providers.servitly.wire import is_busy, parse_job
from sandbox.servitly import twin as served
from sandbox.servitly.fleet import THINGS
from tests.providers.servitly.harness import PACE, Boilers, boilers


def orders(made: Boilers) -> int:
    return len([one for one in made.asked(served.EXPORTS) if one["method"] == "POST"])


def test_an_export_that_vanishes_twice_is_given_up_by_name() -> None:
    with boilers() as made:
        made.twin.fault("job_vanishes")
        with pytest.raises(RequestRejectedError, match=r"ordered twice and lost.*does not know it any longer"):
            made.fetch()
        assert made.jobs.states() == ["lost", "lost"]
        assert orders(made) == 2


def test_an_export_that_was_lost_is_ordered_anew_after_a_cool_down() -> None:
    with boilers(policy=replace(PACE, cool_down=0.4)) as made:
        made.twin.fault("job_vanishes", times=1)
        assert len(made.fetch()) == 1
        assert any(0.2 < wait <= 0.4 for wait in made.waits)


def test_a_job_without_a_name_says_nothing_about_the_export() -> None:
    """A run was killed while ordering; then the job vanishes once: that is one failure and not two."""
    with boilers() as made:
        made.twin.fault("no_id", times=1)
        with pytest.raises(Exception, match="no id"):
            made.fetch()
        made.twin.fault("job_vanishes", times=1)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["lost", "lost", "landed"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"id":"a","i\\u0064":"b","state":"PENDING"}', "has the key 'id' twice"),
        (b"[]", "is a JSON list"),
        (b"ERROR", "is no JSON document"),
        (b'{"state":"PENDING"}', "has no id"),
    ],
)
def test_what_is_wrong_with_an_answer_about_an_export_is_said(body: bytes, says: str) -> None:
    with pytest.raises(PayloadUnreadableError, match=says):
        parse_job(body, place="things")


def test_every_run_waits_for_an_export_as_long_as_the_first_one_did() -> None:
    with boilers(job_seconds=1.2, policy=replace(PACE, deadline=0.8)) as made:
        with pytest.raises(ExportPendingError, match="PENDING after"):
            made.fetch()
        # It is older than a run may wait by now, and done before this run has waited as long.
        time.sleep(0.1)
        assert len(made.fetch()) == 1
        assert orders(made) == 1


def test_what_cannot_be_read_of_an_export_is_no_reason_to_order_another() -> None:
    with boilers(job_seconds=0.3) as made:
        made.twin.fault("html_200", endpoint="details", times=1)
        with pytest.raises(ExportPendingError, match="web page"):
            made.fetch()
        assert made.jobs.states() == ["pending"]
        assert len(made.fetch()) == 1
        assert orders(made) == 1


def test_an_export_that_nothing_can_be_read_of_for_long_is_replaced() -> None:
    with boilers(policy=replace(PACE, given_up=0.3)) as made:
        made.twin.fault("status", code=400, endpoint="details")
        with pytest.raises(ExportPendingError, match="400"):
            made.fetch()
        time.sleep(0.3)
        made.twin.clear_faults()
        made.twin.fault("status", code=400, endpoint="details", times=1)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["lost", "landed"]


@pytest.mark.parametrize(
    ("words", "is_other"),
    [
        ("Only one bulk export can be scheduled at a time", True),
        ("A data-export is already pending", True),
        ("Another DataExport is in progress", True),
        ("There is an export running for this tenant", True),
        ("Metric temp is already deleted", False),
        ("endTimestamp must be in the past to be scheduled", False),
        ("Thing is not running the right firmware", False),
        ("The thing is running; exports need a licence", False),
        ("Exported metrics must not be pending", False),
        ("", False),
    ],
)
def test_a_400_means_another_export_where_it_speaks_of_one(words: str, *, is_other: bool) -> None:
    assert is_busy(f'{{"message": "{words}"}}'.encode()) == is_other


def test_an_order_that_will_never_pass_is_not_waited_for() -> None:
    with boilers() as made:
        made.twin.fault("answer", status=400, body='{"message": "Metric temp is already deleted"}', endpoint="orders")
        with pytest.raises(RequestRejectedError, match="already deleted"):
            made.fetch()
        assert orders(made) == 1


def test_a_refused_order_is_sent_again_when_the_provider_wants_it_and_not_before() -> None:
    with boilers(policy=replace(PACE, busy=5.0)) as made:
        made.twin.fault("status", endpoint="orders", code=429, retry_after="1", times=2)
        began = time.monotonic()
        assert len(made.fetch()) == 1
        assert 2 <= time.monotonic() - began < 5
        assert [wait for wait in made.waits if wait == 1.0] == [1.0, 1.0]
        assert made.jobs.states() == ["refused", "refused", "landed"]


def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    with boilers(policy=replace(PACE, deadline=30.0)) as made:
        made.twin.fault("status", endpoint="orders", code=429, retry_after="60")
        with pytest.raises(ExportPendingError, match=r"it said last: the provider answered 429 .*asks to wait"):
            made.fetch()
        assert orders(made) == 1


def test_a_row_at_the_first_millisecond_of_a_discovery_is_no_reason_to_refuse_all() -> None:
    now = datetime(2025, 6, 2, 12, 0, 0, 123_456, tzinfo=UTC)
    first = int(now.timestamp()) * 1000 + 123 - 86_400_000
    with boilers(now=lambda: now) as made:
        made.twin.put(THINGS[0], first, {"Voltage": 231.0})
        assert len(list(made.provider.discover())) > 0
