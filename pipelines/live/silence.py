"""How long an open stream may say nothing before it is opened anew."""

from datetime import datetime, timedelta


class Silence:
    """The silence of one part's stream, and how much of it is allowed.

    A stream that is opened anew and is silent again may be one of a device that is off, so each is given twice as long
    as the one before. Two messages of one stream within its cadence end that.

    Args:
        longest: The silence that the stream's cadence allows; None if it speaks of changes alone, and may be silent.
        most: Where the doubling ends.
        at: Now.
    """

    def __init__(self, longest: timedelta | None, most: timedelta, at: datetime) -> None:
        self._longest = longest
        self._allowed = longest
        self._most = most
        self._since = at
        self._is_first = True

    @property
    def is_repeated(self) -> bool:
        """Whether a stream was opened anew before, and it did not help."""
        return self._allowed != self._longest

    def begin(self, at: datetime) -> None:
        """A stream is open."""
        self._since, self._is_first = at, True

    def broken(self, at: datetime) -> bool:
        """A message has come; whether the silence before it was longer than the cadence allows."""
        is_late = self._longest is not None and at - self._since > self._longest
        if not (is_late or self._is_first):
            self._allowed = self._longest
        self._is_first = False
        return is_late

    def wait_from(self, at: datetime) -> None:
        """What came is dealt with: time in which nobody listened is no silence."""
        self._since = at

    def is_over(self, at: datetime) -> bool:
        """Whether it has lasted so long that the stream is to be opened anew; the next one is given twice as long."""
        if self._longest is None or self._allowed is None or at - self._since <= self._allowed:
            return False
        self._allowed = max(self._longest, min(self._allowed * 2, self._most))
        return True
