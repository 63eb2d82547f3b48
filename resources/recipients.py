"""Who is told of troubles: addresses from the environment, routed by the owners of a source and by severity.

`NOTIFY_URLS` holds addresses as Apprise writes them, with spaces between them: one for each recipient, since of several
in one address a refused one hides those that were reached. `critical=` before one keeps warnings and digests from it.
An owner `team:data` has `NOTIFY_URLS_DATA`, and an owner who is an e-mail address is written to through the server of
`NOTIFY_MAIL_URL`. What concerns a source goes to its owners, as far as they can be reached; whatever reaches none of
them, or is no source's, goes to `NOTIFY_URLS`.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from domain.errors import ConfigurationError
from domain.troubles import Severity
from domain.zones import zone
from providers._http_types import Secret
from resources.settings import Settings

URLS: Final = "NOTIFY_URLS"
MAIL: Final = "NOTIFY_MAIL_URL"
DIGEST: Final = "NOTIFY_DIGEST_AT"
PING: Final = "WATCH_PING_URL"

DIGEST_LATEST: Final = timedelta(hours=3)
"""How late a digest is still sent."""

_ENTRY: Final = re.compile(r"((?P<severity>[a-z]+)=)?(?P<url>[A-Za-z][A-Za-z0-9+.-]*://\S*)")
_DEFAULT_DIGEST: Final = "07:00"
_TEAM: Final = "team:"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address.

    Attributes:
        name: What it is called in tables, logs and messages: its variable and place there, or a person's address.
        url: As Apprise writes it; it may hold a password.
        owner: Which owner is told there; None for whoever is told of everything else.
        least: The least severity that is told there.
    """

    name: str
    url: Secret
    owner: str | None = None
    least: Severity = Severity.WARNING

    def bears(self, severity: Severity) -> bool:
        """Whether what is so severe is told there."""
        return self.least is Severity.WARNING or severity is Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Recipients:
    """Everybody who can be told.

    Attributes:
        known: Each of them.
    """

    known: tuple[Recipient, ...]

    def of(self, owners: Collection[str]) -> list[Recipient]:
        """Who is told of what belongs to `owners`; of what is nobody's, if there is none."""
        own = [recipient for recipient in self.known if recipient.owner in owners]
        return own or [recipient for recipient in self.known if recipient.owner is None]


def recipients(settings: Settings, owners: Iterable[str]) -> Recipients:
    """Everybody whom the environment names, for sources of these `owners`.

    Raises:
        ConfigurationError: A variable holds what is no address.
    """
    found = list(_addresses(settings, URLS, None))
    mail = settings.environment.get(MAIL, "").strip()
    if mail and not _ENTRY.fullmatch(mail):
        raise _refusal(MAIL)
    for owner in sorted(set(owners)):
        if owner.startswith(_TEAM):
            found += _addresses(settings, variable_of(owner), owner)
        elif mail:
            mark = "&" if urlsplit(mail).query else "?"
            found.append(Recipient(owner, Secret(f"{mail}{mark}to={quote(owner, safe='')}"), owner))
    return Recipients(tuple(found))


def variable_of(team: str) -> str:
    """The variable with the addresses of an owner `team:<name>`."""
    return f"{URLS}_{re.sub(r'[^A-Z0-9]+', '_', team.removeprefix(_TEAM).upper())}"


def digest_instant(settings: Settings, now: datetime) -> datetime | None:
    """When the digest of the day of `now` is sent; None where none is wanted.

    `NOTIFY_DIGEST_AT` is `07:00` (UTC), `07:00 Europe/Berlin` or `never`.

    Raises:
        ConfigurationError: It is none of these.
    """
    text = settings.environment.get(DIGEST, "").strip() or _DEFAULT_DIGEST
    if text == "never":
        return None
    clock, _, name = text.partition(" ")
    try:
        at, place = time.fromisoformat(clock), zone(name.strip() or "UTC")
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no time of day", place=DIGEST, fix="write it as 07:00, 07:00 Europe/Berlin or never"
        ) from None
    return datetime.combine(now.astimezone(place).date(), at, place)


def ping_url(settings: Settings) -> Secret | None:
    """`WATCH_PING_URL`: what a watchdog outside expects to be asked for as long as all is at work; None for none.

    Raises:
        ConfigurationError: It is no address of the web.
    """
    text = settings.environment.get(PING, "").strip()
    if text and not re.fullmatch(r"https?://\S+", text):
        raise _refusal(PING)
    return Secret(text) if text else None


def _addresses(settings: Settings, name: str, owner: str | None) -> Iterable[Recipient]:
    for number, entry in enumerate(settings.environment.get(name, "").split(), 1):
        matched = _ENTRY.fullmatch(entry)
        if matched is None or matched["severity"] not in {None, *Severity}:
            raise _refusal(name, number)
        least = Severity(matched["severity"] or Severity.WARNING)
        yield Recipient(f"{name} {number}", Secret(matched["url"]), owner, least)


def _refusal(name: str, number: int = 1) -> ConfigurationError:
    # It is not quoted: it may hold a password.
    return ConfigurationError(
        f"the entry {number} is no address",
        place=name,
        fix="write scheme://…, with critical= before it or nothing (docs/operate/notifications.md)",
    )
