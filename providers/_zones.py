"""What a provider says of a time zone, as an IANA name, or refused by name. Nothing is guessed from an abbreviation."""

from collections.abc import Mapping
from typing import Final

from domain.errors import ConfigurationError
from domain.zones import is_zone, refusal

REFUSED_ZONE: Final = "refused_zone"
"""The label of a series that says what its provider calls the zone, where that is no IANA name."""

_LONGEST: Final = 100  # characters of a refused text that are kept as a label


def named_zone(sent: object, zones: Mapping[str, str]) -> tuple[str, str]:
    """The IANA name that is meant, and what was refused: `UTC` and nothing where nothing was said.

    Args:
        sent: As sent.
        zones: What the provider says → the IANA name that is meant, as the account has it.
    """
    if sent is None or sent == "":
        return "UTC", ""
    shown = sent if isinstance(sent, str) and sent.isprintable() else ascii(sent)  # as the account is told to write it
    meant = zones.get(shown, shown)
    if is_zone(meant):
        return meant, ""
    return "UTC", shown[:_LONGEST]


def check_zones(zones: Mapping[str, str], *, place: str) -> None:
    """Refuse an account that means a zone which does not exist.

    Raises:
        ConfigurationError: One of `zones` is no IANA name.
    """
    for sent, meant in zones.items():
        if not is_zone(meant):
            raise ConfigurationError(
                f"{refusal(meant)}, and is meant by {sent!r}", place=place, fix="write a name such as Europe/Berlin"
            )
