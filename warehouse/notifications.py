"""Who was told of what: claimed by an insert, so that of several processes that look one sends. And who is at work."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.rows import dict_row, scalar_row

from domain.texts import storable
from domain.troubles import Notification, Severity, Trouble, TroubleKind
from warehouse.connections import Connections

CLAIM: Final = timedelta(minutes=3)
"""How long a claim holds: far longer than a message takes. Who died with one has sent nothing, or it is sent twice."""

_PLACE: Final = "table notification"


class Notifications:
    """The tables `notification` and `heartbeat`. Every instant is the caller's, so that a clock can be moved."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def beat(self, process: str, now: datetime) -> None:
        """Say that `process` is at work."""
        self._run("beat", process=process, now=now)

    def last_beat(self, process: str) -> datetime | None:
        """When `process` last said that it is at work; None if it never did."""
        values = {"process": process}
        beats = self._connections.rows(_PLACE, "notification/last_beat", values, scalar_row)
        return beats[0] if beats else None

    def first_seen(self, sources: Collection[str], now: datetime) -> dict[str, datetime]:
        """When each of these sources, which have no load yet, was first asked for here; `now`, if it never was."""
        if not sources:
            return {}
        rows = self._run("first_seen", kind=TroubleKind.NEW_SOURCE, sources=[*sources], now=now)
        return {row["source"]: row["first_seen_at"] for row in rows}

    def resolve(self, kinds: Collection[TroubleKind], lasting: Iterable[Trouble], now: datetime) -> None:
        """Note which troubles are over: of the `kinds` that were looked for at `now`, those that are not `lasting`."""
        self._run("resolve", kinds=[*kinds], keys=[trouble.key for trouble in lasting], now=now)

    def claim(self, recipient: str, troubles: Iterable[Trouble], now: datetime) -> list[Notification]:
        """Those of `troubles` that the caller is to tell `recipient`, and nobody else is."""
        documents = [
            {
                "key": trouble.key,
                "kind": trouble.kind,
                "source": trouble.source,
                "severity": trouble.severity,
                "culprit": storable(trouble.culprit),
                "since": trouble.since.isoformat(),
            }
            for trouble in troubles
        ]
        rows = self._run(
            "claim", recipient=recipient, troubles=json.dumps(documents), now=now, claimed_until=now + CLAIM
        )
        return _sorted(rows)

    def claim_over(self, recipient: str, now: datetime) -> list[Notification]:
        """What `recipient` was told, is over, and the caller is to tell that."""
        return _sorted(self._run("claim_over", recipient=recipient, now=now, claimed_until=now + CLAIM))

    def mark_sent(self, notifications: Iterable[Notification], now: datetime) -> None:
        """Note that the message with `notifications` has gone out."""
        sent = list(notifications)
        over = [one.notification_id for one in sent if one.over_at is not None]
        self._run("sent", ids=[one.notification_id for one in sent], over_ids=over, now=now)

    def mark_unsent(self, notifications: Iterable[Notification], failure: str, now: datetime) -> None:
        """Note that it has not, and why; it is claimed again later."""
        self._run("not_sent", ids=[one.notification_id for one in notifications], failure=failure, now=now)

    def last_sent(self, recipient: str) -> datetime | None:
        """When `recipient` was told anything for the last time."""
        values = {"recipient": recipient}
        [instant] = self._connections.rows(_PLACE, "notification/last_sent", values, scalar_row)
        return instant if isinstance(instant, datetime) else None

    def _run(self, name: str, **values: object) -> Sequence[dict[str, Any]]:
        return self._connections.rows(_PLACE, f"notification/{name}", values, dict_row)


def _sorted(rows: Iterable[dict[str, Any]]) -> list[Notification]:
    found = [
        Notification(
            row["notification_id"],
            row["key"],
            TroubleKind(row["kind"]),
            row["source"],
            Severity(row["severity"]),
            row["culprit"],
            row["since"],
            row["over_at"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.severity is not Severity.CRITICAL, one.key))
