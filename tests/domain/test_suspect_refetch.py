"""When a suspect day is asked for again, and when it is believed."""

from datetime import date, timedelta

from domain.suspect_refetch import REFETCHED_AFTER, SuspectRefetch

FIRST = date(2026, 3, 1)


def asking(*days: int) -> SuspectRefetch:
    return SuspectRefetch.of([FIRST + timedelta(days=n) for n in days])


def after(n: int, answers: int) -> SuspectRefetch:
    return SuspectRefetch(answers, FIRST + timedelta(days=n))


def test_a_suspect_day_is_asked_for_again_after_1_3_7_14_and_30_days_and_then_believed() -> None:
    answered = [0]
    for n_before, days in enumerate(REFETCHED_AFTER):
        assert asking(*answered) == after(days, n_before)
        answered.append(days)
    assert asking(*answered) == SuspectRefetch(5, None)


def test_answers_in_between_confirm_nothing() -> None:
    assert asking(0, 0, 0) == after(1, 0)
    assert asking(*range(7)) == after(7, 2)
    assert asking(*range(14)) == after(14, 3)


def test_an_answer_that_comes_late_puts_off_the_ones_behind_it() -> None:
    assert asking(0, 10) == after(12, 1)
    assert asking(0, 40, 50, 60, 70) == after(86, 4)
    assert asking(0, 40, 50, 60, 70, 86) == SuspectRefetch(5, None)
