"""A live service over the twin and a real warehouse: what the tests of streams start and look at."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from domain.window import Window
from pipelines.live.service import LiveService
from pipelines.live.settings import LiveSettings
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.live import VoltStorageFeed
from sandbox.voltstorage.store import SECONDS
from tests.providers.voltstorage.harness import Battery, battery
from warehouse.store import TimescaleWarehouse, open_warehouse

ACCOUNT = AccountConfig(products=(78,), statistics=())
SOURCE = "home"
QUICK_SETTINGS = LiveSettings(
    linger_seconds=0.05,
    receive_seconds=0.1,
    first_wait_seconds=0.05,
    longest_wait_seconds=0.1,
    overlap=timedelta(seconds=0.5),
    export_lag=timedelta(seconds=1.0),
    fill_seconds=0.2,
    backoff_seconds=0.3,
    max_backoff_seconds=1.0,
    refused_wait_seconds=0.2,
    longest_refused_wait_seconds=0.4,
    parts_seconds=0.3,
    look_back=timedelta(seconds=5),
)

Point = tuple[str, datetime, float]

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass
class LiveHouse:
    """A source that is listened to.

    Attributes:
        home: The twin, and a provider over it.
        warehouse: Where points go.
        feed: The streams.
        settings: The bounds.
        running: The threads of the services that were started.
    """

    home: Battery
    warehouse: TimescaleWarehouse
    feed: VoltStorageFeed
    settings: LiveSettings
    running: list[threading.Thread] = field(default_factory=list)

    @property
    def is_listening(self) -> bool:
        """Whether a service runs."""
        return any(thread.is_alive() for thread in self.running)

    @contextmanager
    def listening(self, *, feed: Any = None, settings: LiveSettings | None = None) -> Iterator[LiveService]:
        """A service that runs until the block ends; what it raises is raised there."""
        service = LiveService(
            SOURCE, feed or self.feed, self.home.provider, self.warehouse, settings=settings or self.settings
        )
        raised: list[BaseException] = []

        def run() -> None:
            try:
                service.run()
            except BaseException as error:  # noqa: BLE001 - raised below
                raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        self.running.append(thread)
        thread.start()
        try:
            yield service
        finally:
            service.stop()
            thread.join(30)
            assert not thread.is_alive()
            if raised:
                raise raised[0]

    def said(self, window: Window) -> list[Point]:
        """What the warehouse holds of the seconds' product, by series and time."""
        frame: pd.DataFrame = self.warehouse.reading.measurements(SOURCE, window)
        return [(str(key), at.to_pydatetime(), value) for key, at, value in frame.itertuples(index=False)]

    def meant(self, window: Window) -> list[Point]:
        """What the twin means."""
        # Rounded up, both: a row of this millisecond lies before a bound that is some microseconds into it.
        start, end = (-((_EPOCH - bound) // _MILLISECOND) for bound in (window.start, window.end))
        rows = self.home.twin.rows(SECONDS, start, end)
        points = [
            (f"78/{name}", datetime.fromtimestamp(at / 1000, UTC), float(value))
            for at, cells in rows
            for name, value in cells.items()
        ]
        return sorted((key, _whole(at), value) for key, at, value in points)

    def open_gaps(self) -> int:
        """How many gaps nothing has filled yet."""
        return len(self.warehouse.live.open_gaps(SOURCE, datetime.now(UTC) + timedelta(days=1)))


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=round(at.microsecond / 1000) * 1000)


def eventually(is_so: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    """Whether something becomes so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def live_house(database: str, folder: Path, **settings: Any) -> Iterator[LiveHouse]:
    """A house with one source, ten rows a second unless the settings say otherwise."""
    wanted = {"has_seconds": True, "spacing_ms": 100, "live_time": "fraction", **settings}
    with battery(account=ACCOUNT, **wanted) as home, open_warehouse(database, folder / "landing") as warehouse:
        feed = VoltStorageFeed(home.provider.client, home.clients[0].origin, home.login, account=ACCOUNT, source=SOURCE)
        yield LiveHouse(home, warehouse, feed, QUICK_SETTINGS)
