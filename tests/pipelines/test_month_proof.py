"""A simulated month: the product alone with providers, a database and processes that fail every day.

Thirty days of five sources, and thirty more in which whatever is late may come. Every day: an hour in which no provider
answers, one request in twenty that fails otherwise, two ends of the database server (a restart, a `kill -9`), and
three runs that are killed. One provider answers empty for two days, and has the data a week later. Nobody presses
anything.

Time is moved for the processes and for the server alike: libfaketime (Debian) adds one offset to the wall clock of the
server, the sandbox, the code server, its runs and the daemon. It runs at its own pace while somebody is at work, and is
put forward to the next moment of the day when nobody is; the monotonic clock, by which sockets and locks count their
patience, is left alone (`tests.fakes.moved_time`, ADR 0029). Schedules, sensors, retries and the queue are those of
Dagster's daemon.

`MONTH_DAYS=3` makes a month of three days, and `MONTH_SOURCES=charging_hub` one of one source, for whoever changes
something here.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil
import pytest

from domain.window import Window
from pipelines.local.verification import verify
from tests.fakes.demo import sources
from tests.fakes.deployed_stack import AT_WORK, STARTING
from tests.fakes.moved_stack import MovedStack, moved_stack

pytestmark = [pytest.mark.prove, pytest.mark.timeout(5400 + 600)]

N_DAYS: Final = int(os.environ.get("MONTH_DAYS", "30"))
SOURCES: Final = [slug for slug in sources() if slug in os.environ.get("MONTH_SOURCES", slug)]
FIRST: Final = date(2026, 3, 1)
DAYS: Final = [FIRST + timedelta(days=n) for n in range(N_DAYS)]
LAST: Final = FIRST + timedelta(days=2 * N_DAYS)
LATE_SOURCE: Final = "charging_hub"
LATE: Final = [DAYS[N_DAYS * 2 // 5 + n] for n in range(2)] if N_DAYS >= 10 and LATE_SOURCE in SOURCES else []
"""The days that come a week late; a short month has none, since they are asked for 7 and 14 days after they were."""

TICK: Final = timedelta(hours=4, minutes=39)
"""When every source's schedule has asked: of the ticks before Dagster makes up for the last."""

CHECKS: Final = timedelta(minutes=10)
"""When the checks are evaluated: of the ticks of the day before Dagster makes up for the last."""

OUTAGE: Final = timedelta(hours=1)
PATIENCE_SECONDS: Final = 300.0
"""Real seconds that the runs of one moment may take; what hangs longer is left to what watches over runs."""

HURRY_SECONDS: Final = 8.0
"""Real seconds after which those who are still at work are taken to wait, and are helped."""

HURRY: Final = timedelta(minutes=1)
"""How far the clock is moved each half second then."""

JUDGED_SECONDS: Final = 45.0
"""Real seconds that a move leaves whoever judges which runs are lost: it looks twice, 18 seconds apart."""

QUIET_SECONDS: Final = {True: 4.0, False: 1.0}
"""Real seconds without a run after which none is expected: after a tick, and after a moment at which none is due."""

A_TICK_EARLY: Final = timedelta(seconds=2)

N_KILLED: Final = 3  # runs a day

FAULTY: Final[list[dict[str, object]]] = [
    {"fault": "status", "code": 500},
    {"fault": "status", "code": 429, "retry_after": "1.5"},
    {"fault": "cut", "fraction": 0.5},
    {"fault": "cut", "fraction": 0.0, "reset": True},
    {"fault": "html_200"},
]
"""What one request in twenty gets instead of its answer, or of all of it."""

GONE: Final[list[dict[str, object]]] = [
    {"fault": "status", "code": 503},
    {"fault": "cut", "fraction": 0.0, "reset": True},
]
"""What every request gets in an outage; one of them, drawn for the day."""


@dataclass
class Day:
    """What happened on one simulated day."""

    day: date
    outage: datetime
    n_restarts: int = 0
    n_killed: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def row(self) -> str:
        """A line of the table."""
        runs = ", ".join(f"{n} {status.lower()}" for status, n in sorted(self.runs.items()))
        return (
            f"{self.day}  outage {self.outage:%H:%M}  {self.n_restarts} restarts  {self.n_killed} killed  "
            f"{self.seconds:4.0f} s  {runs}"
        )


class Month:
    """The driver: it moves the clock, and breaks things. It asks for nothing."""

    def __init__(self, stack: MovedStack) -> None:
        self._stack = stack
        project = stack.project
        self._bindings = [project.source(slug).sandbox_binding for slug in SOURCES]
        self._sandbox = project.sandbox
        self._began = time.monotonic()

    def live_through(self, day: date) -> Day:
        """One simulated day, from midnight to midnight."""
        draw = random.Random(str(day))
        midnight = Window.of_day(day).start
        # On the last day of all it comes late: what fails by the last tick of a short month has no tick to heal by.
        minutes = 60 if day == LAST else draw.randint(-120, 60)
        lived = Day(day, midnight + TICK + timedelta(minutes=minutes))
        began = time.monotonic()
        moments = {midnight + CHECKS: 1, midnight + TICK: len(self._bindings)}
        changes = {lived.outage: True, lived.outage + OUTAGE: False}
        for at, following in pairwise([*sorted({*moments, *changes}), midnight + timedelta(days=1)]):
            # Who was at work until now may have come later than that.
            self._stack.time.go_to(max(at - timedelta(seconds=2), self._stack.time.now() + timedelta(milliseconds=1)))
            time.sleep(2.2)
            if at in changes:
                self._be_away(draw.choice(GONE), is_away=changes[at])
            if at in moments:
                # A tick may be written down before it is due: each process looks at the moved clock once a second.
                self._work(lived, draw, at - A_TICK_EARLY, moments[at], is_tick=at == midnight + TICK)
            self._wait_until_idle(QUIET_SECONDS[at in moments], before=following)
        lived.runs = Counter(status for _, _, status in self._stack.runs(midnight))
        lived.seconds = time.monotonic() - began
        return lived

    def break_requests(self) -> None:
        """From now on one request in twenty is faulty; none is too early."""
        for binding in self._bindings:
            if binding.provider == "climkit":  # whose limit counts real seconds, and our slots moved ones
                self._sandbox.request("PUT", f"/{binding.provider}/settings", {"requests_per_second": 0})
        share = 0.05 / len(FAULTY)
        for binding in self._bindings:
            for seed, fault in enumerate(FAULTY):
                self._put(binding.provider, {**fault, "endpoint": "any", "probability": share, "seed": seed})

    def keep_back(self, days: list[date]) -> None:
        """The late provider has nothing of `days`; an empty list hands everything in."""
        provider = next(one.provider for one in self._bindings if one.source == LATE_SOURCE)
        for fault in self._sandbox.request("GET", f"/{provider}/faults"):
            if fault["fault"] == "late_documents":
                self._sandbox.request("DELETE", f"/{provider}/faults?number={fault['number']}")
        for day in days:
            self._put(provider, {"fault": "late_documents", "every": 1, "day": str(day)})

    def _put(self, provider: str, fault: dict[str, object]) -> None:
        self._sandbox.request("PUT", f"/{provider}/faults", fault)

    def _be_away(self, fault: dict[str, object], *, is_away: bool) -> None:
        for binding in self._bindings:
            if is_away:
                self._put(binding.provider, {**fault, "endpoint": "any"})
                continue
            for known in self._sandbox.request("GET", f"/{binding.provider}/faults"):
                if known["probability"] == 1 and known["fault"] != "late_documents":
                    self._sandbox.request("DELETE", f"/{binding.provider}/faults?number={known['number']}")

    def _work(self, lived: Day, draw: random.Random, since: datetime, n_expected: int, *, is_tick: bool) -> None:
        """Wait for the runs of a moment, and disturb them."""
        ends = [self._stack.server.restart, self._stack.server.kill] if is_tick else []
        at_seconds = sorted((draw.uniform(3, 18), end) for end in ends) if ends else []
        until = time.monotonic() + PATIENCE_SECONDS
        launched_until = time.monotonic() + PATIENCE_SECONDS / 5
        while len(self._stack.runs(since)) < n_expected and time.monotonic() < launched_until:
            time.sleep(0.5)
        began = time.monotonic()
        next_kill = began + draw.uniform(1, 4)
        while (at_seconds or (is_tick and lived.n_killed < N_KILLED and self._stack.n_unfinished())) and (
            time.monotonic() < until
        ):
            if at_seconds and time.monotonic() >= began + at_seconds[0][0]:
                at_seconds.pop(0)[1]()
                lived.n_restarts += 1
            if is_tick and lived.n_killed < N_KILLED and time.monotonic() >= next_kill:
                lived.n_killed += self._kill_a_run(draw)
                next_kill = time.monotonic() + draw.uniform(1, 4)
            time.sleep(0.3)

    def _kill_a_run(self, draw: random.Random) -> int:
        """`kill -9` of a run at work; how many that were."""
        found = self._stack.run_processes()
        if not found:
            return 0
        try:
            draw.choice(found).kill()
        except psutil.NoSuchProcess:
            return 0
        return 1

    def _wait_until_idle(self, quiet_seconds: float, before: datetime) -> None:
        """Until no run is waiting or at work, nor about to be started again; a long wait is made shorter.

        An order that nobody heard the name of is waited for a quarter of an hour: the clock moves by minutes then, but
        not beyond `before`, which comes whoever is at work, nor while a run is being started, for which Dagster has
        little patience; and slowly while the process of one is gone.
        """
        began = quiet_since = moved_at = time.monotonic()
        while (now := time.monotonic()) < began + PATIENCE_SECONDS and now < quiet_since + quiet_seconds:
            assert not (complaint := self._stack.complaint()), complaint
            if self._stack.n_unfinished():
                quiet_since = now
                is_any_lost = self._stack.n_unfinished(AT_WORK) > len(self._stack.run_processes())
                pause = JUDGED_SECONDS if is_any_lost else 0.0
                if now > began + HURRY_SECONDS and now > moved_at + pause and not self._stack.n_unfinished(STARTING):
                    moved = self._stack.time.now() + HURRY
                    if moved >= before:
                        return
                    self._stack.time.go_to(moved)
                    moved_at = now
            time.sleep(0.5)


@pytest.fixture
def stack(tmp_path: Path, package_cache: Path) -> Iterator[MovedStack]:
    begins_at = Window.of_day(FIRST + timedelta(days=1)).start
    with moved_stack(tmp_path / "home", package_cache, begins_at, FIRST, SOURCES) as started:
        yield started


def test_a_month_of_failures_leaves_every_day_whole_and_nobody_pressed_anything(
    stack: MovedStack, capsys: pytest.CaptureFixture[str]
) -> None:
    month = Month(stack)
    month.break_requests()
    if LATE:
        month.keep_back(LATE)
    with capsys.disabled():
        print()
        for n in range(1, 2 * N_DAYS + 1):
            day = FIRST + timedelta(days=n)
            if LATE and day == LATE[-1] + timedelta(days=8):
                month.keep_back([])
                print(f"{day}  {LATE_SOURCE} hands in {', '.join(map(str, LATE))}")
            print(month.live_through(day).row(), flush=True)
        broken = list(what_is_not_whole(stack))
        n_crashes = f"{stack.server.n_crashes} crashes of the server"
        print(*broken, f"{len(DAYS) * len(SOURCES)} days, {len(broken)} complaints, {n_crashes}", sep="\n")
    assert broken == []


def what_is_not_whole(stack: MovedStack) -> Iterator[str]:
    """A sentence for each day of a source that is not loaded, not as it was served, or written twice."""
    project = stack.project
    with project.warehouse() as warehouse:
        for slug in SOURCES:
            statuses = {status.day: status for status in warehouse.ledger.days(slug)}
            binding = project.source(slug).sandbox_binding
            for day in DAYS:
                status = statuses.get(day)
                if status is None or status.load_id is None:
                    yield f"{slug} {day}: not loaded ({status and status.sentence})"
                    continue
                if status.reason is not None:
                    yield f"{slug} {day}: failed since, {status.sentence}"
                found = verify(project.sandbox, warehouse.reading, binding, [day]).total
                if not found.is_equal:
                    yield f"{slug} {day}: {found.difference}"
                elif status.n_points != found.n_loaded:
                    yield f"{slug} {day}: the ledger says {status.n_points} points, there are {found.n_loaded}"
