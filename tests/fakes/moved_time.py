"""A clock that is put forward for processes of ours and for their server alike.

libfaketime, preloaded, adds the offset in a file to the wall clock of every process that is started with `environment`;
the monotonic clock, by which sockets and locks count their patience, is left alone. So time runs at its own pace, and
is put forward while nobody is at work; see `moved_time_site` for those who sleep meanwhile.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

_SITE = Path(__file__).with_name("moved_time_site")


def libfaketime() -> Path:
    """The library; a proof that needs it fails where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "this proof moves time: install libfaketime (Debian: apt-get install libfaketime)"
    return found[0]


class MovedTime:
    """A wall clock that begins at an instant.

    Args:
        file: Where the offset stands; every process that is to be moved must be able to read it.
        begins_at: What time it is there now.
    """

    def __init__(self, file: Path, begins_at: datetime) -> None:
        """Write the file."""
        self._file = file
        self._library = libfaketime()
        self._offset = timedelta()
        self.go_to(begins_at)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until a move is known to everybody; no file is read at each look
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # a file that is no older after a move: whoever compares with it would be misled
            "PYTHONPATH": str(_SITE),
        }

    def now(self) -> datetime:
        """What time it is there."""
        return datetime.now(UTC) + self._offset

    def go_to(self, instant: datetime) -> None:
        """Put the clock to `instant`, which must not be past."""
        offset = instant - datetime.now(UTC)
        assert not self._file.exists() or offset >= self._offset, f"{instant} is past"
        self._offset = offset
        partial = self._file.with_name(self._file.name + ".new")
        partial.write_text(f"{offset.total_seconds():+.3f}\n", "ascii")
        partial.chmod(0o644)
        partial.rename(self._file)
