"""The live service: current within two seconds, every gap marked and filled, nothing twice, nothing lost."""

import random
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from domain.window import Window
from pipelines.live.service import LiveService
from tests.fakes.live_house import SOURCE, LiveHouse, eventually, live_house


def now() -> datetime:
    return datetime.now(UTC)


def is_open(house: LiveHouse, service: LiveService) -> bool:
    """Whether both sides know of a stream."""
    return house.home.twin.streams.n_open == 1 and service.counts.n_opened > 0


def has_opened(service: LiveService, n_before: int) -> bool:
    return service.counts.n_opened > n_before


def settled(house: LiveHouse) -> bool:
    return eventually(lambda: house.open_gaps() == 0, seconds=90)


def test_the_hypertable_is_current_within_two_seconds(database: str, tmp_path: Path) -> None:
    with live_house(database, tmp_path) as house, house.listening():
        assert eventually(lambda: bool(house.said(Window(now() - timedelta(minutes=1), now() + timedelta(minutes=1)))))
        lags = []
        for _ in range(20):
            time.sleep(0.1)
            held = house.said(Window(now() - timedelta(minutes=1), now() + timedelta(minutes=1)))
            lags.append(now() - max(at for _, at, _ in held))
        assert max(lags) < timedelta(seconds=2)


def test_thirty_disconnects_leave_no_gap_and_no_duplicate(database: str, tmp_path: Path) -> None:
    draw = random.Random(1)
    with live_house(database, tmp_path) as house, house.listening() as service:
        began = now()
        cuts = []
        for number in range(30):
            assert eventually(lambda: is_open(house, service))
            n_before = service.counts.n_opened
            time.sleep(draw.uniform(0, 0.15))
            cuts.append(now())
            house.home.twin.streams.disconnect()
            assert eventually(partial(has_opened, service, n_before)), number
        ended = now()
        assert eventually(lambda: house.open_gaps() > 0 or service.counts.n_filled > 0)
        assert settled(house)
        assert service.counts.n_gaps >= 31
        window = Window(began, ended)
        assert house.said(window) == house.meant(window)
        assert unmarked(house, cuts) == []


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_a_thousand_disconnects_leave_no_gap_no_duplicate_and_no_memory(database: str, tmp_path: Path) -> None:
    draw = random.Random(2)
    with live_house(database, tmp_path) as house, house.listening() as service:
        began = now()
        cuts = []
        sizes: list[int] = []
        for number in range(1000):
            assert eventually(lambda: is_open(house, service))
            n_before = service.counts.n_opened
            time.sleep(draw.uniform(0, 0.25))
            cuts.append(now())
            house.home.twin.streams.disconnect()
            assert eventually(partial(has_opened, service, n_before)), number
            if number % 100 == 99:
                sizes.append(resident_mib())
        ended = now()
        assert settled(house)
        assert service.counts.n_gaps >= 1001
        assert unmarked(house, cuts) == []
        window = Window(began, ended)
        assert house.said(window) == house.meant(window)
        assert sizes[-1] - sizes[1] < 40, sizes


def unmarked(house: LiveHouse, cuts: list[datetime]) -> list[datetime]:
    """The disconnects that lie in no gap that was filled."""
    gaps = house.warehouse.live.gaps(SOURCE, Window(cuts[0] - timedelta(minutes=1), cuts[-1] + timedelta(minutes=1)))
    spans = [(gap["gap_start"], gap["gap_end"]) for gap in gaps if gap["filled_at"] is not None]
    return [cut for cut in cuts if not any(start <= cut <= end for start, end in spans)]


def resident_mib() -> int:
    """MiB of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4 // 1024
