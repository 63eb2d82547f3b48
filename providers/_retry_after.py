"""How long a provider asks to wait: `Retry-After`, and the renewal of a quota, in every spelling that was seen."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST_SECONDS: Final = 86_400.0  # what goes beyond is believed as a day: no quota is longer

# Numbers of seconds, and what is sent in their place: a list (proxies join two headers), an ISO 8601 duration, and the
# same with the units that people write.
_SECONDS: Final = re.compile(r"(?P<seconds>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_DURATION: Final = re.compile(
    r"P(?:(?P<years>#)Y)?(?:(?P<months>#)M)?(?:(?P<weeks>#)W)?(?:(?P<days>#)D)?"
    r"(?:T(?:(?P<hours>#)H(?:(?:OU)?RS?)?)?(?:(?P<minutes>#)M(?:IN(?:UTE)?S?)?)?"
    r"(?:(?P<seconds>#)S(?:EC(?:OND)?S?)?)?(?:(?P<thousandths>#)MS)?)?".replace("#", r"[0-9]+(?:[.,][0-9]+)?"),
    re.ASCII | re.IGNORECASE,
)
_UNITS: Final = {
    "years": 31_536_000.0,
    "months": 2_592_000.0,
    "weeks": 604_800.0,
    "days": 86_400.0,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "thousandths": 0.001,
}
_ITEM: Final = re.compile(r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,)?[^,]+", re.IGNORECASE)  # a date has a comma
_RESETS: Final = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")


def retry_after(headers: Mapping[str, str], *, is_quota: bool = False) -> float | None:
    """The seconds that `Retry-After` asks for, at most a day; None if it says nothing that can be obeyed.

    Beside whole seconds and a date (RFC 9110, 10.2.3), a fraction, a list (its longest wait), a duration (ISO 8601, or
    `1m 30s`) and an instant (ISO 8601, or seconds since 1970) are understood. An instant is compared with the
    provider's own `Date`, so that a clock that differs from ours does no harm.

    Args:
        headers: With lower-case names, or case-blind.
        is_quota: Whether a quota is what is used up: then the instant of its renewal is a wish, too.
    """
    used_up = (name for name in _RESETS if headers.get(name.replace("reset", "remaining"), "0").strip() == "0")
    names = ("retry-after", *(used_up if is_quota else ()))
    asked = (_longest_wait(headers.get(name, "").strip(), headers) for name in names)
    wait = next((wait for wait in asked if wait is not None), None)
    return None if wait is None else min(wait, _LONGEST_SECONDS)


def _longest_wait(text: str, headers: Mapping[str, str]) -> float | None:
    # A duration's decimal sign may be a comma, so the whole is tried before its parts.
    whole, *parts = (_wait(part.strip(" \t\"'"), headers) for part in (text, *_ITEM.findall(text)))
    return whole if whole is not None else max((wait for wait in parts if wait is not None), default=None)


def _wait(text: str, headers: Mapping[str, str]) -> float | None:
    """The seconds that one wish of `Retry-After` asks for; None if it is none."""
    now = _instant(headers.get("date", "")) or datetime.now(UTC)
    plain = "".join(text.split())
    match = _SECONDS.fullmatch(text) or _DURATION.fullmatch(plain) or _DURATION.fullmatch(f"PT{plain}")
    if match is not None:
        parts = {unit: float(n.replace(",", ".")) * _UNITS[unit] for unit, n in match.groupdict().items() if n}
        wait = sum(parts.values())
        # What is within a day of now, in seconds or milliseconds since 1970, is no duration of fifty years.
        until = next((u for u in (wait, wait / 1000) if abs(u - now.timestamp()) <= _LONGEST_SECONDS), None)
        return (wait if until is None else max(until - now.timestamp(), 0.0)) if parts else None
    until_then = _instant(text)
    return None if until_then is None else max((until_then - now).total_seconds(), 0.0)


def _instant(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            instant = read(text)
        except (TypeError, ValueError, IndexError, OverflowError):
            continue
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return None
