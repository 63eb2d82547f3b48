"""`demo`, `ui` and `stop`: the Dagster UI opened on measured days, opened again on the same data, and stopped."""

import math
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from domain.errors import ConfigurationError
from pipelines.console import fail, refuse, say, today
from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.demo import run_demo
from pipelines.local.environment import RunningEnvironment, lock_holder, running_environment
from pipelines.local.processes import poll
from pipelines.local.project import Project, Source
from pipelines.local.sandbox_process import SandboxBinding, SandboxProcess
from resources.settings import DAGSTER_VARIABLES

_STOP_SECONDS: Final = 120.0
"""A demo or a UI that is asked to end waits for its runs, its webserver, its daemon and the warehouse."""

PortOption = Annotated[int | None, typer.Option(min=1024, max=65535, help="Where the UI listens [default: as last].")]
OnceOption = Annotated[bool, typer.Option("--once", help="End after the summary, and stop everything.")]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="For viewers: nothing is launched or changed.")]
DaysOption = Annotated[int, typer.Option(min=1, max=300, help="How many whole days to pull at most, ending yesterday.")]

SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", help="Only this source; may be given more than once.", show_default=False),
]


def demo(
    *, once: OnceOption = False, days: DaysOption = 60, source: SourceOption = None, port: PortOption = None
) -> None:
    """Pull measured days from the sandbox through real Dagster backfills, verify every row, and leave the UI open."""
    begin = time.monotonic()
    project = Project()
    for name in ("WAREHOUSE_URL", "LANDING_URL", *DAGSTER_VARIABLES):
        if project.settings.environment.get(name, "").strip():
            refuse(f"the demo keeps the sandbox's rows apart from all that is yours: unset {name} for it.")
    chosen = {project.source(slug).slug for slug in source or ()}
    sources = _sandbox_sources(project)
    all_days = {one.slug: _days_of(one, days) for one in sources}
    first_days = {slug: its_days[0] for slug, its_days in all_days.items()}

    bindings = [one.sandbox_binding for one in sources]
    with running_environment(project, bindings=bindings, port=port, first_days=first_days) as running:
        ordered = [one.slug for one in sorted(sources, key=_rate) if not chosen or one.slug in chosen]
        served = {binding.source: binding for binding in _served(running.sandbox, bindings)}
        demo_days = {slug: all_days[slug] for slug in ordered if slug in served}
        if not demo_days:
            fail("none of the chosen sources has a twin in the sandbox.")
        run_demo(running, served, demo_days, stays_open=not once)
        say(f"Done in {time.monotonic() - begin:.0f} seconds.")
        if not once:
            _keep_open(running)


def ui(*, port: PortOption = None, read_only: ReadOnlyOption = False) -> None:
    """Open the Dagster UI again on the same data, with its daemon, until Ctrl-C.

    Only pages of this UI may launch anything; UI_ORIGINS names further origins under which it is opened. Schedules run
    with --read-only, too.
    """
    project = Project()
    sandbox, environment = project.sandbox, project.settings.environment
    # The demo's sources point at the sandbox, unless the variables of a real account are set.
    bindings = [source.sandbox_binding for source in project.sources()] if sandbox.was_started else []
    selected = [one for one in bindings if sandbox.serves(one) and sandbox.is_selected_by(environment, one)]
    with running_environment(project, bindings=selected, port=port, is_read_only=read_only) as running:
        running.start_daemon()
        _keep_open(running)


def stop() -> None:
    """End whatever of this checkout runs: a demo or a UI, Dagster with its runs, the sandbox and the warehouse."""
    project = Project()
    was_running = {
        "The demo or the UI": _stop_lock_holder(project.home),
        "Dagster": DagsterProcesses(project.home, {}).stop(),
        "The sandbox": project.sandbox.stop(),
        "The embedded warehouse": project.embedded.stop(),
    }
    for what, ran in was_running.items():
        if ran:
            say(f"{what} is stopped.")
    if not any(was_running.values()):
        say("Nothing was running.")


def _keep_open(running: RunningEnvironment) -> None:
    """Print where the UI is, and wait for Ctrl-C."""
    say(f"\nThe asset graph: {running.graph_url}")
    say("Ctrl-C stops everything.")
    try:
        running.wait_until_interrupted()
    except KeyboardInterrupt:
        say("\nStopping.")


def _sandbox_sources(project: Project) -> list[Source]:
    """Those that can be pointed at the sandbox; ends the command where one points at a real account."""
    environment = project.settings.environment
    sources = [source for source in project.sources() if source.sandbox_binding.addresses]
    for binding in (source.sandbox_binding for source in sources):
        if not project.sandbox.is_selected_by(environment, binding):
            names = ", ".join(name for name in binding.variables if environment.get(name, "").strip())
            refuse(f"{binding.source} points at a real account here, and the demo would mix into it: unset {names}.")
    if not sources:
        refuse("no source in assets/ names a base_url_env: there is nothing to point at the sandbox.")
    return sources


def _days_of(source: Source, n_days: int) -> list[date]:
    """The whole days to pull, ending yesterday; of a provider that counts requests, one of its widest windows at most.

    A rate of one request a second holds for a twin too: 60 days of it would take as many requests twice over, and the
    demo minutes longer.
    """
    spec = source.component.facts.spec
    n_pulled = n_days if spec.requests_per_second is None else min(n_days, max(1, spec.max_window.days))
    return [today() - timedelta(days=n) for n in range(n_pulled, 0, -1)]


def _rate(source: Source) -> float:
    """Requests per second that its provider allows: the slowest is launched first."""
    return source.component.facts.spec.requests_per_second or math.inf


def _served(sandbox: SandboxProcess | None, bindings: Sequence[SandboxBinding]) -> list[SandboxBinding]:
    """Those whose provider has a twin."""
    served = [binding for binding in bindings if sandbox and sandbox.serves(binding)]
    for binding in bindings:
        if binding not in served:
            say(f"           no twin of {binding.provider}: {binding.source} is left out")
    if not served:
        fail("no source has a twin in the sandbox.")
    return served


def _stop_lock_holder(home: Path) -> bool:
    """Ask the command line that holds the home's Dagster to end, and wait until it has; whether there was one.

    Raises:
        ConfigurationError: It does not end.
    """
    pid = lock_holder(home)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    for _ in poll(_STOP_SECONDS):
        if lock_holder(home) is None:
            return True
    raise ConfigurationError(
        f"the demo or the UI (process {pid}) does not end",
        place=str(home),
        fix="end it with Ctrl-C, then run joulehouse stop again",
    )
