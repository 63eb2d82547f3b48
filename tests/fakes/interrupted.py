"""Who stops in the middle of what comes one by one."""

from collections.abc import Generator, Iterator


def interrupt(coming: Iterator[object]) -> None:
    """Let go of what `coming` holds open, as who stops takes no more of it; it is a generator, as every fetch is."""
    assert isinstance(coming, Generator)
    coming.close()
