"""A source of fakes, and runs of its assets in this process: what the tests of assets and schedules share."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.checks import source_checks
from assets.factory import source_assets
from assets.source import SourceFacts, days_of, measurements_key, payloads_key
from domain.errors import WarehouseUnavailableError
from tests.fakes.provider import FAKE_SPEC, FakeProvider, hourly
from tests.fakes.warehouse import FakeWarehouse
from warehouse.store import TimescaleWarehouse

FIRST = date(2026, 1, 1)


PAYLOADS, MEASUREMENTS = payloads_key("roof"), measurements_key("roof")


def facts(slug: str = "roof", **changed: Any) -> SourceFacts:
    """A source of the fake provider."""
    known = SourceFacts(slug, FAKE_SPEC, FIRST, "The roof's inverters.", schedule="30 4 * * *")
    return dataclasses.replace(known, **changed)


def days(n_days: int, first: date = FIRST) -> list[date]:
    """The first `n_days` days."""
    return [first + timedelta(days=n) for n in range(n_days)]


THIRD, LAST = days(5)[2], days(5)[-1]


def all_days(status: str, *but: date, other: str = "FAILED") -> dict[str, str]:
    """Each of the first five days with `status`, and those of `but` with `other`."""
    return {str(day): other if day in but else status for day in days(5)}


def provider_of(n_days: int) -> FakeProvider:
    """A provider that knows the first `n_days` days."""
    return FakeProvider({day: hourly(day) for day in days(n_days)})


@dataclasses.dataclass
class Opener:
    """A warehouse that is open already, or cannot be reached."""

    warehouse: TimescaleWarehouse
    away: WarehouseUnavailableError | None = None

    @contextmanager
    def open(self) -> Iterator[TimescaleWarehouse]:
        if self.away:
            raise self.away
        yield self.warehouse


@dataclasses.dataclass
class House:
    """One source of fakes in an ephemeral Dagster; where it has an `opener`, it loads into that real warehouse."""

    instance: dg.DagsterInstance
    provider: FakeProvider
    warehouse: FakeWarehouse = dataclasses.field(default_factory=FakeWarehouse)
    facts: SourceFacts = dataclasses.field(default_factory=facts)
    opener: Opener | None = None

    def run(
        self,
        first: date,
        last: date,
        *,
        only: Iterable[dg.AssetKey] | None = None,
        tags: Mapping[str, str] | None = None,
        with_checks: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """One ranged run over the days from `first` to `last`."""
        slug = self.facts.slug
        keys = list(only or (payloads_key(slug), measurements_key(slug)))
        selection: dg.AssetSelection = dg.AssetSelection.assets(*keys)
        return dg.materialize(
            [*source_assets(self.facts), *([source_checks(self.facts)] if with_checks else [])],
            instance=self.instance,
            resources={slug: self.provider, "warehouse": self.opener or self.warehouse},
            selection=selection if with_checks else selection.without_checks(),
            tags={
                "dagster/asset_partition_range_start": str(first),
                "dagster/asset_partition_range_end": str(last),
                **(tags or {}),
            },
            raise_on_error=False,
        )

    def again(
        self, failed: dg.ExecuteInProcessResult, how: str, *, with_checks: bool = True
    ) -> dg.ExecuteInProcessResult:
        """Execute a failed run again as the UI does, `from failure` or `from asset failure`."""
        run = failed.dagster_run
        keys: Iterable[dg.AssetKey] = run.asset_selection or ()
        if how == "from asset failure":
            snapshot = self.instance.get_execution_plan_snapshot(str(run.execution_plan_snapshot_id))
            keys, _ = self.instance.run_domain.get_keys_to_reexecute(run.run_id, snapshot)
            assert keys, "nothing to repeat"
        first, last = (run.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
        marks = {"from failure": "dagster/is_resume_retry", "from asset failure": "dagster/is_asset_resume_retry"}
        tags = {"dagster/parent_run_id": run.run_id, "dagster/root_run_id": run.run_id, marks[how]: "true"}
        return self.run(
            date.fromisoformat(first), date.fromisoformat(last), only=keys, tags=tags, with_checks=with_checks
        )

    def statuses(self, key: dg.AssetKey, first: date, last: date) -> dict[str, str]:
        """Day → what the UI shows for it, such as MATERIALIZED or FAILED; days without any are left out."""
        keys = [str(first + timedelta(days=n)) for n in range((last - first).days + 1)]
        found = self.instance.get_status_by_partition(key, keys, days_of(self.facts)) or {}
        return {day: status.name for day, status in found.items() if status is not None}

    def figures(self, key: dg.AssetKey) -> dict[str, dict[str, Any]]:
        """Day → the metadata of its newest materialization."""
        records = self.instance.fetch_materializations(dg.AssetRecordsFilter(key), limit=1000, ascending=True).records
        found: dict[str, dict[str, Any]] = {}
        for record in records:
            event = record.asset_materialization
            if event is not None and event.partition is not None:
                found[event.partition] = {name: value.value for name, value in event.metadata.items()}
        return found
