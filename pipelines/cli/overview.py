"""`sources` and `status`: what there is, how far it is loaded, and what is wrong with it, read from the ledger."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from assets.day_checks import suspect_days
from assets.expected import missing_days
from assets.failures import error_name
from domain.quantities import ABSENT
from domain.records import LoadReport
from domain.texts import counted
from pipelines.console import console, days_in_words, literal, say, say_json
from pipelines.local.project import Project, Source
from warehouse.ledger import DayStatus, Ledger
from warehouse.suspects import SuspectDay

_RECENT: Final = 7  # loads that `status` shows

SourceArgument = Annotated[str, typer.Argument(metavar="[SOURCE]", help="Only this source.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source stands.

    Attributes:
        source: Which.
        days: What the ledger holds of each of its days, in order.
        now: When it was asked.
        unread: Days that are landed and not loaded.
    """

    source: Source
    days: list[DayStatus]
    now: datetime
    unread: list[date] = field(default_factory=list)

    @classmethod
    def read(cls, source: Source, ledger: Ledger) -> "SourceStatus":
        """How `source` stands now."""
        return cls(source, ledger.days(source.slug), datetime.now(UTC), ledger.landed_not_loaded(source.slug))

    @property
    def loaded(self) -> list[DayStatus]:
        """The days that are loaded, whether or not an attempt failed since."""
        return [day for day in self.days if day.loaded_at]

    @property
    def failed(self) -> list[DayStatus]:
        """The days whose last attempt failed, whether or not an earlier load stands."""
        return [day for day in self.days if day.status == "failed"]

    @property
    def missing(self) -> list[date]:
        """The days that should be loaded by now and are not, whether or not somebody tried."""
        return missing_days(self.source.component.facts, {day.day for day in self.loaded}, self.now)

    @property
    def suspect(self) -> list[SuspectDay]:
        """The days that have far fewer points than is usual."""
        return suspect_days(self.source.component.facts, self.days)

    @property
    def health(self) -> str:
        """In a few words: failed, missing and suspect days, or why there is nothing to say."""
        if self.source.component.facts.is_retired:
            return "retired"
        if unset := self.source.missing_variables:
            return f"not set: {', '.join(unset)}"
        wrong = []
        if failed := self.failed:
            wrong.append(
                f"{counted(len(failed), 'day')} failed, last {failed[-1].day} ({error_name(failed[-1].reason or '')})"
            )
        if missing := self.missing:
            wrong.append(f"{counted(len(missing), 'day')} missing")
        if suspect := self.suspect:
            wrong.append(f"{counted(len(suspect), 'day')} suspect")
        return "; ".join(wrong) or ("well" if self.loaded else "nothing is loaded yet")

    def as_json(self) -> dict[str, Any]:
        """For programs; days and instants in ISO 8601, instants in UTC."""
        loads = [day.loaded_at for day in self.loaded if day.loaded_at]
        return {
            "source": self.source.slug,
            "provider": self.source.component.facts.spec.title,
            "first_day": self.source.first_day.isoformat(),
            "schedule": self.source.component.facts.schedule,
            "health": self.health,
            "days_loaded": len(loads),
            "points": sum(day.n_points for day in self.loaded),
            "last_load": max(loads).astimezone(UTC).isoformat() if loads else None,
            "missing_days": [day.isoformat() for day in self.missing],
            "landed_not_loaded_days": [day.isoformat() for day in self.unread],
            "suspect_days": [
                {"day": one.day.isoformat(), "reason": one.reason, "asked_again_from": str(one.next_day)}
                for one in self.suspect
            ],
            "failed_days": [
                {
                    "day": day.day.isoformat(),
                    "error": error_name(day.reason or ""),
                    "sentence": day.sentence,
                    "points": day.n_points,
                }
                for day in self.failed
            ],
        }


def sources(*, as_json: JsonOption = False) -> None:
    """Every source: its provider, when it is asked (cron, in UTC), how far it is loaded, and its health."""
    project = Project()
    with project.warehouse() as warehouse:
        found = [SourceStatus.read(source, warehouse.ledger) for source in project.sources()]
    if as_json:
        say_json([one.as_json() for one in found])
        return
    table = Table("source", "provider", "first day", "schedule", "days loaded", "last load", "health")
    for one in found:
        loads = [day.loaded_at for day in one.loaded if day.loaded_at]
        table.add_row(
            one.source.slug,
            one.source.component.facts.spec.title,
            one.source.first_day.isoformat(),
            one.source.component.facts.schedule or "never",
            f"{len(loads):,}",
            f"{max(loads):%Y-%m-%d %H:%M} UTC" if loads else "never",
            literal(one.health),
        )
    console.print(table)


def status(source: SourceArgument = "", *, as_json: JsonOption = False) -> None:
    """How each source stands: its last loads, and what is missing, rejected or not understood."""
    project = Project()
    chosen = [project.source(source)] if source else project.sources()
    described = []
    with project.warehouse() as warehouse:
        for one in chosen:
            standing = SourceStatus.read(one, warehouse.ledger)
            counts = _Counts.read(standing, warehouse.ledger)
            if as_json:
                described.append(standing.as_json() | counts.as_json())
            else:
                _print_status(standing, counts)
    if as_json:
        say_json(described)


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the newest loads of a source's days say: the loads themselves, and what was rejected or has no quantity."""

    loads: list[LoadReport]
    rejected: Mapping[str, int]
    unmapped: Mapping[str, int]
    ignored: Mapping[str, int]

    @classmethod
    def read(cls, standing: SourceStatus, ledger: Ledger) -> "_Counts":
        loads = (
            ledger.last_loads(standing.source.slug, standing.days[0].day, standing.days[-1].day)
            if standing.days
            else []
        )
        rejected: Counter[str] = Counter()
        unmapped: Counter[str] = Counter()
        ignored: Counter[str] = Counter()
        for entry in loads:
            rejected.update(entry.rejected_by_reason)
            for name, number in entry.unmapped.items():
                (ignored if is_ignored(name, standing.source) else unmapped)[name] += number
        return cls(loads, rejected, unmapped, ignored)

    def as_json(self) -> dict[str, Any]:
        return {
            "loads": [
                {
                    "window": str(entry.window),
                    "loaded_at": entry.loaded_at.astimezone(UTC).isoformat() if entry.loaded_at else None,
                    "status": entry.status,
                    "received": entry.n_received,
                    "inserted": entry.n_inserted,
                    "changed": entry.n_changed,
                    "removed": entry.n_removed,
                    "unchanged": entry.n_unchanged,
                    "rejected": entry.n_rejected,
                    "duplicate": entry.n_duplicate,
                    "written": entry.n_written,
                    "points": entry.n_points,
                }
                for entry in self.loads[-_RECENT:]
            ],
            "rejected": dict(self.rejected),
            "unmapped": dict(self.unmapped),
            "left_out": dict(self.ignored),
        }


def is_ignored(name: str, source: Source) -> bool:
    """Whether what has no quantity is meant so: `left_out` names it, or it is a word for no value."""
    return name == ABSENT or any(fnmatchcase(name, pattern) for pattern in source.component.facts.ignored)


def _print_status(standing: SourceStatus, counts: _Counts) -> None:
    source, loaded = standing.source, standing.loaded
    say(f"{source.slug} ({source.component.facts.spec.title}): {standing.health}")
    if not standing.days and not standing.unread:
        return
    table = Table("day", "loaded at (UTC)")
    for name in ("received", "inserted", "changed", "removed", "unchanged", "rejected", "points"):
        table.add_column(name, justify="right")
    standing_points = {day.day: day.n_points for day in standing.days}
    for entry in counts.loads[-_RECENT:]:
        numbers = (
            entry.n_received,
            entry.n_inserted,
            entry.n_changed,
            entry.n_removed,
            entry.n_unchanged,
            entry.n_rejected,
            # A refused load holds no points; those of the load before it stand.
            entry.n_points if entry.status == "committed" else standing_points.get(entry.window.day, 0),
        )
        table.add_row(
            str(entry.window),
            f"{entry.loaded_at:%Y-%m-%d %H:%M:%S}",
            *(f"{number:,}" for number in numbers),
            style="red" if entry.status == "failed" else None,
        )
    console.print(table)

    say(f"  loaded    {counted(len(loaded), 'day')}, {sum(day.n_points for day in loaded):,} points")
    say(f"  missing   {days_in_words(standing.missing) or 'no day'}")
    if standing.unread:
        say(f"  landed    {days_in_words(standing.unread)}, and not loaded: joulehouse replay {source.slug} loads them")
    for day in standing.failed:
        stands = f"; {counted(day.n_points, 'point')} of an earlier load stand" if day.loaded_at else ""
        say(f"  failed    {day.day} ({error_name(day.reason or '')}{stands}): {day.sentence}")
    for one in standing.suspect:
        again = "" if source.component.facts.is_asked_by_hand else f"; asked for again from {one.next_day} on"
        say(f"  suspect   {one.day}: {one.reason}{again}")
    say(f"  rejected  {_listed(counts.rejected) or 'nothing'}")
    say(f"  unmapped  {_listed(counts.unmapped) or 'nothing'}")
    if counts.ignored:
        say(f"  left out  {_listed(counts.ignored)}")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in Counter(counts).most_common())
