"""Which time zones there are: those of the locked tzdata, whatever the host or the database server knows.

`zoneinfo` alone looks at the host first, so two machines could mean two different days by one name; and it opens
whatever lies below its folders (`localtime`, `posixrules`), which are no names of zones. Such a zone cannot be
pickled: pass its name.
"""

from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

_NO_PLACE: Final = frozenset({"Factory"})  # a name of the database that means "nobody has set one"
_MOST_SHOWN: Final = 60  # characters of a foreign text in a message


class UnknownZoneError(ValueError):
    """A text is the name of no time zone; the message says so as a clause, and which name is near."""


@cache
def zone_names() -> frozenset[str]:
    """Every name of a zone, links such as `CET` and `US/Pacific` included; they differ by more than case."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split()) - _NO_PLACE


def is_zone(name: object) -> bool:
    """Whether `name` is an IANA name, spelled as IANA spells it."""
    return isinstance(name, str) and name in zone_names()


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; the same object each time.

    Raises:
        UnknownZoneError: It is none: `CEST`, `GMT+02:00`, a name of Windows, a path.
    """
    if not is_zone(name):
        raise UnknownZoneError(refusal(name))
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def refusal(name: object) -> str:
    """Why `name` is refused, as a clause: for the culprit of an error."""
    shown = ascii(name)
    shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}…"
    return f"the time zone {shown} is no IANA name{_hint(name)}"


def _hint(name: object) -> str:
    """The name that is the same but for case and blanks. Nothing further: EST is near CEST, and six hours away."""
    if not isinstance(name, str) or len(name) > _MOST_SHOWN:
        return ""
    meant = name.strip().replace(" ", "_").lower()
    near = next((known for known in zone_names() if known.lower() == meant), None)
    return f" ({near} is one)" if near else ""
