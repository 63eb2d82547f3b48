"""`joulehouse doctor`: everything that this checkout needs, checked one by one."""

import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Annotated, Final

import typer
from packaging.requirements import Requirement

from assets.failures import named
from domain.errors import IngestError
from domain.texts import counted
from pipelines.automation import switched_off
from pipelines.cli.doctor_warehouse import warehouse_findings
from pipelines.cli.findings import Finding, Health, checked
from pipelines.cli.overview import JsonOption
from pipelines.console import FAILED, console, fail, literal, say_json
from pipelines.history import recorded
from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.dagster_storage import made_dagster_storage
from pipelines.local.project import Project
from pipelines.notifications.notifier import project_notifier
from resources.recipients import PING, URLS, digest_instant, ping_url
from resources.settings import PROXY
from warehouse.landing import BodyState, Landing
from warehouse.schema import check_schema

_OLDEST: Final = (3, 11)
_NEWEST: Final = (3, 13)

OnlineOption = Annotated[
    bool, typer.Option("--online", help="Also ask each provider for a token and for what it offers.")
]


DeepOption = Annotated[
    bool,
    typer.Option("--deep", help="Also compare every summary with its points, and time zones with the locked ones."),
]


def doctor(*, online: OnlineOption = False, deep: DeepOption = False, as_json: JsonOption = False) -> None:
    """Look at everything this checkout needs; exit 1 if something is wrong."""
    project = Project()
    n_wrong = 0
    if as_json:
        findings = list(examine(project, is_online=online, is_deep=deep))
        say_json([{"what": one.what, "health": one.health.name.lower(), "sentence": one.sentence} for one in findings])
        if any(one.health is Health.WRONG for one in findings):
            raise typer.Exit(FAILED)
        return
    for finding in examine(project, is_online=online, is_deep=deep):
        n_wrong += finding.health is Health.WRONG
        colour = finding.health.value
        console.print(f"[{colour}]{finding.health.name.lower():>5}[/{colour}]  {finding.what:<22} ", end="")
        console.print(literal(finding.sentence))
    if n_wrong:
        fail(f"{counted(n_wrong, 'thing')} above {'is' if n_wrong == 1 else 'are'} wrong.")


def examine(project: Project, *, is_online: bool, is_deep: bool = False) -> Iterator[Finding]:
    """Every finding, in the order in which one depends on the other. Starts nothing and changes nothing."""
    yield _python()
    yield _packages()
    yield from _environment(project)
    yield from checked("warehouse", lambda: warehouse_findings(project, is_deep=is_deep))
    yield from checked("landing zone", lambda: _landing_zone(project))
    yield from checked("sources", lambda: _sources(project, is_online=is_online))
    yield from checked("notifications", lambda: notifications(project))
    yield _dagster(project)
    yield from checked("automation", lambda: _automation(project))


def _python() -> Finding:
    running = sys.version_info[:2]
    name = ".".join(str(part) for part in sys.version_info[:3])
    if _OLDEST <= running <= _NEWEST:
        return Finding("Python", Health.GOOD, f"{name}.")
    return Finding("Python", Health.WRONG, f"{name} is not 3.11, 3.12 or 3.13: make PYTHON=python3.13 venv.")


def _packages() -> Finding:
    unmet = []
    requirements = [Requirement(line) for line in requires("joulehouse") or ()]
    for requirement in requirements:
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                unmet.append(f"{requirement.name} {version(requirement.name)} (wanted {requirement.specifier})")
        except PackageNotFoundError:
            unmet.append(f"{requirement.name} (missing)")
    if unmet:
        return Finding("packages", Health.WRONG, f"{', '.join(unmet)}: run make venv.")
    return Finding("packages", Health.GOOD, f"All {len(requirements)} are there, in versions that fit.")


def _environment(project: Project) -> Iterator[Finding]:
    if ignored := project.settings.ignored_variables:
        sentence = f"Without effect here: {', '.join(ignored)}. What they should change belongs into WAREHOUSE_URL."
        yield Finding("environment", Health.LATER, sentence)
    yield from checked("proxy", lambda: _proxy(project))


def _proxy(project: Project) -> Iterator[Finding]:
    """What the outside is asked through, and what does not lead there."""
    proxy, others = project.settings.proxy, project.settings.other_proxies
    if proxy is not None:
        yield Finding("proxy", Health.GOOD, f"The outside is asked through {proxy}, as {PROXY} says.")
    if others:
        sentence = f"No provider is asked by {' or '.join(others)}: the way to them is {PROXY} alone."
        yield Finding("proxy", Health.LATER, sentence)


def _landing_zone(project: Project) -> Iterator[Finding]:
    project.settings.lend_proxy()
    landing = Landing(project.settings.landing_url)
    landing.probe()
    yield Finding("landing zone", Health.GOOD, f"{landing.place} keeps what it is given.")
    if (url := _url_with_schema(project)) is None:
        return
    with project.warehouse(url, patience_seconds=0) as warehouse:
        zone = warehouse.landing_zone
        sentence, newest = zone.look(), zone.newest()
        if newest is None:
            yield Finding("kept answers", Health.GOOD, f"{sentence} Nothing is indexed yet.")
        elif (state := zone.state(newest)) is BodyState.WHOLE:
            yield Finding("kept answers", Health.GOOD, f"{sentence} The newest is whole: {newest}.")
        else:
            command = "joulehouse landing verify names all that are damaged or missing"
            sentence = f"{sentence} The newest is {state} there: {newest}; {command}."
            yield Finding("kept answers", Health.WRONG, sentence)


def _url_with_schema(project: Project) -> str | None:
    """The warehouse, if it runs and has the schema; what is wrong with it otherwise is a finding of its own."""
    url = project.settings.warehouse_url
    if url is None and project.embedded.status().is_running:
        url = project.embedded.url
    if url is not None:
        with suppress(IngestError):
            check_schema(url)
            return url
    return None


def _sources(project: Project, *, is_online: bool) -> Iterator[Finding]:
    sources = project.sources()
    if not sources:
        yield Finding(
            "sources", Health.LATER, "There is none: dg scaffold defs pipelines.components.ExportServiceSource."
        )
    for source in sources:
        if source.component.facts.is_retired:
            yield Finding(source.slug, Health.GOOD, "It is retired: nothing is asked of it, and what is loaded stays.")
            continue
        if missing := source.missing_variables:
            yield Finding(source.slug, Health.WRONG, f"Not set: {', '.join(missing)} ({source.file} names them).")
            continue
        if not is_online:
            yield Finding(source.slug, Health.GOOD, f"{source.file} is sound, and its variables are set.")
            continue
        with closing(source.open()) as provider:
            try:
                n_series = sum(1 for _ in provider.discover())
            except IngestError as error:
                yield Finding(source.slug, Health.WRONG, named(error))
            else:
                sentence = f"It lets us in and offers {n_series:,} series ({counted(provider.n_requests, 'request')})."
                yield Finding(source.slug, Health.GOOD, sentence)


def notifications(project: Project) -> Iterator[Finding]:
    """Who is told of troubles; nobody is told anything by this."""
    facts = [source.component.facts for source in project.sources()]
    notifier = project_notifier(project.settings, facts)
    digest_instant(project.settings, datetime.now(UTC))
    pinged = "a watchdog is pinged" if ping_url(project.settings) else f"no watchdog ({PING})"
    known = notifier.recipients.known
    failures = notifier.sender.check([one.url for one in known])
    if wrong := [f"{one.name}: {why}" for one, why in zip(known, failures, strict=True) if why]:
        yield Finding("notifications", Health.WRONG, f"{'; '.join(wrong)}.")
    elif known:
        yield Finding("notifications", Health.GOOD, f"{', '.join(one.name for one in known)}; {pinged}.")
    else:
        sentence = f"Nobody is told of troubles, since {URLS} is not set; {pinged}."
        yield Finding("notifications", Health.LATER, sentence)


def _dagster(project: Project) -> Finding:
    dagster = DagsterProcesses(project.home, {})
    if not dagster.exists:
        return Finding("Dagster", Health.LATER, "Its instance is made when the UI is first opened: joulehouse ui.")
    if dagster.webserver.pid is None:
        return Finding("Dagster", Health.LATER, f"Its instance is in {dagster.instance}; nothing runs: joulehouse ui.")
    if dagster.daemon.pid is None:
        return Finding("Dagster", Health.WRONG, f"The webserver runs, the daemon does not: read {dagster.daemon.log}.")
    return Finding("Dagster", Health.GOOD, f"The UI is open at {dagster.url}.")


def _automation(project: Project) -> Iterator[Finding]:
    """Whether what must tick is switched on, where Dagster's history can be had."""
    variables = made_dagster_storage(project)
    if variables is None:
        return
    with recorded(variables) as history:
        if history is None:
            return
        off = list(switched_off(history.schedule_storage, [source.component.facts for source in project.sources()]))
    for kind, names in off:
        it = "it" if len(names) == 1 else "each"
        sentence = (
            f"Switched off: the {kind if len(names) == 1 else kind + 's'} {', '.join(names)}. Switch {it} on in the UI,"
            f" under Automation, or where the daemon runs: dagster {kind} start {names[0]}."
        )
        yield Finding("automation", Health.WRONG, sentence)
    if not off:
        yield Finding("automation", Health.GOOD, "No sensor and no schedule that must tick is switched off.")
