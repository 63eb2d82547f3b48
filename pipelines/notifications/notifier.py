"""One look: what is over is noted, and each recipient is told once of what is new, in one message."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from assets.expected import last_expected_day
from assets.source import SourceFacts
from assets.troubles import SourceState, failed_since_due
from domain.troubles import Notification, Severity, Trouble, TroubleKind
from pipelines.notifications import texts
from pipelines.notifications.sender import Message, Sender
from resources.recipients import DIGEST_LATEST, Recipient, Recipients, recipients
from resources.settings import Settings

PAUSE: Final = timedelta(minutes=5)
"""Between two messages to one recipient, unless something critical is new: whatever comes meanwhile is one message."""

if TYPE_CHECKING:
    from warehouse.notifications import Notifications

LOOKED_FOR: Final = frozenset(TroubleKind) - {TroubleKind.DATABASE, TroubleKind.DIGEST, TroubleKind.NEW_SOURCE}
"""What can be looked for in the warehouse and on this machine."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message, and the notifications that it tells."""

    recipient: Recipient
    message: Message
    notifications: Sequence[Notification]


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells whoever is to be told.

    Attributes:
        recipients: Everybody who can be told.
        owners: Source → its owners.
        sender: Sends.
        ui: Where the UI is open, for links; None if nobody said so.
    """

    recipients: Recipients
    owners: Mapping[str, Collection[str]]
    sender: Sender
    ui: str | None = None

    def tell(
        self,
        store: "Notifications",
        troubles: Sequence[Trouble],
        now: datetime,
        *,
        judged: Collection[TroubleKind],
        states: Sequence[SourceState] = (),
        digest_at: datetime | None = None,
    ) -> list[str]:
        """Note what is over, and tell everybody what is new.

        Args:
            store: Who was told of what so far.
            troubles: What lasts.
            now: When the facts were asked for.
            judged: The kinds of trouble that were looked for: of others none is over.
            states: Every source, for the digest.
            digest_at: When today's digest is sent; None for none.

        Returns:
            What could not be sent, one sentence each.

        Raises:
            WarehouseError: The table cannot be asked or written.
        """
        store.resolve(judged, troubles, now)
        letters: list[_Letter] = []
        for recipient in self.recipients.known:
            mine = [trouble for trouble in troubles if self._concerns(recipient, trouble)]
            letters += self._news(store, recipient, mine, now)
            if digest_at is not None and digest_at <= now < digest_at + DIGEST_LATEST:
                letters += self._digest(store, recipient, mine, states, now=now, digest_at=digest_at)
        return self._send(store, letters, now)

    def tell_without_warehouse(
        self, trouble: Trouble, now: datetime, notified: set[str], *, is_over: bool
    ) -> list[str]:
        """Tell of a trouble of the database itself, which cannot note who was told.

        Args:
            trouble: Which.
            now: When it is said.
            notified: Who was told that it lasts, by name; whoever is told now is added, or removed if it is over.
            is_over: Whether it is over, and those are told who were told of it.

        Returns:
            What could not be sent, one sentence each.
        """
        number = round(trouble.since.timestamp())  # the same in every message about it
        ended = Notification(
            number, trouble.key, trouble.kind, "", trouble.severity, trouble.culprit, trouble.since, now
        )
        new, over = ([], [ended]) if is_over else ([trouble], [])
        text = texts.body([(one, number) for one in new], over, now, self.ui)
        addressees = [one for one in self.recipients.of(()) if (one.name in notified) is is_over]
        messages = [Message(one.url, texts.title(new, over), text, texts.worst(new)) for one in addressees]
        complaints = []
        for one, failure in zip(addressees, self.sender.send(messages), strict=True):
            if failure:
                complaints.append(f"{one.name}: {failure}.")
            elif is_over:
                notified.remove(one.name)
            else:
                notified.add(one.name)
        return complaints

    def _concerns(self, recipient: Recipient, trouble: Trouble) -> bool:
        return recipient.bears(trouble.severity) and recipient in self.recipients.of(
            self.owners.get(trouble.source, ())
        )

    def _news(
        self, store: "Notifications", recipient: Recipient, troubles: Sequence[Trouble], now: datetime
    ) -> Iterable[_Letter]:
        last = store.last_sent(recipient.name)
        if last is not None and now - last < PAUSE:
            troubles = [trouble for trouble in troubles if trouble.severity is Severity.CRITICAL]
            over = []
        else:
            over = store.claim_over(recipient.name, now)
        claimed = store.claim(recipient.name, troubles, now) if troubles else []
        if not claimed and not over:
            return
        by_key = {trouble.key: trouble for trouble in troubles}
        new = [(by_key[one.key], one.notification_id) for one in claimed]
        new_troubles = [trouble for trouble, _ in new]
        message = Message(
            recipient.url,
            texts.title(new_troubles, over),
            texts.body(new, over, now, self.ui),
            texts.worst(new_troubles),
        )
        yield _Letter(recipient, message, [*claimed, *over])

    def _digest(
        self,
        store: "Notifications",
        recipient: Recipient,
        troubles: Sequence[Trouble],
        states: Sequence[SourceState],
        *,
        now: datetime,
        digest_at: datetime,
    ) -> Iterable[_Letter]:
        mine = [state for state in states if recipient in self.recipients.of(state.facts.owners)]
        if recipient.least is Severity.CRITICAL or not mine:
            return
        day = f"{digest_at:%Y-%m-%d}"
        letter = Trouble(TroubleKind.DIGEST, "", day, Severity.WARNING, f"The digest of {day}.", digest_at, "", "")
        for claimed in store.claim(recipient.name, [letter], now):
            lines = [*map(_line, mine), *_night(mine, now)]
            text = texts.digest(lines, troubles, claimed.notification_id, now, self.ui)
            yield _Letter(recipient, Message(recipient.url, f"Joulehouse: {day}", text), [claimed])

    def _send(self, store: "Notifications", letters: Sequence[_Letter], now: datetime) -> list[str]:
        complaints = []
        failures = self.sender.send([letter.message for letter in letters])
        for letter, failure in zip(letters, failures, strict=True):
            if failure:
                complaints.append(f"{letter.recipient.name}: {failure}.")
                store.mark_unsent(letter.notifications, failure, now)
            else:
                store.mark_sent(letter.notifications, now)
        for complaint in complaints:
            _log.warning("A message was not sent. %s", complaint)
        return complaints


def _line(state: SourceState) -> str:
    """How far a source is loaded."""
    loaded = [day.day for day in state.days if day.load_id is not None]
    failed = sum(1 for day in state.days if day.reason)
    how_far = f"loaded to {max(loaded)}" if loaded else "nothing is loaded"
    return f"{state.facts.slug}: {how_far}" + (f", {failed} failed" if failed and not state.facts.is_retired else "")


def _night(states: Sequence[SourceState], now: datetime) -> Iterable[str]:
    """When the last load that was due has ended, or which has not."""
    ends: list[tuple[datetime, str]] = []
    lasting = []
    for state in states:
        expected = last_expected_day(state.facts, now)
        if expected is None:
            continue
        has_ended = state.last_ended is not None and state.last_ended >= expected
        at = state.ended_at if has_ended else failed_since_due(state, expected)
        if at is None:
            lasting.append(state.facts.slug)
        else:
            ends.append((at, state.facts.slug))
    if lasting:
        yield f"The night has not ended: {', '.join(lasting)}."
    elif ends:
        at, slug = max(ends)
        yield f"The night ended at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, with {slug}."


def project_notifier(settings: Settings, sources: Sequence[SourceFacts]) -> Notifier:
    """It tells whom the environment names.

    Raises:
        ConfigurationError: A variable holds what is no address, or `JOULEHOUSE_PROXY` what is no proxy.
    """
    owners = {facts.slug: facts.owners for facts in sources}
    everybody = [owner for some in owners.values() for owner in some]
    ui = next(iter(settings.ui_origins), None)
    sender = Sender({**settings.environment, **settings.proxy_variables})
    return Notifier(recipients(settings, everybody), owners, sender, ui)
