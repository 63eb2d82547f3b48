"""From the facts of a source to its assets: `<source>/catalogue` → `<source>/payloads` → `<source>/measurements`.

The last two are one step that walks day by day, lands and then loads. As two steps, one bad day upstream would skip
every good day downstream. Materialized alone, `measurements` replays the landing zone and sends no request.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from assets import metadata
from assets.checks import evaluations_of_failed_step
from assets.failures import as_failure, as_single_failure, named
from assets.ingest import DayOutcome, all_failed, ingest_days
from assets.plot import Pictures
from assets.retries import DoneDays, calls_for_repetition, continued_without_history, done_by_parent, loaded_by_parent
from assets.source import SourceFacts, catalogue_key, days_of, measurements_key, payloads_key
from domain.errors import IngestError
from domain.records import Series

if TYPE_CHECKING:
    from warehouse.store import TimescaleWarehouse

CORRECTION_TAG: Final = "joulehouse/correction"
"""A run with this tag set to `true` may let a partition lose any amount."""


def source_assets(facts: SourceFacts) -> list[dg.AssetsDefinition]:
    """Every asset of one source.

    At run time they need two resources: the source's slug (a `Provider`) and `warehouse`, which opens one.
    Their steps have two underscores, which no slug has: no step is called like the job of another source.
    """
    fields = metadata.fields_table(facts)
    return [_catalogue(facts, fields), _days(facts, fields)]


def _spec(facts: SourceFacts, key: dg.AssetKey, what: str, known: metadata.Metadata, **more: Any) -> dg.AssetSpec:  # noqa: ANN401  # passed on to Dagster
    return dg.AssetSpec(
        key,
        description=f"{what} {facts.description}".strip(),
        group_name=facts.slug,
        owners=list(facts.owners),
        tags={"provider": facts.spec.slug} | ({"retired": ""} if facts.is_retired else {}),
        metadata=known,
        **more,
    )


def _catalogue(facts: SourceFacts, fields: dg.MetadataValue) -> dg.AssetsDefinition:
    key = catalogue_key(facts.slug)
    spec = _spec(
        facts,
        key,
        f"The series that {facts.spec.title} offers to this account.",
        metadata.catalogue_facts(facts, fields),
        kinds={"python", "postgres"},
    )

    @dg.multi_asset(
        name=f"{facts.slug}__catalogue",
        specs=[spec],
        required_resource_keys={facts.slug, "warehouse"},
        op_tags={"dagster/priority": "1"},  # in a run that has both, before the days, which do not depend on it
    )
    def catalogue(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        provider = getattr(context.resources, facts.slug)
        try:
            with context.resources.warehouse.open() as warehouse:
                series = list(provider.discover())
                n_changed = warehouse.catalogue(facts.slug, series)
        except IngestError as error:
            raise as_single_failure(facts.slug, error) from None
        refused = metadata.refused_zones(series)
        for name, places in refused.items():
            context.log.warning("%s", metadata.of_refused_zone(facts.slug, name, places))
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/row_count": len(series),
                "series_new_or_changed": n_changed,
                "devices": len({one.device for one in series}),
                "requests": provider.n_requests,
                **({"refused_zones": refused} if refused else {}),
            },
            # A daily look at a catalogue that stayed the same must not mark every day downstream as out of date.
            data_version=_version_of(series),
        )

    return catalogue


def _version_of(series: Sequence[Series]) -> dg.DataVersion:
    described = "\n".join(sorted(f"{one.key} {one.quantity} {one.provider_unit}" for one in series))
    return dg.DataVersion(hashlib.sha256(described.encode()).hexdigest())


def _day_specs(facts: SourceFacts, fields: dg.MetadataValue) -> list[dg.AssetSpec]:
    title = facts.spec.title
    measured = (
        f"Measurements of {title}, in canonical units, loaded exactly once. Materialized alone, it replays what is"
        " landed and asks nobody; with `payloads` beside it, the provider is asked."
    )
    return [
        _spec(
            facts,
            payloads_key(facts.slug),
            f"Answers of {title}, kept as received.",
            metadata.payload_facts(facts),
            kinds={"python", "file"},
            skippable=True,
        ),
        _spec(
            facts,
            measurements_key(facts.slug),
            measured,
            metadata.measurement_facts(facts, fields),
            kinds={"python", "timescale"},
            deps=[payloads_key(facts.slug)],
            skippable=True,
        ),
    ]


def _days(facts: SourceFacts, fields: dg.MetadataValue) -> dg.AssetsDefinition:
    payloads, measurements = payloads_key(facts.slug), measurements_key(facts.slug)

    @dg.multi_asset(
        name=f"{facts.slug}__days",
        specs=_day_specs(facts, fields),
        can_subset=True,
        partitions_def=days_of(facts),
        backfill_policy=dg.BackfillPolicy.multi_run(facts.spec.max_days_per_run),
        pool=facts.slug,
        required_resource_keys={facts.slug, "warehouse"},
    )
    def days(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        selected = context.selected_asset_keys
        done = done_by_parent(context, selected)
        outcomes: list[DayOutcome] = []
        with ExitStack() as opened:
            opened.enter_context(continued_without_history(context))
            try:
                warehouse = opened.enter_context(context.resources.warehouse.open())
                done = loaded_by_parent(context, facts, selected, warehouse.ledger) | done
            except IngestError as error:
                left = list(all_failed(_days_left(context, done), error))
                raise _failure(context, facts, left, done, {}, warehouse=None) from None
            wanted = _days_left(context, done)
            last = wanted[-1] if wanted else facts.first_day
            pictures = Pictures(context.log.warning)
            _say_how(context, facts, len(done))
            try:
                for outcome in ingest_days(
                    wanted,
                    getattr(context.resources, facts.slug),
                    warehouse,
                    facts.slug,
                    pull_days=facts.spec.pull_days,
                    lands=payloads in selected,
                    loads=measurements in selected,
                    is_correction=context.run.tags.get(CORRECTION_TAG) == "true",
                    on_batch_of=pictures.watch,
                ):
                    _log(context, outcome)
                    pictures.draw(outcome.day)
                    outcomes.append(outcome)
            except BaseException:
                # A cancelled run or a bug: the days that are committed are committed, and Dagster must know it.
                _record_good_days(context, facts, outcomes, done, pictures.drawn)
                raise
            columns = _columns(facts, warehouse)
            if any(outcome.error for outcome in outcomes):
                raise _failure(context, facts, outcomes, done, pictures.drawn, warehouse=warehouse)
        _repeat(context, done)
        for asset_key, outcome, figures in _figures(facts, outcomes, pictures.drawn):
            is_last = columns and asset_key == measurements and outcome.day == last
            more = {"dagster/column_schema": columns} if is_last else {}
            context.add_asset_metadata(figures | more, asset_key=asset_key, partition_key=str(outcome.day))
        for asset_key in (payloads, measurements):
            if asset_key in selected:
                yield dg.MaterializeResult(asset_key=asset_key)

    return days


def _days_left(context: dg.AssetExecutionContext, done: DoneDays) -> list[date]:
    return [date.fromisoformat(key) for key in sorted(context.partition_keys) if key not in done]


def _repeat(context: dg.AssetExecutionContext, done: DoneDays) -> None:
    """Say once more what the failed run before did, with the same figures."""
    for day, of_day in done.items():
        for asset_key, figures in of_day.items():
            context.add_asset_metadata(figures, asset_key=asset_key, partition_key=day)


def _say_how(context: dg.AssetExecutionContext, facts: SourceFacts, n_done: int) -> None:
    """Say where less is asked than it looks: "Materialize" on `measurements`, or a failed run that is continued."""
    if n_done:
        context.log.info(
            "%d of %d days were done by the failed run that this one continues: they are not asked for again.",
            n_done,
            len(context.partition_keys),
        )
    if payloads_key(facts.slug) not in context.selected_asset_keys:
        context.log.info(
            "Replay: what is landed is loaded again, and %s is not asked. Materialize payloads and measurements"
            " together to ask.",
            facts.spec.title,
        )


def _log(context: dg.AssetExecutionContext, outcome: DayOutcome) -> None:
    if outcome.remark:
        context.log.info("%s.", outcome.remark)
    if outcome.error is not None and outcome.was_tried:
        context.log.error("%s failed: %s", outcome.day, named(outcome.error))
    elif outcome.load is not None:
        report = outcome.load
        how = "" if outcome.pull else f" replayed from pull {report.pull_id}"
        context.log.info(
            "%s%s: %d points received, %d inserted, %d changed, %d removed, %d rejected",
            outcome.day,
            how,
            report.n_received,
            report.n_inserted,
            report.n_changed,
            report.n_removed,
            report.n_rejected,
        )
    elif outcome.pull is not None:
        context.log.info(
            "%s: %d payloads landed with %d requests", outcome.day, outcome.pull.n_payloads, outcome.pull.n_requests
        )


def _figures(
    facts: SourceFacts, outcomes: Sequence[DayOutcome], pictures: Mapping[date, str]
) -> Iterator[tuple[dg.AssetKey, DayOutcome, dict[str, Any]]]:
    """For every asset and day that was done: its figures. A day may be landed and yet not loaded."""
    for outcome in outcomes:
        if outcome.pull is not None:
            yield payloads_key(facts.slug), outcome, dict(metadata.pull_figures(outcome.pull))
        if outcome.load is not None:
            figures = metadata.day_figures(outcome.load, outcome.pull)
            picture = pictures.get(outcome.day)
            yield (
                measurements_key(facts.slug),
                outcome,
                figures | ({"plot": dg.MetadataValue.md(picture)} if picture else {}),
            )


def _columns(facts: SourceFacts, warehouse: "TimescaleWarehouse") -> dg.TableSchema | None:
    """The columns with the units of all that is stored by now, for the newest day; None if that cannot be asked."""
    try:
        return metadata.measurement_columns(warehouse.reading.quantities(facts.slug))
    except IngestError:  # the days are committed, and must be recorded as such
        return None


def _failure(
    context: dg.AssetExecutionContext,
    facts: SourceFacts,
    outcomes: Sequence[DayOutcome],
    done: DoneDays,
    pictures: Mapping[date, str],
    *,
    warehouse: "TimescaleWarehouse | None",
) -> dg.Failure:
    """The failure of the step, after everything that must be said before it: good days, and what the checks say."""
    _record_good_days(context, facts, outcomes, done, pictures)
    first = next(outcome.error for outcome in outcomes if outcome.error)
    for evaluation in evaluations_of_failed_step(facts, warehouse, first):
        context.log_event(evaluation)
    return as_failure(facts.slug, outcomes)


def _record_good_days(
    context: dg.AssetExecutionContext,
    facts: SourceFacts,
    outcomes: Sequence[DayOutcome],
    done: DoneDays,
    pictures: Mapping[date, str],
) -> None:
    """Record the days that were done before the step fails: a failed step alone would mark all of them as failed.

    "From asset failure" then takes every selected asset up again, and those of them that failed alone.
    """
    for day, of_day in done.items():
        for asset_key, figures in of_day.items():
            context.log_event(dg.AssetMaterialization(asset_key, partition=day, metadata=figures))
    for evaluation in calls_for_repetition(context.selected_asset_keys, facts.slug):
        context.log_event(evaluation)
    for asset_key, outcome, figures in _figures(facts, outcomes, pictures):
        context.log_event(dg.AssetMaterialization(asset_key, partition=str(outcome.day), metadata=figures))
