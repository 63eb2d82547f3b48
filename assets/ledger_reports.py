"""What the ledger holds and Dagster does not: days loaded by commands, or by a run that did not live to say so.

The ledger remembers; Dagster is told when it runs, whoever loaded and whether or not it could be reached then. A day is
told once: Dagster's newest figures of a day hold the number of the load that they are of.

A server that took over without the last commits of the one before has fewer loads than Dagster was told of, and gives
their numbers anew: of two loads with numbers in the wrong order, the later one counts.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import dagster as dg

from assets import metadata
from assets.source import SourceFacts, measurements_key, payloads_key
from domain.window import Window

if TYPE_CHECKING:
    from dagster._core.storage.event_log import EventLogStorage

    from warehouse.ledger import Ledger, LedgerEntry

MOST: Final = 100
"""Entries of the ledger that are looked at in one go."""


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What Dagster is to be told.

    Attributes:
        materializations: Of every day that a load has changed and Dagster does not know.
        has_failures: Whether a load failed: then the checks have something to say, too.
    """

    materializations: Sequence[dg.AssetMaterialization]
    has_failures: bool


@dataclass(frozen=True, slots=True)
class _ReportedLoad:
    """The load that Dagster's newest figures of a day are of (0 where they name none), and when it was told of it."""

    load_id: int
    reported_at: float

    def is_before(self, load_id: int | None, loaded_at: datetime | None) -> bool:
        """Whether that load is a later one."""
        if load_id is None or loaded_at is None:
            return False
        return self.load_id < load_id or (self.load_id > load_id and self.reported_at < loaded_at.timestamp())


def ledger_report(facts: SourceFacts, entries: "Iterable[LedgerEntry]", storage: "EventLogStorage") -> LedgerReport:
    """What Dagster is to be told of entries of the ledger.

    Args:
        facts: Whose.
        entries: In the order in which they were made.
        storage: What Dagster knows.
    """
    entries = list(entries)
    newest = {day: entry for day, entry in _of_days(entries).items() if entry.load.status == "committed"}
    known = _reported_loads(storage, measurements_key(facts.slug), newest)
    materializations: list[dg.AssetMaterialization] = []
    for day, entry in newest.items():
        if day not in known or known[day].is_before(entry.load.load_id, entry.load.loaded_at):
            materializations += _materializations(facts, day, entry)
    return LedgerReport(materializations, any(entry.load.status == "failed" for entry in entries))


def loaded_between(
    facts: SourceFacts, ledger: "Ledger", window: Window, since: datetime, until: datetime
) -> list[dg.AssetMaterialization]:
    """What is to be said of the days in `window` of which the last entry within that time is a committed load."""
    entries = _of_days(ledger.entries_between(facts.slug, window, since, until))
    committed = [(day, entry) for day, entry in entries.items() if entry.load.status == "committed"]
    return [one for day, entry in committed for one in _materializations(facts, day, entry)]


def _of_days(entries: "Iterable[LedgerEntry]") -> "dict[str, LedgerEntry]":
    """Day → the last entry of it alone."""
    whole = [entry for entry in entries if entry.load.window == Window.of_day(entry.load.window.day)]
    return {str(entry.load.window.day): entry for entry in whole}


def _materializations(facts: SourceFacts, day: str, entry: "LedgerEntry") -> list[dg.AssetMaterialization]:
    load, pull = entry.load, None if entry.is_replay else entry.pull
    if pull is not None and pull.window.day != load.window.day:
        # As in a run: a pull of several days is the cost of the first of them.
        pull = replace(pull, n_payloads=0, n_bytes=0, n_requests=0, seconds=0.0)
    materializations = []
    if pull is not None:
        figures = metadata.pull_figures(pull)
        materializations.append(dg.AssetMaterialization(payloads_key(facts.slug), partition=day, metadata=figures))
    figures = metadata.day_figures(load, pull)
    materializations.append(dg.AssetMaterialization(measurements_key(facts.slug), partition=day, metadata=figures))
    return materializations


def lost_days(facts: SourceFacts, storage: "EventLogStorage", ledger: "Ledger", *, is_deep: bool) -> list[date]:
    """The days that Dagster calls loaded by a load that the ledger lacks, in order.

    Args:
        facts: Whose.
        storage: What Dagster knows.
        ledger: What the warehouse knows.
        is_deep: Whether every day's load is looked for; else those that Dagster was told of last, and for other days
            any load.
    """
    key = measurements_key(facts.slug)
    days = storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
    newest = sorted(days, key=lambda day: days[day], reverse=True)
    reported = _reported_loads(storage, key, newest if is_deep else newest[:MOST])
    # After Dagster: what is loaded meanwhile must not look as if it were lacking.
    loaded = {str(status.day): status for status in ledger.days(facts.slug) if status.load_id is not None}
    lost = {day for day in days if day not in loaded}
    for day, one in reported.items():
        standing = loaded.get(day)
        if (
            standing
            and one.load_id > (standing.load_id or 0)
            and not one.is_before(standing.load_id, standing.loaded_at)
        ):
            lost.add(day)
    return sorted(date.fromisoformat(day) for day in lost)


def _reported_loads(storage: "EventLogStorage", key: dg.AssetKey, days: Collection[str]) -> dict[str, _ReportedLoad]:
    if not days:
        return {}
    storage_ids = storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(days))
    wanted = [storage_id for day, storage_id in storage_ids.items() if day in days]
    found: dict[str, _ReportedLoad] = {}
    for start in range(0, len(wanted), MOST):
        chosen = dg.AssetRecordsFilter(key, storage_ids=wanted[start : start + MOST])
        for record in storage.fetch_materializations(chosen, limit=MOST).records:
            event = record.asset_materialization
            if event is not None and event.partition is not None:
                value = event.metadata.get("load_id")
                found[event.partition] = _ReportedLoad(int(str(value.value) or 0) if value else 0, record.timestamp)
    return found
