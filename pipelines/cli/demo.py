"""`joulehouse demo`: measured days through everything, real backfills, checked row for row, then loaded again."""

import math
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

import typer

from pipelines.cli.ui import PortOption, keep_open
from pipelines.console import fail, refuse, say, today
from pipelines.local.demo import go_through
from pipelines.local.environment import opened
from pipelines.local.project import House, Source
from pipelines.local.sandbox_process import Account, Twin
from resources.settings import DAGSTER_VARIABLES

OnceOption = Annotated[bool, typer.Option("--once", help="End after the summary, and stop everything.")]
DaysOption = Annotated[int, typer.Option(min=1, max=300, help="How many whole days to pull at most, ending yesterday.")]

SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", help="Only this source; may be given more than once.", show_default=False),
]


def demo(
    *, once: OnceOption = False, days: DaysOption = 60, source: SourceOption = None, port: PortOption = None
) -> None:
    """Pull measured days from the sandbox through real Dagster backfills, verify every row, and leave the UI open."""
    begun = time.monotonic()
    house = House()
    for name in ("WAREHOUSE_URL", "LANDING_URL", *DAGSTER_VARIABLES):
        if house.settings.environment.get(name, "").strip():
            refuse(f"the demo keeps the sandbox's rows apart from all that is yours: unset {name} for it.")
    chosen = {house.source(slug).slug for slug in source or ()}
    sources = _sources(house)
    wanted = {one.slug: _days_of(one, days) for one in sources}
    first_days = {slug: taken[0] for slug, taken in wanted.items()}

    accounts = [one.account for one in sources]
    with opened(house, accounts=accounts, port=port, first_days=first_days) as running:
        in_order = [one.slug for one in sorted(sources, key=_rate) if not chosen or one.slug in chosen]
        served = {account.source: account for account in _served(running.twin, accounts)}
        taken = {slug: wanted[slug] for slug in in_order if slug in served}
        if not taken:
            fail("none of the chosen sources has a twin in the sandbox.")
        go_through(running, served, taken, is_looked_at=not once)
        say(f"Done in {time.monotonic() - begun:.0f} seconds.")
        if not once:
            keep_open(running)


def _sources(house: House) -> list[Source]:
    """Those that can be pointed at the sandbox; ends the command where one points at a real account."""
    environment = house.settings.environment
    sources = [source for source in house.sources() if source.account.addresses]
    for account in (source.account for source in sources):
        if not house.twin.is_meant_by(environment, account):
            said = ", ".join(name for name in account.variables if environment.get(name, "").strip())
            refuse(f"{account.source} points at a real account here, and the demo would mix into it: unset {said}.")
    if not sources:
        refuse("no source in assets/ names a base_url_env: there is nothing to point at the sandbox.")
    return sources


def _days_of(source: Source, n_days: int) -> list[date]:
    """The whole days to pull, ending yesterday; of a provider that counts requests, one of its widest windows at most.

    What may be asked once a second is asked once a second, of a twin too: 60 days of it would take as many requests
    twice over, and the demo minutes longer.
    """
    spec = source.component.facts.spec
    n_taken = n_days if spec.requests_per_second is None else min(n_days, max(1, spec.max_window.days))
    return [today() - timedelta(days=back) for back in range(n_taken, 0, -1)]


def _rate(source: Source) -> float:
    """Requests per second that its provider bears: who has to wait longest is launched first."""
    return source.component.facts.spec.requests_per_second or math.inf


def _served(twin: Twin | None, accounts: Sequence[Account]) -> list[Account]:
    """Those whose provider has a twin."""
    served = [account for account in accounts if twin and twin.serves(account)]
    for account in accounts:
        if account not in served:
            say(f"           no twin of {account.provider}: {account.source} is left out")
    if not served:
        fail("no source has a twin in the sandbox.")
    return served
