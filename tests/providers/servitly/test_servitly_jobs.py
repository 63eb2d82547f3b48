"""How exports are ordered, waited for and taken over; every quirk of the jobs by name."""

import logging
import re
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import (
    CredentialsRejectedError,
    ExportPendingError,
    NotYetPublishedError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
    WarehouseUnavailableError,
)
from domain.export_jobs import Order
from domain.window import Window
from providers.servitly.account import Metric
from providers.servitly.orders import Orders
from providers.servitly.polling_policy import PollingPolicy
from sandbox.servitly import twin as served
from sandbox.servitly.fleet import THINGS
from tests.fakes.harness import interrupt
from tests.providers.servitly.harness import ACCOUNT, DAY, MIDNIGHT, PACE, Boilers, ListedJobs, boilers


def orders(made: Boilers) -> int:
    return len([one for one in made.asked(served.EXPORTS) if one["method"] == "POST"])


def test_an_export_is_ordered_with_every_parameter_of_the_document() -> None:
    account = replace(
        ACCOUNT,
        customer_id="customer-1",
        location_id="paris",
        things=(THINGS[0].id,),
        are_names_hashed=True,
        metrics=(Metric(THINGS[0].metrics[0].id, thing_definition_id="d1"),),
        timestamp_format="ISO_8601",
    )
    with boilers(account=account) as made:
        (payload,) = made.fetch()
        (order,) = made.twin.orders()
        assert order["name"].startswith("joulehouse 2025-06-01")
        assert abs(order["dateTime"] / 1000 - datetime.now(UTC).timestamp()) < 60
        assert {name: value for name, value in order.items() if name not in ("name", "dateTime")} == {
            "thingFileName": "${thing.serialNumber}_${thingDefinition.name}",
            "hashThingFileName": True,
            "customerId": "customer-1",
            "locationId": "paris",
            "thingId": THINGS[0].id,
            "qualifiedMetricIds": [{"metricId": THINGS[0].metrics[0].id, "thingDefinitionId": "d1"}],
            "startTimestamp": MIDNIGHT,
            "endTimestamp": MIDNIGHT + 86_400_000,
            "includeUnit": True,
            "timestampFormat": "ISO_8601",
        }
        (batch,) = made.provider.normalize([payload], DAY)
        assert {one.key for one in batch.series} == {f"{THINGS[0].id}/Active power [W]"}


@pytest.mark.parametrize("login", ["password", "pat"])
@pytest.mark.parametrize("header", ["X-Servitly-Tenant", "X-Semioty-Tenant"])
def test_both_logins_and_both_headers_of_the_tenant_are_taken(login: str, header: str) -> None:
    with boilers(account=replace(ACCOUNT, login=login, tenant_header=header)) as made:
        assert len(made.fetch()) == 1


def test_the_api_key_is_in_no_message_and_no_payload() -> None:
    with boilers(password="wrong") as made:
        with pytest.raises(CredentialsRejectedError) as caught:
            made.fetch()
        assert made.twin.settings.api_key not in repr(caught.value) + str(caught.value)
        assert len(made.asked(served.LOGIN)) == 1
    with boilers() as made:
        assert made.twin.settings.api_key not in repr(made.fetch())


def test_a_token_that_cannot_be_renewed_early_is_replaced_by_a_login() -> None:
    with boilers(token_seconds=0.2, job_seconds=1.0) as made:
        assert len(made.fetch()) == 1
        assert len(made.asked(served.LOGIN)) > 1
        assert made.asked(served.RENEW) == []


def test_an_export_is_asked_after_ever_less_often_until_it_is_completed() -> None:
    with boilers(job_seconds=0.3, policy=replace(PACE, first_poll=0.02, longest_poll=0.08)) as made:
        made.fetch()
        assert made.jobs.states() == ["landed"]
        waits = [round(wait, 3) for wait in made.waits]
        assert waits[1:] == sorted(waits[1:])
        assert max(waits) <= 0.08
        assert len(waits) >= 5


def test_a_poll_a_minute_fits_into_the_smallest_known_quota() -> None:
    policy = PollingPolicy()
    waited, n_polls, wait = 0.0, 0, policy.first_poll
    while waited < 3600:
        waited, n_polls, wait = waited + wait, n_polls + 1, min(wait * 1.5, policy.longest_poll)
    assert n_polls + 5 <= 100
    assert policy.deadline + 900 <= 3600


@pytest.mark.parametrize("state", ["COMPLETED", "COMPLETE"])
def test_completed_has_two_spellings(state: str) -> None:
    with boilers() as made:
        made.twin.fault("job_stuck", state=state)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["landed"]


def test_an_export_without_a_url_is_not_completed_yet() -> None:
    with boilers(job_seconds=0.0) as made:
        made.twin.fault("no_url", times=3)
        assert len(made.fetch()) == 1
        assert orders(made) == 1


@pytest.mark.parametrize("state", ["ERROR", "ABORTED"])
def test_an_export_that_fails_is_ordered_once_more_after_a_cool_down(state: str) -> None:
    with boilers(policy=replace(PACE, cool_down=0.3)) as made:
        made.twin.fault("job_fails", state=state, message="No space left", times=1)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["failed", "landed"]
        assert made.jobs.sentences[1] == f"{state} No space left"
        assert any(0.2 < wait <= 0.3 for wait in made.waits)


def test_an_export_that_fails_twice_is_given_up_with_the_providers_words() -> None:
    with boilers() as made:
        made.twin.fault("job_fails", message="No space left")
        with pytest.raises(RequestRejectedError, match=r"twice, with ERROR.*No space left"):
            made.fetch()
        assert made.jobs.states() == ["failed", "failed"]


def test_an_export_that_fails_without_a_word_is_given_up_too() -> None:
    with boilers() as made:
        made.twin.fault("job_fails", message="")
        with pytest.raises(RequestRejectedError, match="twice, with ERROR "):
            made.fetch()


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "QUEUED_FOR_EVER"])
def test_a_word_nobody_knows_is_waited_for_until_the_deadline_and_named(word: str) -> None:
    with boilers(policy=replace(PACE, deadline=0.3)) as made:
        made.twin.fault("job_stuck", state=word)
        with pytest.raises(ExportPendingError, match=word):
            made.fetch()
        # The job is not forgotten: whoever comes next asks after the same one.
        assert made.jobs.states() == ["pending"]
        with pytest.raises(ExportPendingError):
            made.fetch()
        assert orders(made) == 1


def test_an_export_that_is_stuck_for_good_is_replaced() -> None:
    with boilers(policy=replace(PACE, given_up=0.3)) as made:
        made.twin.fault("job_stuck", state="STUCK", times=1)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["lost", "landed"]


def test_an_export_that_vanishes_is_ordered_anew() -> None:
    with boilers() as made:
        made.twin.fault("job_vanishes", times=1)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["lost", "landed"]


@pytest.mark.parametrize("status", [400, 409, 429])
def test_a_second_export_while_one_is_pending_is_waited_out(status: int) -> None:
    with boilers(busy_status=status) as made:
        by_hand = served.Job("by-hand", {}, done_at=time.monotonic() + 0.4)
        made.twin.jobs[by_hand.id] = by_hand
        assert len(made.fetch()) == 1
        assert made.twin.n_refused >= 1
        assert made.jobs.states()[-1] == "landed"
        assert set(made.jobs.states()[:-1]) == {"refused"}


def test_whoever_waits_reads_what_the_provider_said_and_for_how_long_it_is_waited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "providers.servitly"), boilers(busy_status=409) as made:
        by_hand = served.Job("by-hand", {}, done_at=time.monotonic() + 0.4)
        made.twin.jobs[by_hand.id] = by_hand
        made.fetch()
    said = re.compile(r"fleet, things .*: no export is taken now \(409 .+\); asked again in \d+ s")
    assert [line for line in caplog.messages if said.fullmatch(line)] != []


class _Unsteady(ListedJobs):
    """A ledger that cannot be reached the first times that a name is to be written down."""

    n_away = 3

    def taken(self, number: int, provider_job: str, provider_state: str) -> None:
        if self.n_away:
            self.n_away -= 1
            raise WarehouseUnavailableError("the server is away", place="test", fix="wait")
        super().taken(number, provider_job, provider_state)


def test_a_jobs_name_outlives_a_ledger_that_is_away_when_it_is_heard() -> None:
    with boilers(jobs=_Unsteady(), policy=replace(PACE, look=0.01)) as made:
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["landed"]
        assert orders(made) == 1


def test_an_order_beyond_the_quota_is_sent_again_once_its_minute_is_over() -> None:
    with boilers(policy=replace(PACE, busy=0.15)) as made:
        body = '{"message": "API call rate limit exeeded"}'
        made.twin.fault("answer", status=429, body=body, endpoint="orders", times=2)
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["refused", "refused", "landed"]
        assert [wait for wait in made.waits if wait == 0.15] == [0.15] * 2


def test_a_poll_beyond_the_quota_is_repeated_and_orders_nothing_anew() -> None:
    with boilers() as made:
        made.twin.fault("status", code=429, endpoint="details", times=2)
        assert len(made.fetch()) == 1
        assert orders(made) == 1
        assert len(made.naps.seconds) >= 2


def test_hashed_file_names_tell_things_apart_and_stay_the_same() -> None:
    account = replace(ACCOUNT, are_names_hashed=True)
    with boilers(account=account) as made:
        first, second = made.load(), made.load()
    devices = {one.device for one in first.series}
    assert len(devices) == len(THINGS)
    assert all(len(device) == 32 and int(device, 16) >= 0 for device in devices)
    assert {one.key for one in first.series} == {one.key for one in second.series}


def test_an_export_of_somebody_else_that_never_ends_is_not_waited_for_for_ever() -> None:
    with boilers(policy=replace(PACE, deadline=0.1)) as made:
        made.twin.jobs["by-hand"] = served.Job("by-hand", {}, done_at=1e12)
        said = "none of ours is pending; it said last: 400 Only one bulk export"
        with pytest.raises(ExportPendingError, match=said):
            made.fetch()


def test_an_order_that_is_refused_for_good_is_never_repeated() -> None:
    with boilers() as made:
        made.twin.fault("answer", status=400, body='{"message": "metric unknown"}')
        with pytest.raises(RequestRejectedError, match="metric unknown"):
            made.fetch()
        assert made.jobs.states() == ["refused"]
        assert orders(made) == 1


def test_an_order_whose_fate_is_not_known_is_never_sent_twice_while_it_may_run() -> None:
    with boilers(policy=replace(PACE, unknown=0.5, look=0.2)) as made:
        made.twin.fault("no_id", times=1)
        with pytest.raises(PayloadUnreadableError):
            made.fetch()
        assert made.jobs.states() == ["sent"]
        assert orders(made) == 1
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["lost", "landed"]
        assert 0.1 < sum(wait for wait in made.waits if wait > 0.05) <= 0.5
        assert 0.2 in made.waits
        assert made.twin.n_refused == 0


def test_an_intention_that_was_never_sent_is_cancelled_and_its_export_ordered_at_once() -> None:
    jobs = ListedJobs()
    with boilers(jobs=jobs) as made:
        gone = jobs.intend(Order("things", DAY, {}, "ab" * 32)).number
        made.fetch()
        assert jobs.states() == ["refused", "landed"]
        assert not jobs.sent(gone)
        assert max(made.waits) < PACE.unknown


def test_an_order_whose_intention_was_cancelled_is_not_sent() -> None:
    """The run was frozen, or whoever carries its order was, until another run came."""
    jobs = ListedJobs()
    with boilers(jobs=jobs) as made:
        order = Order("things", DAY, {}, "ab" * 32)
        number = jobs.intend(order).number
        assert jobs.cancelled(number)
        with pytest.raises(ExportPendingError, match="another run has cancelled it") as caught:
            Orders(made.clients[1], made.login, jobs, policy=PACE).carry(number, order)
        assert not caught.value.was_sent
        assert made.twin.jobs == {}
        assert jobs.states() == ["refused"]


def test_a_job_whose_order_is_on_its_way_is_adopted_as_soon_as_it_has_a_name() -> None:
    with boilers(job_seconds=0.0, policy=replace(PACE, unknown=30.0)) as made:
        made.fetch()
        (name,) = made.twin.jobs
        order = made.provider.client._order("things", None, DAY)
        number = made.jobs.intend(order).number
        assert made.jobs.sent(number)
        naming = threading.Timer(0.3, made.jobs.taken, (number, name, "PENDING"))
        naming.start()
        began = time.monotonic()
        assert len(made.fetch()) == 1
        assert 0.25 < time.monotonic() - began < 10
        assert made.jobs.states() == ["landed", "landed"]
        assert orders(made) == 1


@pytest.mark.parametrize("code", [500, 502, 503])
def test_an_order_that_breaks_off_is_not_repeated_within_a_run(code: int) -> None:
    with boilers() as made:
        made.twin.fault("status", code=code)
        with pytest.raises(ProviderUnavailableError):
            made.fetch()
        assert orders(made) == 1
        assert made.jobs.states() == ["sent"]


def test_a_login_that_fails_leaves_no_intention_behind() -> None:
    with boilers() as made:
        made.twin.fault("status", code=503, endpoint="login")
        with pytest.raises(ProviderUnavailableError):
            made.fetch()
        assert made.jobs.states() == []


def test_a_run_that_comes_later_adopts_the_running_export() -> None:
    with boilers(job_seconds=0.6, policy=replace(PACE, deadline=0.1)) as made:
        with pytest.raises(ExportPendingError):
            made.fetch()
        jobs = made.jobs
        with boilers(jobs=jobs, is_reset=False) as later:
            assert len(later.fetch()) == 1
            assert orders(later) == 1
        assert jobs.states() == ["landed"]


def test_an_archive_that_is_there_is_downloaded_and_not_ordered_again() -> None:
    with boilers() as made:
        fetching = made.provider.fetch(DAY, {})
        next(iter(fetching))
        interrupt(fetching)
        assert made.jobs.states() == ["completed"]
        assert len(made.fetch()) == 1
        assert orders(made) == 1
        assert made.jobs.states() == ["landed"]


def test_the_next_run_of_the_same_window_orders_a_new_export() -> None:
    with boilers() as made:
        made.fetch()
        made.fetch()
        assert orders(made) == 2


def test_a_year_is_few_jobs_one_after_the_other() -> None:
    with boilers(job_seconds=0.0, account=replace(ACCOUNT, things=(THINGS[2].id,))) as made:
        year = Window.of_days(date(2025, 1, 1), date(2025, 12, 31))
        pages = [payload.page for payload in made.provider.fetch(year, {})]
        assert pages == list(range(1, 13))
        assert made.twin.most_pending == 1
        assert made.twin.n_refused == 0


def test_the_future_is_not_asked_for() -> None:
    with boilers() as made:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        with pytest.raises(NotYetPublishedError):
            made.fetch(Window(tomorrow, tomorrow + timedelta(days=1)))
        assert made.asked() == []


def test_the_ledger_in_memory_keeps_the_promises_of_the_real_one() -> None:
    jobs = ListedJobs()
    with boilers(jobs=jobs) as made:
        made.fetch()
    assert jobs.n_slots == 1
    assert list(jobs.archives) == [1]
