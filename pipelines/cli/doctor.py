"""`joulehouse doctor`: everything that this checkout needs, checked one by one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Annotated, Final

import typer
from packaging.requirements import Requirement

from assets.failures import named
from assets.ingest import contiguous_ranges
from assets.ledger_reports import lost_days
from domain.errors import IngestError
from domain.texts import counted
from pipelines.automation import switched_off
from pipelines.cli.overview import JsonOption
from pipelines.console import FAILED, console, fail, literal, say_json
from pipelines.history import recorded
from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.dagster_storage import made_dagster_storage
from pipelines.local.project import Project
from pipelines.notifications.project_notifier import project_notifier
from resources.recipients import PING, URLS, digest_instant, ping_url
from resources.settings import PROXY
from warehouse.fill import pending
from warehouse.inspection import DayCount, Policy, day_counts, policies
from warehouse.landing import BodyState, Landing
from warehouse.schema import check_schema
from warehouse.server import check_server
from warehouse.summary_check import all_disagreements, other_zones

_OLDEST: Final = (3, 11)
_NEWEST: Final = (3, 13)
_COMMANDS: Final = 3  # as many as a sentence bears

OnlineOption = Annotated[
    bool, typer.Option("--online", help="Also ask each provider for a token and for what it offers.")
]


class Health(StrEnum):
    """How a finding stands, and the colour it has."""

    GOOD = "green"
    LATER = "yellow"  # nothing is wrong, but something is still to be done
    WRONG = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what, how it stands, and a sentence."""

    what: str
    health: Health
    sentence: str


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
    yield from _checked("warehouse", lambda: _warehouse(project, is_deep=is_deep))
    yield from _checked("landing zone", lambda: _landing_zone(project))
    yield from _checked("sources", lambda: _sources(project, is_online=is_online))
    yield from _checked("notifications", lambda: notifications(project))
    yield _dagster(project)
    yield from _checked("automation", lambda: _automation(project))


def _checked(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of `check`; an `IngestError` is a finding too, with its own message."""
    try:
        yield from check()
    except IngestError as error:
        yield Finding(what, Health.WRONG, named(error))


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
    yield from _checked("proxy", lambda: _proxy(project))


def _proxy(project: Project) -> Iterator[Finding]:
    """What the outside is asked through, and what does not lead there."""
    proxy, others = project.settings.proxy, project.settings.other_proxies
    if proxy is not None:
        yield Finding("proxy", Health.GOOD, f"The outside is asked through {proxy}, as {PROXY} says.")
    if others:
        sentence = f"No provider is asked by {' or '.join(others)}: the way to them is {PROXY} alone."
        yield Finding("proxy", Health.LATER, sentence)


def _warehouse(project: Project, *, is_deep: bool) -> Iterator[Finding]:
    if project.settings.warehouse_url:
        name, url = "warehouse (external)", project.settings.warehouse_url
    else:
        name, status = "warehouse (embedded)", project.embedded.status()
        if not status.is_running:
            state = "It is stopped" if status.is_made else "It was never started"
            yield Finding(name, Health.LATER, f"{state}; whatever needs it starts it, or joulehouse warehouse start.")
            return
        url = project.embedded.url
    facts = check_server(url)
    yield Finding(name, Health.GOOD, f"PostgreSQL {facts.postgres} with TimescaleDB {facts.timescaledb}.")
    check_schema(url)
    yield Finding("schema", Health.GOOD, "It is the one that this code knows, and its tables are hypertables.")
    if facts.edition == "community":
        for policy in policies(url):
            yield of_policy(policy)
    else:
        yield Finding("edition", Health.GOOD, "Apache: hypertables, without columnstore and policies.")
    yield _accounts(url, is_deep=is_deep)
    yield from _summaries(url, is_deep=is_deep)
    yield from _checked("Dagster's history", lambda: _history(project, url, is_deep=is_deep))


def of_policy(policy: Policy) -> Finding:
    """How the compression of one table stands."""
    table, job, n_overdue = policy.table_name, policy.job_id, policy.n_overdue
    if not policy.has_columnstore:
        sentence = f"{table} has none, as on the Apache edition; joulehouse warehouse migrate sets it and its policy."
        return Finding("columnstore", Health.LATER, sentence)
    if job is None or not policy.is_scheduled:
        sentence = (
            f"No policy compresses {table}: joulehouse warehouse migrate adds it."
            if job is None
            else f"The policy of {table} is switched off: let its owner run SELECT alter_job({job}, scheduled => true)."
        )
        return Finding("columnstore", Health.WRONG, sentence)
    ran = f"{policy.last_run_started_at:%Y-%m-%d %H:%M} UTC" if policy.last_run_started_at else "never"
    has_failed = policy.last_run_status == "Failed"
    run = f"job {job}, last run {ran}{', which failed' if has_failed else ''}"
    look = " timescaledb_information.job_errors says why." if has_failed else ""
    if n_overdue:
        overdue = f"{counted(n_overdue, 'chunk')} of {table} {'is' if n_overdue == 1 else 'are'} not compressed in time"
        return Finding("columnstore", Health.WRONG, f"{overdue} ({run}).{look}")
    sentence = f"All of {table} that is due is compressed ({run}).{look}"
    return Finding("columnstore", Health.LATER if has_failed else Health.GOOD, sentence)


def _accounts(url: str, *, is_deep: bool) -> Finding:
    """Whether the points are as many as the ledger says."""
    n_days = 0
    wrong: list[DayCount] = []
    for account in day_counts(url, is_deep=is_deep):
        n_days += 1
        if account.n_stored != account.n_loaded:
            wrong.append(account)
    sample = "" if is_deep else ", a sample (--deep takes all)"
    if not wrong:
        return Finding("ledger", Health.GOOD, f"{counted(n_days, 'day')} looked at hold what it says{sample}.")
    first = wrong[0]
    sentence = (
        f"{len(wrong):,} of {counted(n_days, 'day')} looked at do not hold what it says{sample}; the first is "
        f"{first.day} of {first.source}, with {first.n_stored:,} points for {first.n_loaded:,}. "
        f"joulehouse replay {first.source} --from {first.day} --to {first.day} mends it."
    )
    return Finding("ledger", Health.WRONG, sentence)


def _summaries(url: str, *, is_deep: bool) -> Iterator[Finding]:
    unfinished = pending(url)
    for one in unfinished:
        meanwhile = "nothing is judged meanwhile" if one.name == "series_days" else "the old view answers"
        sentence = f"{one.n_done:,} of {one.n_units:,} are filled, and {meanwhile}: joulehouse warehouse migrate."
        yield Finding(one.name, Health.LATER, sentence)
    differing = other_zones(url)
    if differing:
        names = ", ".join(f"{one.name} ({one.whose})" for one in differing)
        sentence = f"Local days go by the locked tzdata; another database of zones differs on {names}: update it."
        yield Finding("time zones", Health.LATER, sentence)
    if not is_deep or unfinished:
        return
    n_wrong, first = 0, None
    for wrong in all_disagreements(url):
        n_wrong, first = n_wrong + 1, first or wrong
    if first is None:
        yield Finding("summaries", Health.GOOD, "Every hour, day and local day is what its points amount to.")
        return
    count = f"{counted(n_wrong, 'summary') if n_wrong == 1 else f'{n_wrong:,} summaries'} not as their points say"
    command = f"joulehouse warehouse recompute {first.source} --from {first.day}"
    sentence = f"{count}, the first of {first.source}: {first}. {command} mends them."
    yield Finding("summaries", Health.WRONG, sentence)


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


def _history(project: Project, url: str, *, is_deep: bool) -> Iterator[Finding]:
    """Whether the ledger has what Dagster calls loaded: a server that was lost may have taken commits along."""
    variables = made_dagster_storage(project)
    if variables is None:
        return
    with recorded(variables) as history, project.warehouse(url) as warehouse:
        if history is None:
            return
        is_whole = True
        for source in project.sources():
            facts = source.component.facts
            if days := lost_days(facts, history.event_log_storage, warehouse.ledger, is_deep=is_deep):
                is_whole = False
                verb = "replay" if facts.is_retired else "backfill"
                ranges = list(contiguous_ranges(days, len(days)))
                commands = [f"joulehouse {verb} {facts.slug} --from {one[0]} --to {one[-1]}" for one in ranges]
                more = (
                    f" (and so on for {counted(len(ranges) - _COMMANDS, 'range')} more)" if ranges[_COMMANDS:] else ""
                )
                sentence = (
                    f"Dagster calls {counted(len(days), 'day')} of {facts.slug} loaded by loads that the ledger lacks,"
                    f" as after a fail-over that lost commits: {'; '.join(commands[:_COMMANDS])}{more}."
                )
                yield Finding("Dagster's history", Health.WRONG, sentence)
    if is_whole:
        yield Finding("Dagster's history", Health.GOOD, "The ledger has every day that Dagster calls loaded.")
