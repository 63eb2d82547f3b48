"""`joulehouse watch`: a process beside the daemon, that tells when the daemon or the database is down.

It tells whatever the daemon's sensor would, too: who claims a trouble first tells it, so it is told once. A watchdog
outside is pinged as long as the daemon and the database live and every due load has ended, well or not: one dead
battery does not silence it, a night that never ran does.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from assets.failures import named
from assets.source import SourceFacts
from assets.troubles import DAEMON, DAEMON_SILENCE, troubles
from domain.errors import IngestError, WarehouseUnavailableError
from domain.troubles import Severity, Trouble, TroubleKind
from pipelines.notifications.notifier import LOOKED_FOR, Notifier
from pipelines.notifications.states import source_states
from providers._http_types import Secret

if TYPE_CHECKING:
    from warehouse.store import TimescaleWarehouse


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How it looks.

    Attributes:
        answer_seconds: How long the database may take for everything that one look asks, messages included.
        n_database_looks: Looks in a row without an answer after which the database is called down.
    """

    answer_seconds: float = 55.0
    n_database_looks: int = 2


@dataclass(slots=True)
class _Look:
    """What one look found; filled in by the thread that asks the database."""

    troubles: list[Trouble] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    has_daemon: bool = False
    failure: str = "It does not answer."
    is_down: bool = True


class Watch:
    """Looks, tells and pings; it keeps nothing between looks but what concerns the database itself.

    Args:
        open_warehouse: Opens the warehouse without waiting for it, and never starts it.
        sources: Every source.
        notifier: Tells.
        ping_url: What a watchdog outside expects to be asked for; None for none.
        digest_at: Returns when the digest of a day is sent, for any instant of it; None for none.
        now: Returns the current time.
        settings: How it looks.

    Attributes:
        troubles: What lasts, as of the last look.
        complaints: What could not be sent at the last look, one sentence each.
        has_pinged: Whether the last look pinged the watchdog.
    """

    def __init__(
        self,
        open_warehouse: "Callable[[], AbstractContextManager[TimescaleWarehouse]]",
        sources: Sequence[SourceFacts],
        notifier: Notifier,
        *,
        ping_url: Secret | None,
        digest_at: Callable[[datetime], datetime | None],
        now: Callable[[], datetime],
        settings: WatchSettings = WatchSettings(),  # frozen
    ) -> None:
        self._open_warehouse = open_warehouse
        self._sources = sources
        self._notifier = notifier
        self._ping_url = ping_url
        self._digest_at = digest_at
        self._now = now
        self._settings = settings
        self._began = now()
        self._has_met_daemon = False
        self._asking: threading.Thread | None = None
        self._failed_since: datetime | None = None
        self._n_failed = 0
        self._notified: set[str] = set()
        self._database_trouble: Trouble | None = None
        self.troubles: list[Trouble] = []
        self.complaints: list[str] = []
        self.has_pinged = False

    def look(self) -> None:
        """Ask for the facts, tell what is new or over, and ping."""
        now = self._now()
        found = self._ask(now)
        self.troubles, self.complaints = found.troubles, found.complaints
        self._judge_database(found, now)
        is_at_work = not found.failure and found.has_daemon
        self.has_pinged = is_at_work and not any(one.kind is TroubleKind.OVERDUE_LOAD for one in found.troubles)
        if self.has_pinged and self._ping_url is not None:
            failure = self._notifier.sender.ping(self._ping_url)
            self.has_pinged = not failure
            if failure:
                self.complaints.append(f"The watchdog was not pinged: {failure}.")

    def _ask(self, now: datetime) -> _Look:
        """What the database says, if it does in time: a server that is stopped keeps a session waiting without end."""
        look = _Look()
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask_warehouse, args=(look, now), daemon=True)
            self._asking.start()
        self._asking.join(self._settings.answer_seconds)
        # What the thread may say later is not read: it has a look of its own.
        return _Look() if self._asking.is_alive() else look

    def _ask_warehouse(self, look: _Look, now: datetime) -> None:
        try:
            with self._open_warehouse() as warehouse:
                states = source_states(self._sources, warehouse, now)
                beat = warehouse.notifications.last_beat(DAEMON)
                look.has_daemon = beat is not None and now - beat <= DAEMON_SILENCE
                # Started together, the two of them: the daemon has as long to begin as it may be silent.
                self._has_met_daemon = self._has_met_daemon or look.has_daemon
                is_judged = self._has_met_daemon or now - self._began > DAEMON_SILENCE
                look.troubles = troubles(states, now, last_beat=beat or self._began if is_judged else None)
                # The disk that matters is the one that runs write to: the sensor looks at it, beside them.
                judged = LOOKED_FOR - {TroubleKind.FULL_DISK} - (set() if is_judged else {TroubleKind.DAEMON})
                if self._notifier.recipients.known:
                    look.complaints = self._notifier.tell(
                        warehouse.notifications,
                        look.troubles,
                        now,
                        judged=judged,
                        states=states,
                        digest_at=self._digest_at(now),
                    )
        except IngestError as error:
            look.failure, look.is_down = named(error), isinstance(error, WarehouseUnavailableError)
        else:
            look.failure = ""

    def _judge_database(self, look: _Look, now: datetime) -> None:
        """Tell that the database is down or refuses us, after some looks in a row, and that it is back."""
        failure = look.failure
        if failure:
            self._n_failed += 1
            self._failed_since = self._failed_since or now
            if self._n_failed < self._settings.n_database_looks:
                return
            self._database_trouble = self._database_trouble or _database(
                failure, self._failed_since, is_down=look.is_down
            )
            self.troubles = [self._database_trouble]
        else:
            self._n_failed, self._failed_since = 0, None
        trouble = self._database_trouble
        if trouble is None:
            return
        self.complaints += self._notifier.tell_without_warehouse(trouble, now, self._notified, is_over=not failure)
        if not failure and not self._notified:
            self._database_trouble = None


def _database(failure: str, since: datetime, *, is_down: bool) -> Trouble:
    return Trouble(
        TroubleKind.DATABASE,
        "",
        "",
        Severity.CRITICAL,
        f"{'The database is down.' if is_down else 'The watch cannot ask the database.'} {failure}",
        since,
        "Loads wait for it for ten minutes; what they cannot load is asked for again by the schedules."
        if is_down
        else "",
        "docker compose up -d warehouse (or joulehouse warehouse start); its log says why."
        if is_down
        else "joulehouse doctor",
    )
