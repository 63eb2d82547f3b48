"""VoltStorage in the conformance suite: exports and statistics of two homes, half a day to a question."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta

from domain.window import Window
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.spec import SPEC
from sandbox.voltstorage.twin import EXPORT_CSV, STATISTICS
from tests.providers.conformance import Case, Live
from tests.providers.voltstorage.harness import battery

ACCOUNT = AccountConfig(products=(77, 79), components=(501,), statistics=("hour",))


@contextmanager
def _open(slice_of: timedelta = timedelta(hours=12), fault: str = "") -> Iterator[Live]:
    with battery(account=ACCOUNT, slice_of=slice_of) as made:
        if fault:
            made.twin.fault(fault, rows=2000)
        password = made.twin.settings.password

        def asked() -> list[Mapping[str, str]]:
            return [entry["query"] for entry in made.asked(EXPORT_CSV, STATISTICS)]

        def lock_out() -> None:
            made.twin.configure(password="another password")
            made.twin.revoke_tokens()

        yield Live(made.provider, asked, _bounds, (password,), lock_out)


def _open_wide() -> AbstractContextManager[Live]:
    return _open(timedelta(hours=36), "cell")


def _bounds(question: Mapping[str, str]) -> Window:
    names = ("from", "to") if "from" in question else ("tstart", "tend")
    start, end = (datetime.fromtimestamp(float(question[name]), UTC) for name in names)
    return Window(start, end)


WIDE = Window.of_days(date(2025, 6, 1), date(2025, 6, 3))
CASE = Case(SPEC, Window.of_day(date(2025, 6, 1)), _open, WIDE, _open_wide)
