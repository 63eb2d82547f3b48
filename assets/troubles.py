"""Which troubles there are now: one list, derived from facts by one pure function, for whoever tells them.

A trouble has a key that stays the same while it lasts, so that it is told once. What explains another trouble replaces
it: a source whose load has ended badly is not late as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from assets.data_troubles import implausible_troubles, missing_trouble, suspect_trouble
from assets.expected import due_at, last_expected_day, next_load_at
from assets.failures import error_name
from assets.source import SourceFacts
from domain.errors import CredentialsRejectedError
from domain.troubles import Severity, Trouble, TroubleKind

if TYPE_CHECKING:
    from warehouse.completeness import ImplausibleSeries, SilentDevice
    from warehouse.ledger import DayStatus
    from warehouse.suspects import SuspectDay

DAEMON: Final = "daemon"
"""The process that beats whenever the daemon's sensor runs."""

DAEMON_SILENCE: Final = timedelta(minutes=5)
"""How long the daemon's sensor may say nothing: it does so every minute."""

_REJECTED: Final = CredentialsRejectedError("", place="", fix="").code
_DAY: Final = timedelta(days=1)
_GIB: Final = 2**30
_FULL: Final = 1 * _GIB
_NEARLY_FULL: Final = 10 * _GIB
_NEARLY_FULL_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the ledger and the verdicts say of a source.

    Attributes:
        facts: Which source.
        days: What the ledger holds of each day.
        last_ended: The newest day of which a load has ended, well or not; None if there is none.
        failed_at: When a load failed the last time; what it left untried behind it has ended, too.
        silent: Its silent devices.
        ended_at: When the load of that day ended.
        suspect: Its suspect days, as they were judged.
        implausible: Its series with flags on the newest judged days.
        first_seen: Of a source without any load, when it was first looked at: no hour before that one is missed.
    """

    facts: SourceFacts
    days: "Sequence[DayStatus]" = ()
    last_ended: date | None = None
    failed_at: datetime | None = None
    silent: "Sequence[SilentDevice]" = ()
    first_seen: datetime | None = None
    ended_at: datetime | None = None
    suspect: "Sequence[SuspectDay]" = ()
    implausible: "Sequence[ImplausibleSeries]" = ()


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The disk under a folder, in bytes."""

    folder: str
    n_free: int
    n_total: int


def troubles(
    states: Iterable[SourceState],
    now: datetime,
    *,
    disks: Iterable[DiskSpace] = (),
    last_beat: datetime | None = None,
) -> list[Trouble]:
    """Every trouble that lasts at `now`, by key.

    Args:
        states: Every source.
        now: When it is asked.
        disks: The disks that loads write to.
        last_beat: When the daemon's sensor last said that it is at work; None where nobody looks at it.
    """
    found: list[Trouble] = []
    for state in states:
        found += [*_failed(state, now), *_overdue(state, now), *_silent(state)]
        found += suspect_trouble(state.facts, state.suspect)
        found += missing_trouble(state.facts, state.days, now)
        found += implausible_troubles(state.facts, state.implausible)
    for disk in disks:
        found += _full(disk, now)
    if last_beat is not None and now - last_beat > DAEMON_SILENCE:
        found.append(_daemon(last_beat))
    by_key = {one.key: one for one in found}  # two devices that are called alike are one trouble
    return sorted(by_key.values(), key=lambda one: (one.severity is not Severity.CRITICAL, one.key))


def _failed(state: SourceState, now: datetime) -> Iterator[Trouble]:
    facts = state.facts
    if facts.is_retired:
        return
    failed = [day for day in state.days if day.reason]
    for days, subject in (
        ([day for day in failed if day.reason == _REJECTED], ""),
        ([day for day in failed if day.reason != _REJECTED], ""),
        (_newest_failures(failed, last_expected_day(facts, now)), "newest"),
    ):
        if not days:
            continue
        first, newest = days[0].day, days[-1].day
        is_rejected = days[-1].reason == _REJECTED
        which = f"{newest}" if first == newest else f"{len(days)} days from {first} to {newest}"
        name = error_name(str(days[-1].reason))
        yield Trouble(
            TroubleKind.REJECTED_CREDENTIALS if is_rejected else TroubleKind.FAILED_DAYS,
            facts.slug,
            subject,
            Severity.CRITICAL if is_rejected else Severity.WARNING,
            f"{facts.slug}: {which} failed. {name}: {days[-1].sentence}",
            min((day.failed_since for day in days if day.failed_since), default=now),
            _asked_again(facts, now),
            f"joulehouse backfill {facts.slug} --from {first} --to {newest}",
        )


def _newest_failures(failed: "Sequence[DayStatus]", expected: date | None) -> "list[DayStatus]":
    """The failed days in a row that reach to the newest expected one, where other days had failed before them.

    An old day that stays failed is a trouble that lasts, and was told; that the nights fail now is another one.
    """
    if not failed or expected is None or failed[-1].day < expected:
        return []
    n = 1
    while n < len(failed) and failed[-n].day - failed[-n - 1].day == _DAY:
        n += 1
    return [] if n == len(failed) else list(failed[-n:])


def _asked_again(facts: SourceFacts, now: datetime) -> str:
    load_at = next_load_at(facts, now)
    if load_at is None:
        return "No schedule asks for it again."
    return f"Requests were tried again within the run; the schedule asks again at {load_at:%Y-%m-%d %H:%M} UTC."


def _overdue(state: SourceState, now: datetime) -> Iterator[Trouble]:
    facts, last = state.facts, state.last_ended
    expected = last_expected_day(facts, now)
    if expected is None or (last is not None and last >= expected):
        return
    newest_due = due_at(facts, expected) or now
    if failed_since_due(state, expected):
        return  # that is told as what it is
    if last is None and state.first_seen is not None and state.first_seen > newest_due - facts.due_after:
        return  # its first hour is still to come
    first = expected if last is None else max(last + _DAY, facts.first_day)
    due = due_at(facts, first) or now
    which = f"{first}" if first == expected else f"the days from {first} to {expected}"
    yield Trouble(
        TroubleKind.OVERDUE_LOAD,
        facts.slug,
        "",
        Severity.CRITICAL,
        f"{facts.slug}: no load of {which} has ended, well or not.",
        due,
        f"The newest day of which one has ended is {last or 'none'}.",
        f"Look whether the daemon and a run are at work, then: joulehouse backfill {facts.slug}"
        f" --from {first} --to {expected}",
    )


def failed_since_due(state: SourceState, expected: date) -> datetime | None:
    """When a load has failed since the scheduled hour of the newest expected day; None if none has."""
    due = due_at(state.facts, expected)
    if state.failed_at is None or due is None or state.failed_at < due - state.facts.due_after:
        return None
    return state.failed_at


def _silent(state: SourceState) -> Iterator[Trouble]:
    slug = state.facts.slug
    for one in state.silent:
        where = f"{one.device} in {one.site}" if one.site and one.site != one.device else one.device
        which = "is silent" if one.n_silent == one.n_series else f"has {one.n_silent} of {one.n_series} series silent"
        yield Trouble(
            TroubleKind.SILENT_DEVICE,
            slug,
            where,
            Severity.WARNING,
            f"{slug}: {where} {which}.",
            one.since,
            "Loads of its source go on without it.",
            f"Look at the device, then: joulehouse gaps {slug} --from {one.since:%Y-%m-%d}",
        )


def _full(disk: DiskSpace, now: datetime) -> Iterator[Trouble]:
    is_full = disk.n_free < _FULL
    if not is_full and not disk.n_free < min(_NEARLY_FULL, _NEARLY_FULL_SHARE * disk.n_total):
        return
    free = f"{disk.n_free / _GIB:.1f} of {disk.n_total / _GIB:.0f} GiB"
    yield Trouble(
        TroubleKind.FULL_DISK,
        "",
        f"{disk.folder}, full" if is_full else disk.folder,  # what has become worse is told once more
        Severity.CRITICAL if is_full else Severity.WARNING,
        f"The disk under {disk.folder} is {'full' if is_full else 'nearly full'}: {free} are free.",
        now,
        "",
        "Make room, or give the disk more; loads fail when it is full, and lose nothing.",
    )


def _daemon(last_beat: datetime) -> Trouble:
    return Trouble(
        TroubleKind.DAEMON,
        "",
        "",
        Severity.CRITICAL,
        "The Dagster daemon is down, or its code server: no sensor has run.",
        last_beat,
        "",
        "docker compose up -d code daemon (or joulehouse ui); docker compose logs daemon code says why.",
    )
