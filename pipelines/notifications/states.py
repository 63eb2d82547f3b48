"""The facts that troubles are derived from, gathered from the warehouse."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.completeness import CHECKED_DAYS
from assets.source import SourceFacts
from assets.troubles import DiskSpace, SourceState
from resources.settings import Settings

if TYPE_CHECKING:
    from warehouse.store import TimescaleWarehouse


def source_states(sources: Iterable[SourceFacts], warehouse: "TimescaleWarehouse", now: datetime) -> list[SourceState]:
    """What the warehouse says of every source.

    Raises:
        WarehouseError: It cannot be asked.
    """
    known = list(sources)
    ends = warehouse.ledger.last_ends()
    first_seen = warehouse.notifications.first_seen([one.slug for one in known if one.slug not in ends], now)
    return [
        SourceState(
            facts,
            warehouse.ledger.unjudged_days(facts.slug),
            last_ended=ends[facts.slug].day if facts.slug in ends else None,
            failed_at=ends[facts.slug].failed_at if facts.slug in ends else None,
            silent=[] if facts.is_retired else warehouse.completeness.silent_devices(facts.slug),
            first_seen=first_seen.get(facts.slug),
            ended_at=ends[facts.slug].ended_at if facts.slug in ends else None,
            suspect=[] if facts.is_retired else warehouse.ledger.suspects.marked(facts.slug),
            implausible=[] if facts.is_retired else warehouse.completeness.implausible(facts.slug, CHECKED_DAYS),
        )
        for facts in known
    ]


def disks(settings: Settings) -> list[DiskSpace]:
    """The disks that loads write to, as far as they are this machine's."""
    folders = [settings.home]
    landing = settings.landing_url.removeprefix("file://")
    if "://" not in landing:
        folders.append(Path(landing))
    found: dict[int, DiskSpace] = {}
    for folder in folders:
        with suppress(OSError):  # it is not there yet
            usage = shutil.disk_usage(folder)
            found.setdefault(folder.stat().st_dev, DiskSpace(str(folder), usage.free, usage.total))
    return list(found.values())
