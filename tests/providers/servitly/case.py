"""Servitly in the conformance suite: two things, each exported on its own, half a day to a job."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from domain.window import Window
from providers.servitly.account import AccountConfig
from providers.servitly.spec import SPEC
from sandbox.servitly.fleet import THINGS
from tests.providers.conformance import Case, Live
from tests.providers.servitly.harness import ACCOUNT, DAY, boilers

WIDE = Window.of_days(date(2025, 5, 30), date(2025, 6, 3))
THINGS_ASKED = replace(ACCOUNT, things=(THINGS[0].id, THINGS[2].id))


@contextmanager
def _open(
    account: AccountConfig = THINGS_ASKED,
    slice_of: timedelta = timedelta(hours=12),
    faults: Mapping[str, str] | None = None,
) -> Iterator[Live]:
    with boilers(account=account, slice_of=slice_of) as made:
        for name, raw in (faults or {}).items():
            made.twin.fault(name, raw=raw)
        secrets = (made.twin.settings.password, made.twin.settings.api_key)

        def asked() -> list[Mapping[str, str]]:
            return [{name: str(value) for name, value in order.items()} for order in made.twin.orders()]

        def lock_out() -> None:
            made.twin.configure(password="another password")
            made.twin.revoke_tokens()

        yield Live(made.provider, asked, _bounds, secrets, lock_out)


def _open_wide() -> AbstractContextManager[Live]:
    return _open(ACCOUNT, timedelta(days=31), {"cell": "n/a", "row": "yesterday"})


def _bounds(question: Mapping[str, str]) -> Window:
    start, end = (
        datetime.fromtimestamp(int(question[name]) / 1000, UTC) for name in ("startTimestamp", "endTimestamp")
    )
    return Window(start, end)


CASE = Case(SPEC, DAY, _open, WIDE, _open_wide)
