"""What `joulehouse doctor` finds in the warehouse: its schema, its policies, its accounts and its summaries."""

from collections.abc import Iterator
from typing import Final

from assets.ingest import contiguous_ranges
from assets.ledger_reports import lost_days
from domain.texts import counted
from pipelines.cli.findings import Finding, Health, checked
from pipelines.history import recorded
from pipelines.local.dagster_storage import made_dagster_storage
from pipelines.local.project import Project
from warehouse.fill import pending
from warehouse.inspection import DayCount, Policy, day_counts, policies
from warehouse.schema import check_schema
from warehouse.server import check_server
from warehouse.summary_check import all_disagreements, other_zones

_COMMANDS: Final = 3  # as many as a sentence bears


def warehouse_findings(project: Project, *, is_deep: bool) -> Iterator[Finding]:
    """Whether it runs, and what of it is not as it should be."""
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
    yield from checked("Dagster's history", lambda: _history(project, url, is_deep=is_deep))


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
