"""What the ledger holds and Dagster does not: days loaded by commands, or by a run that did not live to say so.

The ledger remembers; Dagster is told when it runs, whoever loaded and whether or not it could be reached then. A day is
told once: Dagster's newest figures of a day hold the number of the load that they are of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import dagster as dg

from assets import metadata
from assets.keys import measurements_key, payloads_key
from assets.source import SourceFacts

if TYPE_CHECKING:
    from warehouse.ledger import LedgerEntry

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


def ledger_report(facts: SourceFacts, entries: "Iterable[LedgerEntry]", instance: dg.DagsterInstance) -> LedgerReport:
    """What Dagster is to be told of entries of the ledger.

    Args:
        facts: Whose.
        entries: In the order in which they were made.
        instance: What Dagster knows.
    """
    newest: dict[str, LedgerEntry] = {}
    has_failures = False
    for entry in entries:
        load = entry.load
        has_failures = has_failures or load.status == "failed"
        if load.status == "committed" and load.window == load.window.of_day(load.window.day):
            newest[str(load.window.day)] = entry
    known = _known_loads(instance, measurements_key(facts.slug), newest)
    told: list[dg.AssetMaterialization] = []
    for day, entry in newest.items():
        if known.get(day, 0) < (entry.load.load_id or 0):
            told += _materializations(facts, day, entry)
    return LedgerReport(told, has_failures)


def _materializations(facts: SourceFacts, day: str, entry: "LedgerEntry") -> list[dg.AssetMaterialization]:
    load, pull = entry.load, None if entry.is_replay else entry.pull
    if pull is not None and pull.window.day != load.window.day:
        # As in a run: a pull of several days is the cost of the first of them.
        pull = replace(pull, n_payloads=0, n_bytes=0, n_requests=0, seconds=0.0)
    told = []
    if pull is not None:
        figures = metadata.pull_figures(pull)
        told.append(dg.AssetMaterialization(payloads_key(facts.slug), partition=day, metadata=figures))
    figures = metadata.day_figures(load, pull)
    told.append(dg.AssetMaterialization(measurements_key(facts.slug), partition=day, metadata=figures))
    return told


def _known_loads(instance: dg.DagsterInstance, key: dg.AssetKey, days: Mapping[str, object]) -> dict[str, int]:
    """Day → the number of the load that Dagster's newest figures of it are of; 0 where they name none."""
    if not days:
        return {}
    storage_ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(days)
    )
    wanted = [storage_id for day, storage_id in storage_ids.items() if day in days]
    if not wanted:
        return {}
    records = instance.fetch_materializations(dg.AssetRecordsFilter(key, storage_ids=wanted), limit=len(wanted)).records
    found: dict[str, int] = {}
    for record in records:
        event = record.asset_materialization
        if event is not None and event.partition is not None:
            value = event.metadata.get("load_id")
            found[event.partition] = int(str(value.value) or 0) if value else 0
    return found
