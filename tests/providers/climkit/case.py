"""Climkit in the conformance suite: an apartment house, by quarters, with its registers and sensors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from domain.window import Window
from providers.climkit.account import Account
from providers.climkit.spec import SPEC
from sandbox.climkit.house import PRODUCER, SITE
from tests.fakes.apartments import FLAT, HEATING, apartments
from tests.providers.conformance import Case, Live

ACCOUNT = Account(sites=(SITE,), meters=(FLAT, PRODUCER, HEATING))
WINDOW = Window.of_day(date(2025, 6, 1))


@contextmanager
def _open() -> Iterator[Live]:
    with apartments(account=ACCOUNT) as made:
        password = made.twin.settings.password

        def lock_out() -> None:
            made.twin.configure(password="another password")
            made.twin.revoke_tokens()

        yield Live(made.provider, made.asked, _bounds, (password,), lock_out)


def _bounds(question: Mapping[str, str]) -> Window:
    if "t_s" not in question:
        return WINDOW  # a list of what there is
    start, end = (datetime.fromisoformat(question[name]).replace(tzinfo=UTC) for name in ("t_s", "t_e"))
    return Window(start, end)


CASE = Case(SPEC, WINDOW, _open, tolerance=timedelta(seconds=1))
