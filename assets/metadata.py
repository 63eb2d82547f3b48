"""What a person sees beside an asset in the UI: facts of the table, and the figures of each day."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import dagster as dg

from assets.source import SourceFacts
from domain.quantities import QUANTITIES
from domain.records import LoadReport, PullReport, Series
from domain.zones import refusal

MEASUREMENT_TABLE: Final = "public.measurement"
PAYLOAD_TABLE: Final = "public.payload"
SERIES_TABLE: Final = "public.series"

Metadata = Mapping[str, Any]

_NAMED: Final = 5  # sites in a sentence

_REQUIRED: Final = dg.TableColumnConstraints(nullable=False)


def _column(name: str, kind: str, description: str, **tags: str) -> dg.TableColumn:
    return dg.TableColumn(name, kind, description=description, constraints=_REQUIRED, tags=tags or None)


def catalogue_facts(facts: SourceFacts, fields: dg.MetadataValue) -> Metadata:
    """What is always true of `<source>/catalogue`; `fields` is the `fields_table`."""
    columns = [
        _column("series_id", "int", "Ours; it never changes."),
        _column("source", "text", f"Always `{facts.slug}` here."),
        _column("key", "text", "What names the series within its source."),
        _column("quantity", "text", "A quantity of domain/quantities.py, which fixes the unit."),
        _column("device", "text", "The device, or the data product that stands for it."),
        _column("site", "text", "Where the device stands; empty if unknown."),
    ]
    return {
        "dagster/table_name": SERIES_TABLE,
        "dagster/column_schema": dg.TableSchema(
            columns, constraints=dg.TableConstraints(other=["unique (source, key)"])
        ),
        "provider": dg.MetadataValue.url(facts.spec.docs_url),
        "fields": fields,
    }


def payload_facts(facts: SourceFacts) -> Metadata:
    """What is always true of `<source>/payloads`."""
    columns = [
        _column("sha256", "text", "The address of the body in the landing zone."),
        _column("endpoint", "text", "The path that was asked, without host or query."),
        _column("part", "text", "Which of the provider's listings it belongs to."),
        _column("page", "int", "1, 2, 3 … within the part."),
        _column("bytes", "int", "Size as received.", unit="B"),
        _column("received_at", "timestamptz", "When the last byte arrived."),
    ]
    return {
        "dagster/table_name": PAYLOAD_TABLE,
        "dagster/column_schema": dg.TableSchema(columns),
        "provider": dg.MetadataValue.url(facts.spec.docs_url),
    }


def measurement_facts(facts: SourceFacts, fields: dg.MetadataValue) -> Metadata:
    """What is always true of `<source>/measurements`; `fields` is the `fields_table`.

    The unit of a value is its series' quantity's.
    """
    return {
        "dagster/table_name": MEASUREMENT_TABLE,
        "dagster/column_schema": measurement_columns(quantity for quantity, _ in facts.fields.values()),
        "fields": fields,
    }


def measurement_columns(quantities: Iterable[str]) -> dg.TableSchema:
    """The columns of the points, with every unit that `quantities` are stored in; states are no points."""
    units = sorted({QUANTITIES[name].unit for name in quantities if name in QUANTITIES and name != "state"})
    columns = [
        _column("series_id", "int", "The row of the catalogue that this is a value of."),
        _column("measured_at", "timestamptz", "An instant, or the start of an interval.", zone="UTC"),
        _column(
            "value",
            "double precision",
            "In the canonical unit of the series' quantity.",
            unit=", ".join(units) or "by quantity",
        ),
    ]
    return dg.TableSchema(columns, constraints=dg.TableConstraints(other=["primary key (series_id, measured_at)"]))


def pull_figures(report: PullReport) -> Metadata:
    """What landing one day cost."""
    return {
        "dagster/partition_row_count": report.n_payloads,
        "window": str(report.window),
        "payloads": report.n_payloads,
        "bytes": report.n_bytes,
        "requests": report.n_requests,
        "seconds": round(report.seconds, 3),
        "pull_id": _number(report.pull_id),
        "was_resumed": report.is_resumed,
        "was_adopted": report.was_adopted,
    }


def load_figures(report: LoadReport) -> Metadata:
    """What loading one day did, in points."""
    figures: dict[str, Any] = {
        "dagster/partition_row_count": report.n_points,
        "window": str(report.window),
        "received": report.n_received,
        "inserted": report.n_inserted,
        "changed": report.n_changed,
        "unchanged": report.n_unchanged,
        "removed": report.n_removed,
        "rejected": report.n_rejected,
        "duplicate": report.n_duplicate,
        "written": report.n_written,
        "points": report.n_points,
        "series": report.n_series,
        "seconds": round(report.seconds, 3),
        "load_id": _number(report.load_id),
        "pull_id": _number(report.pull_id),
    }
    if n_revised := report.n_changed + report.n_removed:
        share = n_revised / (n_revised + report.n_unchanged)
        day = report.window.day
        figures["restated"] = (
            f"{report.n_changed:,} points changed and {report.n_removed:,} removed, {share:.1%} of those that were"
            f" there: joulehouse changes {report.source} --from {day} --to {day}"
        )
    if report.unmapped:
        figures["unmapped_fields"] = dict(report.unmapped)
    if report.rejected_by_reason:
        figures["rejected_by_reason"] = dict(report.rejected_by_reason)
    if report.withdrawn:
        figures["withdrawn_sites"] = list(report.withdrawn)
    return figures


def day_figures(load: LoadReport, pull: PullReport | None) -> dict[str, Any]:
    """What loading one day did and cost; without a pull it was a replay."""
    return {
        **load_figures(load),
        "was_replayed": pull is None,
        "requests": pull.n_requests if pull else 0,
        "bytes": pull.n_bytes if pull else 0,
    }


def _number(number: int | None) -> dg.MetadataValue:
    """The number of a row as a text: it counts nothing, and the UI would draw its curve."""
    return dg.MetadataValue.text("" if number is None else str(number))


def refused_zones(series: Iterable[Series]) -> dict[str, list[str]]:
    """What a provider calls a time zone, where that is no IANA name → the sites there, or devices of no known site."""
    places: dict[str, set[str]] = {}
    for one in series:
        if name := one.labels.get("refused_zone"):
            places.setdefault(name, set()).add(one.site or one.device)
    return {name: sorted(found) for name, found in sorted(places.items())}


def of_refused_zone(slug: str, name: str, places: Sequence[str]) -> str:
    """What to say of a zone that is refused, in one sentence."""
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return (
        f"{refusal(name)} ({', '.join(places[:_NAMED])}{more} of {slug}): write what it means under zones in"
        f" assets/{slug}/defs.yaml; until then the days there are those of UTC, and values that follow another calendar"
        " are not asked for."
    )


def fields_table(facts: SourceFacts) -> dg.MetadataValue:
    """What is configured of the provider's fields. Dagster checks every row: it is made once for all assets."""
    rows = []
    for name, (quantity, unit) in sorted(facts.fields.items()):
        known = QUANTITIES.get(quantity)
        rows.append(
            dg.TableRecord(
                {
                    "field": name,
                    "quantity": quantity,
                    "sent in": unit,
                    "stored in": known.unit if known else "",
                    "kind": known.kind.value if known else "",
                }
            )
        )
    names = ("field", "quantity", "sent in", "stored in", "kind")
    return dg.MetadataValue.table(rows, schema=dg.TableSchema.from_name_type_dict(dict.fromkeys(names, "string")))
