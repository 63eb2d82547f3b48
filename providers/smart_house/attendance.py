"""Which homes certainly have nothing in a window: those that deleted what they had sent (ADR 0015).

Nothing says so; their rows are gone, as they are in an outage. It is proven where every row that was asked for is there
but theirs:

    everything was asked for    no answer was narrowed to types or units, in which a home could have hidden
    every day answered          each day of upload that may hold changes of the window was asked for, the last one too,
                                and of each of them other homes' rows are there
    everybody is known          each of these rows is of a home that the account tells apart: nobody in them could be
                                the missing home, under a fingerprint because its own entity is gone

An unnamed home is never proven to be absent: its name changes with its sensors.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from domain.records import Payload
from domain.window import Window
from providers.smart_house.account import AccountConfig
from providers.smart_house.homes import Homes
from providers.smart_house.spec import LATE_DAYS

_DAY: Final = timedelta(days=1)


class Attendance:
    """Who was there, over all answers of a window.

    Args:
        account: Who tells homes apart.
        window: What the answers are read for.
    """

    def __init__(self, account: AccountConfig, window: Window) -> None:
        self._homes = frozenset(account.homes)
        days = list(window.days())
        self._days = frozenset(days) | {days[-1] + late * _DAY for late in range(1, LATE_DAYS + 1)}
        self._answered: set[date] = set()
        self._present: set[str] = set()
        self._is_doubtful = False

    def note(self, payload: Payload, homes: Homes | None) -> None:
        """Take in who was in an answer; None for one without a row."""
        self._is_doubtful |= bool(payload.params.keys() & {"types", "units"})
        self._is_doubtful |= homes is not None and homes.may_be_more
        for day, name in homes.seen if homes else ():
            # A home that is seen on another day of upload is there, too.
            self._present.add(name or "")
            self._answered.add(day)

    def absent(self) -> frozenset[str]:
        """The homes that are proven to have nothing in the window."""
        is_known = self._present <= self._homes
        if self._is_doubtful or not is_known or not self._days <= self._answered:
            return frozenset()
        return self._homes - self._present


def uploads_of(asked: Window) -> Sequence[date]:
    """The days of upload that an answer to a request for `asked` may hold."""
    return list(asked.days())[LATE_DAYS:]
