"""A stream stays open and says nothing for hours, although a message a second is the rule."""

from tests.fakes.scripted_feed import Moment, are_covered, gaps_of, minutes

HOURS = 180  # minutes
SPOKEN = [Moment(0), Moment(1, heard=0)]
SILENT = [Moment(1 + minute) for minute in range(1, HOURS)]


def test_a_stream_that_speaks_every_second_is_never_marked() -> None:
    three_minutes = [Moment(1 + second / 60, heard=0) for second in range(180)]
    gaps = gaps_of([*SPOKEN, *three_minutes], [Moment(4)])
    assert [gap for gap in gaps if minutes(gap.end) > 1 and minutes(gap.start) < 3.5] == []


def test_three_silent_hours_are_a_gap_and_the_stream_is_opened_anew() -> None:
    speaks_again = [Moment(HOURS + 1), Moment(HOURS + 1, heard=0)]
    gaps = gaps_of([*SPOKEN, *SILENT, Moment(HOURS + 1, heard=0)], speaks_again)
    assert are_covered(gaps, 1.5, HOURS)
