"""What a person reads on a telephone: culprit, since when, what was tried, what to do and where to look."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from domain.texts import counted
from domain.troubles import Notification, Severity, Trouble, TroubleKind

_NAMED: Final = 8  # troubles that are told in full; of the others the number
_LONGEST: Final = 400  # characters of a line: a sentence of a provider's may be longer


def title(new: Sequence[Trouble], over: Sequence[Notification]) -> str:
    """One line that says whether to look now."""
    if len(new) == 1 and not over:
        return f"Joulehouse: {_subject(new[0])}"
    parts = [counted(len(new), "trouble")] if new else []
    parts += [f"{len(over)} over"] if over else []
    return f"Joulehouse: {', '.join(parts)}"


def body(new: Sequence[tuple[Trouble, int]], over: Sequence[Notification], now: datetime, ui: str | None = None) -> str:
    """The text.

    Args:
        new: Each trouble, and the number of its notification.
        over: What is over.
        now: When it is said.
        ui: Where the UI is open, for links.
    """
    paragraphs = [_paragraph(trouble, number, now, ui) for trouble, number in new[:_NAMED]]
    if rest := [trouble for trouble, _ in new[_NAMED:]]:
        paragraphs.append(f"And {counted(len(rest), 'more trouble')}: {_counts(rest)}. joulehouse status names them.")
    paragraphs += [
        f"Over: {_line(one.culprit)}\nIt lasted {_span(one.since, one.over_at or now)}. #{one.notification_id} over"
        for one in over[:_NAMED]
    ]
    if n_more := len(over[_NAMED:]):
        paragraphs.append(f"And {n_more} more {'is' if n_more == 1 else 'are'} over.")
    return "\n\n".join(paragraphs)


def worst(new: Iterable[Trouble]) -> str:
    """The severity of a message; empty where nothing new is told."""
    severities = {trouble.severity for trouble in new}
    return max(severities, key=lambda one: one is Severity.CRITICAL, default="")


def digest(lines: Iterable[str], lasting: Sequence[Trouble], number: int, now: datetime, ui: str | None = None) -> str:
    """The morning's text: a line for each source, and whatever lasts."""
    troubles = [f"- {_line(trouble.culprit)} Since {_instant(trouble.since)}." for trouble in lasting[:_NAMED]]
    if rest := lasting[_NAMED:]:
        troubles.append(f"- and {counted(len(rest), 'more trouble')}: {_counts(rest)}.")
    heading = (
        f"{counted(len(lasting), 'trouble')} last{'s' if len(lasting) == 1 else ''}:" if lasting else "All is well."
    )
    where = f"\n{ui}" if ui else ""
    return "\n".join([*lines, "", heading, *troubles]) + f"{where}\n#{number} at {_instant(now)}"


def _paragraph(trouble: Trouble, number: int, now: datetime, ui: str | None) -> str:
    lines = [
        trouble.culprit,
        f"Since {_instant(trouble.since)} ({_span(trouble.since, now)}).",
        trouble.tried,
        f"Do: {trouble.fix}",
        f"{ui}/assets/{trouble.source}/measurements" if ui and trouble.source else "",
        f"#{number}",
    ]
    return "\n".join(_line(line) for line in lines if line)


def _subject(trouble: Trouble) -> str:
    words = str(trouble.kind).replace("_", " ")
    where = ", ".join(part for part in (trouble.source, trouble.subject) if part)
    return _line(f"{where}: {words}" if where else words)


def _counts(troubles: Iterable[Trouble]) -> str:
    counts: dict[TroubleKind, int] = {}
    for trouble in troubles:
        counts[trouble.kind] = counts.get(trouble.kind, 0) + 1
    return ", ".join(f"{str(kind).replace('_', ' ')} {n:,}" for kind, n in counts.items())


def _line(text: str) -> str:
    """One line of it, and no longer one: names and sentences of providers may hold anything."""
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(start: datetime, end: datetime) -> str:
    minutes = max(round((end - start).total_seconds() / 60), 0)
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{counted(days, 'day')} {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
