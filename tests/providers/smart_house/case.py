"""The Smart House in the conformance suite: uploads of three homes, three days to a question."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta

from domain.window import Window
from providers.smart_house.spec import LATE_DAYS, SPEC
from tests.providers.conformance import Case, Live
from tests.providers.smart_house.harness import smart_homes


@contextmanager
def _open(slice_of: timedelta = timedelta(days=3), fault: str = "") -> Iterator[Live]:
    # Ids that differ would make archives of different sizes; that they change nothing is a test of its own.
    with smart_homes(is_id_shuffled=False, slice_of=slice_of, n_lodgers=2 if fault else 0) as made:
        if fault:
            made.twin.fault(fault)

        def asked() -> list[Mapping[str, str]]:
            return [entry["query"] for entry in made.asked()]

        def lock_out() -> None:
            made.twin.fault("status", code=403)

        yield Live(made.provider, asked, _bounds, (), lock_out)


def _open_wide() -> AbstractContextManager[Live]:
    return _open(timedelta(days=9), "cell")


def _bounds(question: Mapping[str, str]) -> Window:
    return Window.of_days(date.fromisoformat(question["date_from"]), date.fromisoformat(question["date_to"]))


# Uploads of the days after the window hold changes inside it, and those of its first day some from before.
WINDOW = Window.of_days(date(2025, 6, 30), date(2025, 7, 1))
WIDE = Window.of_days(date(2025, 6, 29), date(2025, 7, 2))
CASE = Case(SPEC, WINDOW, _open, WIDE, _open_wide, tolerance=timedelta(days=LATE_DAYS))
