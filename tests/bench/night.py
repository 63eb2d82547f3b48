"""A night of 200 sources: what all their schedules ask for, from the first tick to the last commit.

Of each provider's sources as many as `SHARES` says. Their schedules are the shipped default's minutes, at an hour that
comes while it is measured; they ask for the trailing days of their provider, which is all that an installation asks
for that has missed none. Where the provider counts requests (Climkit, Servitly) each source has an account, and so a
budget, and a twin, of its own; elsewhere the sources of a provider share a twin. Budgets, launcher, queue and history
are as shipped. The twins answer from this machine, whose processors they share. `NIGHT_SOURCES` (200) makes it smaller.
"""

import os
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import psutil

from domain.records import ProviderSpec
from pipelines.local.processes import poll
from pipelines.schedules import nightly
from providers.climkit.spec import SPEC as CLIMKIT
from providers.export_service.spec import SPEC as EXPORT_SERVICE
from providers.servitly.spec import SPEC as SERVITLY
from providers.smart_house.spec import SPEC as SMART_HOUSE
from providers.voltstorage.spec import SPEC as VOLTSTORAGE
from sandbox.running import TWINS, build_twins, served
from tests.bench.history import note
from tests.bench.installation import (
    account,
    be_slow,
    installation,
    last_commit,
    load_of_machine,
    own_server,
    points_asked,
    processor_seconds,
    shipped,
)
from tests.bench.rooms import say
from tests.fakes.deployed_stack import DeployedStack
from warehouse.embedded import EmbeddedWarehouse

N_SOURCES: Final = int(os.environ.get("NIGHT_SOURCES", "200"))
PROMISED_MINUTES: Final = 25
PATIENCE_SECONDS: Final = 3600.0
STARTED_WITHIN: Final = timedelta(minutes=2)
"""Of Dagster with all sources: the first tick comes after it."""

_DAYS: Final = """
    SELECT count(*) FROM (SELECT DISTINCT source, window_start FROM load WHERE status = 'committed') AS loaded
"""
_RUNS: Final = """
    SELECT pipeline_name, status, extract(EPOCH FROM create_timestamp AT TIME ZONE 'UTC')::float8, start_time, end_time
    FROM runs WHERE pipeline_name = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """The sources of one provider.

    Attributes:
        spec: The provider's facts.
        pattern: The source that ships, whose defs.yaml they have.
        prefix: With what the names of its variables begin.
        share: How many of a hundred sources are of it.
    """

    spec: ProviderSpec
    pattern: str
    prefix: str
    share: int


KINDS: Final = (
    Kind(EXPORT_SERVICE, "charging_hub", "CHARGING_HUB", 40),
    Kind(VOLTSTORAGE, "home_batteries", "HOME_BATTERIES", 20),
    Kind(SMART_HOUSE, "smart_homes", "SMART_HOMES", 20),
    Kind(CLIMKIT, "apartment_house", "APARTMENT_HOUSE", 10),
    Kind(SERVITLY, "boiler_fleet", "BOILER_FLEET", 10),
)


@dataclass
class Night:
    """The sources, their accounts, and when they are asked for.

    Attributes:
        kinds: Source → what it is of.
        texts: Source → defs.yaml.
        variables: Of the accounts.
        ticks: Source → when its schedule fires.
    """

    kinds: dict[str, Kind] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    ticks: dict[str, datetime] = field(default_factory=dict)

    @property
    def n_days(self) -> int:
        """How many days of sources are to be loaded."""
        return sum(kind.spec.refetch_days for kind in self.kinds.values())


@contextmanager
def prepared(begin: datetime, n_sources: int = N_SOURCES) -> Iterator[Night]:
    """Every source, and its provider's twin while the block lasts.

    Args:
        begin: What is 04:30 for their schedules.
        n_sources: How many.
    """
    night, texts = Night(), shipped()
    with ExitStack() as opened:
        common = opened.enter_context(served(build_twins({})))
        be_slow(common)
        for kind in KINDS:
            for number in range(n_sources * kind.share // 100):
                slug, prefix, sandbox = f"{kind.pattern}_{number:03}", kind.prefix, common
                if kind.spec.requests_per_second is not None:
                    prefix = f"{kind.prefix}_{number:03}"
                    [twin] = [twin for twin in TWINS if twin.slug == kind.spec.slug]
                    sandbox = opened.enter_context(served([twin(twin.settings_type())]))
                    be_slow(sandbox)
                night.kinds[slug] = kind
                night.variables |= account(prefix, sandbox.url, sandbox.control.twins[kind.spec.slug])
                minute = int(nightly(slug).partition(" ")[0]) - 30
                night.ticks[slug] = tick = begin + timedelta(minutes=minute)
                # The trailing days are all that there is: an installation that has missed none asks for no others.
                first_day = tick.date() - timedelta(days=kind.spec.refetch_days)
                text = texts[kind.pattern].replace(f"{kind.prefix}_", f"{prefix}_")
                text = text.replace('first_day: "2025-01-01"', f'first_day: "{first_day}"')
                night.texts[slug] = text.rstrip() + f'\n  schedule: "{tick.minute} {tick.hour} * * *"\n'
        yield night


def main() -> bool:
    """Measure, say how long it takes, and whether it is what was promised."""
    begin = datetime.now(UTC).replace(second=0, microsecond=0) + STARTED_WITHIN + timedelta(minutes=1)
    with (
        own_server() as embedded,
        prepared(begin) as night,
        installation(embedded, night.texts, night.variables, name="night") as stack,
    ):
        stack.start_dagster()
        first_tick = min(night.ticks.values())
        if datetime.now(UTC) >= first_tick:
            raise RuntimeError(f"Dagster was not ready when the first schedule fired, at {first_tick:%H:%M}")
        wait_until(first_tick)
        before = spent(stack, embedded)
        wait_for(stack, night)
        after = spent(stack, embedded)
        return said(stack, night, {name: after[name] - before[name] for name in after})


def spent(stack: DeployedStack, embedded: EmbeddedWarehouse) -> dict[str, float]:
    """Processor seconds so far of each part, with all that it has started."""
    server = psutil.Process(embedded.status().pid)
    parts = {
        "runs and the code server": [stack.process("code-server")],
        "the daemon": [stack.process("daemon")],
        "the database's server": [server, *server.children(recursive=True)],
        "the twins": [psutil.Process()],
    }
    return {name: processor_seconds(processes) for name, processes in parts.items()}


def wait_until(moment: datetime) -> None:
    """Sleep."""
    for _ in poll(PATIENCE_SECONDS, every=0.5):
        if datetime.now(UTC) >= moment:
            return


def wait_for(stack: DeployedStack, night: Night) -> None:
    """Wait until each source has had a run, and none is under way."""
    first_tick = min(night.ticks.values())
    for _ in poll(PATIENCE_SECONDS, every=2.0):
        if complaint := stack.complaint():
            raise RuntimeError(complaint)
        started = {job for _, job, _ in stack.runs(first_tick)}
        if started >= night.kinds.keys() and not stack.n_unfinished():
            return
    raise RuntimeError(f"after {PATIENCE_SECONDS:.0f} s {stack.n_unfinished()} runs are under way")


def said(stack: DeployedStack, night: Night, busy: Mapping[str, float]) -> bool:
    """Print what was found; whether it is what was promised."""
    first_tick = min(night.ticks.values())
    seconds = (last_commit(stack, first_tick) - first_tick).total_seconds()
    runs = stack.asked(_RUNS, sorted(night.kinds))
    [(n_days,)] = points_asked(stack, _DAYS)
    ended = Counter(status for _, status, _, _, _ in runs)
    is_whole, minutes = n_days == night.n_days, seconds / 60
    say(f"a night of {len(night.kinds)} sources, from the first tick to the last commit: {minutes:.1f} minutes")
    say(f"  (promised: {PROMISED_MINUTES} or less) on {psutil.cpu_count()} processors, {load_of_machine()}")
    counts = ", ".join(f"{n} {status.lower()}" for status, n in sorted(ended.items()))
    say(f"  {n_days} of {night.n_days} days are loaded; runs: {counts}")
    say("  processor seconds: " + ", ".join(f"{name} {figure:.0f}" for name, figure in busy.items()))
    for kind in KINDS:
        of_kind = [run for run in runs if night.kinds[run[0]] is kind and run[4]]
        if of_kind:
            at_work = statistics.median(over - began for _, _, _, began, over in of_kind)
            waited = statistics.median(began - created for _, _, created, began, _ in of_kind)
            say(f"  {kind.spec.title}: {len(of_kind)} runs, medians: {at_work:.0f} s at work after {waited:.0f} s")
            note(f"night: a run of {kind.spec.title} at work, median", at_work, "s")
    line = f"night: {len(night.kinds)} sources, first tick to last commit"
    holds = is_whole and minutes <= PROMISED_MINUTES
    note(line, minutes, "min", f"{PROMISED_MINUTES} or less", holds=holds)
    for name, figure in busy.items():
        note(f"night: processor seconds of {name}", figure, "s")
    note("night: days that are not loaded", night.n_days - n_days)
    return holds


if __name__ == "__main__":
    raise SystemExit(not main())
