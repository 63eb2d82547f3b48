"""What the assets of a source are called, and the days they are partitioned by."""

import dagster as dg

from assets.source import SourceFacts


def catalogue_key(slug: str) -> dg.AssetKey:
    """`<source>/catalogue`."""
    return dg.AssetKey([slug, "catalogue"])


def payloads_key(slug: str) -> dg.AssetKey:
    """`<source>/payloads`."""
    return dg.AssetKey([slug, "payloads"])


def measurements_key(slug: str) -> dg.AssetKey:
    """`<source>/measurements`."""
    return dg.AssetKey([slug, "measurements"])


def days_of(facts: SourceFacts) -> dg.DailyPartitionsDefinition:
    """One UTC day a partition, from the source's first day until yesterday."""
    return dg.DailyPartitionsDefinition(start_date=facts.first_day.isoformat(), timezone="UTC")
