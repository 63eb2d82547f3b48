"""Three checks on series and days: whether any lacks points, is silent, or is implausible; by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from assets.coverage import CALENDAR_DAYS, Calendar
from assets.expected import last_expected_day
from assets.source import SourceFacts
from domain.window import Window

if TYPE_CHECKING:
    from warehouse.completeness import SeriesGap
    from warehouse.plausibility import SeriesFlag
    from warehouse.store import TimescaleWarehouse

CHECKED_DAYS: Final = 7
"""Days, the newest ones, whose missing points are news."""

_NAMED: Final = 50  # devices in the metadata of a check
_WORST: Final = 3  # devices in its sentence
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was judged of a source's newest days.

    Attributes:
        end: The end of the newest day that was judged; None where none was.
        gaps: What series lack on the newest days.
        began: Devices that have spoken for the first time.
        flags: What is implausible about them.
        picture: The coverage calendar, as Markdown; None where nothing was judged.
        is_filling: Whether nothing can be judged because the facts of older days are not all there.
    """

    end: datetime | None = None
    gaps: "Sequence[SeriesGap]" = ()
    began: Sequence[str] = ()
    picture: str | None = None
    flags: "Sequence[SeriesFlag]" = ()
    is_filling: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says."""

    sentence: str
    passed: bool = True
    is_grave: bool = False
    figures: dict[str, Any] = field(default_factory=dict)


def coverage(facts: SourceFacts, warehouse: "TimescaleWarehouse", now: datetime) -> Coverage:
    """Judge what has changed of a source, and read what its newest days lack."""
    completeness = warehouse.completeness
    assessed = completeness.assess(
        facts.slug,
        last_expected_day(facts, now),
        ended=facts.dead_since,
        now=now,
        limits=facts.limits,
        newest=CHECKED_DAYS,  # a year that was loaded at once does not hold up its checks
    )
    if assessed.through is None:
        return Coverage(is_filling=completeness.is_filling())
    first = assessed.through - (CHECKED_DAYS - 1) * _DAY
    gaps = completeness.gaps(facts.slug, first, assessed.through)
    begin = assessed.through - (CALENDAR_DAYS - 1) * _DAY
    picture = Calendar.read(completeness, facts.slug, begin, assessed.through).markdown()
    flags = completeness.flags(facts.slug, first, assessed.through)
    return Coverage(Window.of_day(assessed.through).end, gaps, assessed.began, picture, flags)


def series_complete(facts: SourceFacts, found: Coverage) -> Finding:
    """Whether the newest days of every series have the points that are expected."""
    if found.end is None:
        return _not_judged(found)
    lacking = [gap for gap in found.gaps if gap.verdict in {"partial", "absent", "silent"} and gap.n_missing]
    by_device: dict[str, tuple[int, float]] = {}
    for gap in lacking:
        n_missing, share = by_device.get(gap.name, (0, 0.0))
        by_device[gap.name] = (n_missing + (gap.n_missing or 0), max(share, gap.share(CHECKED_DAYS)))
    late = sorted({gap.name for gap in found.gaps if gap.verdict == "late"})
    waits = f" {len(late)} {_devices(late)} as late as usual." if late else ""
    over = {name: one for name, one in by_device.items() if one[1] > facts.tolerance.missing_yellow}
    if not over:
        sentence = f"Every series has the points of the last {CHECKED_DAYS} days, within what is tolerated.{waits}"
        return Finding(sentence, figures={"devices": 0, "late": late[:_NAMED]})
    worst = sorted(over, key=lambda name: (-over[name][0], name))
    named = ", ".join(f"{name} {over[name][0]:,}" for name in worst[:_WORST])
    more = f" and {len(worst) - _WORST:,} more" if len(worst) > _WORST else ""
    return Finding(
        f"Points are missing of {len(worst):,} {_devices(worst)} within {CHECKED_DAYS} days: {named}{more}.{waits}"
        f" `joulehouse gaps {facts.slug}` shows them, and asks for them again.",
        passed=facts.is_retired,
        is_grave=any(share > facts.tolerance.missing_red for _, share in over.values()),
        figures={
            "devices": len(worst),
            "missing": {name: over[name][0] for name in worst[:_NAMED]},
            "late": late[:_NAMED],
        },
    )


def series_fresh(facts: SourceFacts, found: Coverage) -> Finding:
    """Whether every device has spoken until the end of the newest judged day."""
    if found.end is None:
        return _not_judged(found)
    began = f" New: {', '.join(sorted(found.began)[:_NAMED])}." if found.began else ""
    figures: dict[str, Any] = {"began": list(found.began[:_NAMED])}
    silent = silent_since(found.gaps)
    tolerated = timedelta(hours=facts.tolerance.silent_yellow_hours)
    long = {name: since for name, since in silent.items() if found.end - since > tolerated}
    if not long:
        return Finding(f"No device is silent.{began}", figures=figures | {"devices": 0})
    end, first = found.end, sorted(long, key=lambda name: (-long[name].timestamp(), name))
    named = ", ".join(f"{name} since {long[name].astimezone(UTC):%Y-%m-%dT%H:%MZ}" for name in first[:_WORST])
    more = f" and {len(first) - _WORST:,} more" if len(first) > _WORST else ""
    red = timedelta(hours=facts.tolerance.silent_red_hours)
    return Finding(
        f"{len(first):,} {'device is' if len(first) == 1 else 'devices are'} silent: {named}{more}.{began}"
        f" `joulehouse gaps {facts.slug}` shows them.",
        passed=facts.is_retired,
        is_grave=any(end - since >= red for since in long.values()),
        figures=figures
        | {
            "devices": len(first),
            "silent_since": {name: long[name].astimezone(UTC).isoformat() for name in first[:_NAMED]},
        },
    )


def series_plausible(facts: SourceFacts, found: Coverage) -> Finding:
    """Whether the newest days of every series are plausible. Never red: a flag is a question to a person."""
    if found.end is None:
        return _not_judged(found)
    by_device: dict[str, list[str]] = {}
    for one in sorted(found.flags, key=lambda one: one.day, reverse=True):
        by_device.setdefault(one.name, []).append(f"{one.kind} on {one.day} of {one.key} ({one.evidence})")
    if not by_device:
        return Finding(f"Nothing is implausible about the last {CHECKED_DAYS} days.", figures={"devices": 0})
    named = "; ".join(f"{name}: {texts[0]}" for name, texts in list(by_device.items())[:_WORST])
    more = f"; and {len(by_device) - _WORST:,} more" if len(by_device) > _WORST else ""
    return Finding(
        f"{len(by_device):,} {_devices(list(by_device))} with implausible values within {CHECKED_DAYS} days: "
        f"{named}{more}."
        f" `joulehouse flags {facts.slug}` shows them; no value was changed.",
        passed=facts.is_retired,
        figures={"devices": len(by_device), "flags": dict(list(by_device.items())[:_NAMED])},
    )


def known_dead_in_words(facts: SourceFacts) -> list[str]:
    """A sentence for each device or series of which nothing is expected any more."""
    return [
        f"{one.name} is known to be dead since {one.since}: {one.reason}"
        f"{f'; {one.replaced_by} has taken its place' if one.replaced_by else ''}."
        for one in facts.known_dead
    ]


def silent_since(gaps: "Sequence[SeriesGap]") -> dict[str, datetime]:
    """Device → since when one of its series has said nothing."""
    silent: dict[str, datetime] = {}
    for gap in gaps:
        if gap.verdict == "silent":
            silent[gap.name] = min(gap.since, silent.get(gap.name, gap.since))
    return silent


def _not_judged(found: Coverage) -> Finding:
    """What a check says where no day was judged: yellow where it cannot be yet."""
    why = ": facts of older days are being filled (`joulehouse warehouse migrate` does it)" if found.is_filling else ""
    return Finding(f"Nothing is judged yet{why}.", passed=not found.is_filling, figures={"devices": 0})


def _devices(names: Sequence[str]) -> str:
    return "device" if len(names) == 1 else "devices"
