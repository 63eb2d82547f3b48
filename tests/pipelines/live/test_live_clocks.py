"""What is certain, whatever time a device takes it to be: the gaps of one listener, on a clock of the test's."""

import logging
from itertools import pairwise

import pytest

from domain.errors import CredentialsRejectedError, RequestRejectedError
from pipelines.live.listener import is_for_good
from tests.fakes.scripted_feed import UNREADABLE, Moment, are_covered, gaps_of, minutes

REFUSED = RequestRejectedError("the provider answered 403", place="test", fix="look", status=403)


def test_a_gap_reaches_from_the_last_message_to_the_moment_at_which_the_stream_is_open_again() -> None:
    gaps = gaps_of([Moment(0), Moment(1, heard=0)], [Moment(4)])
    assert are_covered(gaps[1:], 1, 4)
    assert minutes(gaps[1].start) == pytest.approx(1, abs=0.1)
    assert minutes(gaps[1].end) == pytest.approx(4, abs=0.1)


def test_what_a_device_said_whose_clock_is_ahead_is_marked_in_its_time() -> None:
    gaps = gaps_of([Moment(0), Moment(0, heard=10)], [Moment(3)])
    assert are_covered([gap for gap in gaps if gap.reason == "disconnected"], 10, 13)


def test_a_clock_that_is_found_to_be_ahead_widens_the_gap_before_it() -> None:
    gaps = gaps_of([Moment(3), Moment(3, heard=10)], [Moment(3)])
    assert are_covered([gap for gap in gaps if gap.reason == "restarted"], 0, 13)


def test_what_a_device_said_whose_clock_is_behind_is_marked_in_its_time() -> None:
    gaps = gaps_of([Moment(20), Moment(20, heard=-10)], [Moment(21)], [Moment(24)])
    # Nothing was heard on the second stream: what the third one missed has the times of ten minutes earlier.
    assert are_covered([gap for gap in gaps if minutes(gap.end) > 23], 11, 14)


def test_one_message_from_ahead_does_not_hide_what_is_missed_for_the_next_minutes() -> None:
    gaps = gaps_of([Moment(0), Moment(0, heard=15), Moment(1, heard=0)], [Moment(3)])
    assert are_covered([gap for gap in gaps if gap.reason == "disconnected"], 1, 3)


def test_a_device_that_says_nothing_for_days_makes_no_gap_longer_than_a_silence() -> None:
    twelve_hours = 720
    opened = [[Moment(0), Moment(0, heard=0)], *([Moment(twelve_hours * number)] for number in range(1, 9))]
    spans = [minutes(gap.end) - minutes(gap.start) for gap in gaps_of(*opened)[1:]]
    assert len(spans) == 8
    assert max(spans) < twelve_hours + 1


def test_a_device_that_was_never_heard_is_believed_to_be_a_quarter_of_an_hour_behind_and_no_more() -> None:
    gaps = gaps_of(*([Moment(60 * number)] for number in range(1, 9)), watermark=0)
    assert max(minutes(gap.end) - minutes(gap.start) for gap in gaps) < 60 + 15 + 1
    assert are_covered(gaps, 0, 480)


def test_messages_that_cannot_be_read_all_day_are_marked_in_small_gaps_without_holes() -> None:
    an_hour = [Moment(second / 60, error=UNREADABLE) for second in range(3600)]
    gaps = gaps_of([Moment(0), Moment(0, heard=0), *an_hour])
    assert are_covered(gaps, 0, 3599 / 60)
    gaps = [gap for gap in gaps if gap.reason == "unreadable"]
    assert len(gaps) <= 3600 / 5
    assert max(minutes(gap.end) - minutes(gap.start) for gap in gaps) * 60 <= 20


def test_a_message_that_cannot_be_read_between_others_is_marked() -> None:
    told = [Moment(second / 60, heard=0) for second in range(0, 600, 2)]
    told[150] = Moment(told[150].minutes, error=UNREADABLE)
    gaps = [gap for gap in gaps_of([Moment(0), *told]) if gap.reason == "unreadable"]
    assert are_covered(gaps, told[150].minutes, told[150].minutes)


def test_a_refused_stream_is_opened_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    gaps = gaps_of(*([Moment(number, error=REFUSED)] for number in range(1, 6)), [Moment(9), Moment(9, heard=0)])
    assert [record.getMessage().count("403") for record in caplog.records] == [1]
    assert are_covered(gaps, 0, 9)


def test_rejected_credentials_are_for_good_and_a_refusal_is_not() -> None:
    rejected = CredentialsRejectedError("the provider rejected our user", place="test", fix="look")
    assert is_for_good(rejected)
    assert not is_for_good(REFUSED)
    with pytest.raises(CredentialsRejectedError):
        gaps_of([Moment(0, error=rejected)])


def test_gaps_come_in_the_order_of_time() -> None:
    gaps = gaps_of(*([Moment(number), Moment(number, heard=0)] for number in range(1, 9)))
    assert all(one.end <= other.end for one, other in pairwise(gaps))
