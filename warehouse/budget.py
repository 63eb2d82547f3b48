"""The only rate limiter: one bucket per credential, in the database, shared by every process."""

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from domain.errors import ConfigurationError, RateLimitedError, WarehouseUnavailableError
from warehouse.connections import Address, OwnSession
from warehouse.sqlstates import translated
from warehouse.statements import statement

_MARGIN: Final = 0.04
"""Share by which slots lie farther apart than the limit demands: what lies between a slot and the arrival of its
request is not the same each time."""

_ALLOWANCE: Final = 0.25
"""Share by which a request may leave later than its slot was taken, without asking again whether it still may. The
next slot lies as much farther away until the request is known to have left; and it is moved by as much at most when an
answer was late: the request may have arrived late, or the provider may have thought about it, and only the first brings
two requests closer."""

_RENEWALS: Final = 3
"""How often a slot that has become stale is renewed before one request: a database that always answers later than
the allowance is no reason to send nothing."""

_SHORT_SECONDS: Final = 60.0
"""What is left of a longer wait and is waited for; more of it ends the step."""


class DatabaseBudget(OwnSession):
    """The right to send requests with one credential; `domain.contract.Budget`.

    Args:
        url: The warehouse.
        credential: What the provider counts by: a client id or a source's slug. Stored as it is, so never a secret.
        per_second: Requests per second that are allowed; None for no limit but what the provider asks for.
        source: Who is held up where the provider wants no request for a while.
        sleep: How to wait.
    """

    def __init__(
        self,
        url: str,
        credential: str,
        per_second: float | None,
        *,
        source: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_second is not None and not 0 < per_second < float("inf"):
            raise ConfigurationError(
                f"a budget of {per_second} requests per second", place=credential, fix="set a limit above 0"
            )
        super().__init__(Address.of(url))
        self._has_limit = per_second is not None
        between = 0.0 if per_second is None else 1 / per_second
        self._values: dict[str, object] = {
            "credential": credential,
            "source": source,
            "limit": timedelta(seconds=between),
            "spacing": timedelta(seconds=(1 + _MARGIN) * between),
            "allowance": timedelta(seconds=_ALLOWANCE * between),
        }
        self._allowance = _ALLOWANCE * between
        self._asked_at: dict[int, float] = {}
        self._place = f"budget of {credential}"
        self._sleep = sleep

    def take(self) -> int:
        """Wait until one more request is allowed, and take that slot; its number, for `answered`.

        Nobody holds anything while waiting: who is killed has taken nothing, and who oversleeps comes no closer to
        who does not. Until it is said that the request was sent, the next slot is a quarter farther away: who is killed
        between the two holds up the others by that.

        Raises:
            RateLimitedError: The provider has asked, in this process or another, for a longer wait than a step waits.
            WarehouseUnavailableError: The database does not answer; no slot was taken.
        """
        while True:
            self._disown()
            with self.lock, translated(self._place):
                session = self.connection()
                held_up = session.execute(statement("budget/held_up"), self._values).fetchone()
            if held_up is not None:
                self._wait_or_refuse(*held_up)
                continue
            if not self._has_limit:
                return 0
            with self.lock, translated(self._place):
                session = self.connection()
                session.execute(statement("budget/open"), self._values)
                asked_at = time.monotonic()
                taken = session.execute(statement("budget/take"), self._values).fetchone()
                if taken:
                    return self._noted(int(taken[0]), asked_at)
                row = session.execute(statement("budget/missing"), self._values).fetchone()
            missing = max(float(row[0]), 0.0) if row else 0.0
            # By then it is known when the request before was sent, as a rule, and so how far away the next slot is.
            self._sleep(missing - self._allowance if missing > self._allowance else missing)

    def renewed(self, slot: int) -> int:
        """The slot with which a request may leave at this moment: `slot`, or another where that one has become stale.

        A process that has stalled since it took its slot, or needed long to connect, would come too close to the next
        one. It may wait as `take` does, where others have taken slots meanwhile.

        Raises:
            RateLimitedError: See `take`.
            WarehouseUnavailableError: See `take`.
        """
        for _ in range(_RENEWALS):
            if not self._has_limit or time.monotonic() - self._asked_at[slot] <= self._allowance:
                break
            with self.lock, translated(self._place):
                asked_at = time.monotonic()
                values = {**self._values, "place": slot}
                is_last = self.connection().execute(statement("budget/renew"), values).fetchone() is not None
            del self._asked_at[slot]
            slot = self._noted(slot, asked_at) if is_last else self.take()
        return slot

    def _noted(self, slot: int, asked_at: float) -> int:
        self._asked_at[slot] = asked_at
        return slot

    def _wait_or_refuse(self, seconds: float, not_before: datetime) -> None:
        if seconds <= _SHORT_SECONDS:
            self._sleep(seconds)
            return
        self.postpone(seconds)
        until = f"{not_before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        error = RateLimitedError(
            f"the provider wants no request before {until}, and was not asked",
            place=self._place,
            fix="wait: what was held up is asked for after that",
            retry_after_seconds=seconds,
        )
        error.was_sent = False
        raise error

    def postpone(self, seconds: float) -> None:
        """Note that the provider wants no request for so long; every process of this credential heeds it."""
        # What the provider has said is the error of the step, whether or not it can be written down.
        with contextlib.suppress(WarehouseUnavailableError), self.lock, translated(self._place):
            self.connection().execute(statement("budget/hold_up"), {**self._values, "seconds": seconds})

    def sent(self, slot: int) -> None:
        """Note that the request of `slot` has left by now; to be called once."""
        self._note("budget/sent", slot)

    def answered(self, slot: int) -> None:
        """Note that the request of `slot` has an answer, or has failed: until now it may have been on its way."""
        self._asked_at.pop(slot, None)
        self._note("budget/answered", slot)

    def _note(self, name: str, slot: int) -> None:
        if not self._has_limit:
            return
        # What was sent or answered is not lost because the next slot may come a little early or late.
        with contextlib.suppress(WarehouseUnavailableError), self.lock, translated(self._place):
            self.connection().execute(statement(name), {**self._values, "place": slot})

    def _open(self) -> psycopg.Connection:
        connection = super()._open()
        # A slot lost in a crash of the server is a request not sent: no reason to wait for the disk.
        connection.execute("SET synchronous_commit = off")
        return connection
