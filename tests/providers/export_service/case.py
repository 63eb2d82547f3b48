"""The Export Service in the conformance suite: grid, vehicles and schemaless predictions of one measured day."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime

from domain.window import Window
from providers.export_service.account import AccountConfig, FieldMeaning
from providers.export_service.spec import SPEC
from sandbox.export_service.products import GRID_PRODUCT, PREDICTION_PRODUCT, VEHICLES_PRODUCT
from tests.providers.conformance import Case, Live
from tests.providers.export_service.harness import ORGANIZATION, hub

ACCOUNT = AccountConfig(
    ORGANIZATION,
    products=(GRID_PRODUCT, VEHICLES_PRODUCT, PREDICTION_PRODUCT),
    fields={"energy_kWh": FieldMeaning("energy_register", "kWh")},
    identity={VEHICLES_PRODUCT: ("vehicleId",)},
)


@contextmanager
def _open(fault: str = "") -> Iterator[Live]:
    with hub(account=ACCOUNT, page_rows=1000, reads_ahead=False) as made:
        if fault:
            made.twin.fault(fault)

        def asked() -> list[Mapping[str, str]]:
            return [entry["query"] for entry in made.asked()]

        def lock_out() -> None:
            made.twin.configure(client_secret="another secret")
            made.twin.revoke_tokens()

        yield Live(made.provider, asked, _bounds, (made.twin.settings.client_secret,), lock_out)


def _open_wide() -> AbstractContextManager[Live]:
    return _open("ties")


def _bounds(question: Mapping[str, str]) -> Window:
    start, end = (datetime.fromisoformat(question[name]).replace(tzinfo=UTC) for name in ("startDate", "endDate"))
    return Window(start, end)


WIDE = Window.of_days(date(2025, 6, 1), date(2025, 6, 2))
CASE = Case(SPEC, Window.of_day(date(2025, 6, 1)), _open, WIDE, _open_wide)
