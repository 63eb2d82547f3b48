"""Climkit in the conformance suite: an apartment house, by quarters, with its registers and sensors."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.spec import SPEC
from sandbox.climkit.house import PRODUCER, SITE
from tests.providers.climkit.harness import FLAT, HEATING, apartments
from tests.providers.conformance import Case, Live

ACCOUNT = AccountConfig(sites=(SITE,), meters=(FLAT, PRODUCER, HEATING))
ALL = replace(ACCOUNT, frequencies=("15T", "D", "M"), meters=None)
WINDOW = Window.of_day(date(2025, 6, 1))
WIDE = Window.of_days(date(2025, 5, 31), date(2025, 6, 2))


@contextmanager
def _open(account: AccountConfig = ACCOUNT, faults: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[Live]:
    with apartments(account=account) as made:
        for name, options in (faults or {}).items():
            made.twin.fault(name, **options)
        password = made.twin.settings.password

        def lock_out() -> None:
            made.twin.configure(password="another password")
            made.twin.revoke_tokens()

        yield Live(made.provider, made.asked, _bounds, (password,), lock_out)


def _open_wide() -> AbstractContextManager[Live]:
    faults: dict[str, Mapping[str, Any]] = {"cell": {"rows": 300, "raw": "1e300"}, "duplicates": {"rows": 150}}
    return _open(ALL, {**faults, "no_time": {}, "contradiction": {}, "extra_field": {}, "unknown_meter_type": {}})


def _bounds(request: Mapping[str, str]) -> Window:
    if "t_s" not in request:
        return WINDOW  # a list of what there is
    start, end = (datetime.fromisoformat(request[name]).replace(tzinfo=UTC) for name in ("t_s", "t_e"))
    return Window(start, end)


CASE = Case(SPEC, WINDOW, _open, WIDE, _open_wide, tolerance=timedelta(seconds=1))
