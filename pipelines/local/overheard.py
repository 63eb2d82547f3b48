"""What the rooms below log while a command works: said to whoever waits for it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipelines.console import complain, say

_ROOMS: Final = ("providers", "warehouse", "assets", "resources")


class _Aloud(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            (complain if record.levelno >= logging.WARNING else say)(record.getMessage())
        except Exception:  # noqa: BLE001  # a message that cannot be shown is no reason to fail a day
            self.handleError(record)


@contextmanager
def overheard() -> Iterator[None]:
    """Say what the rooms below log meanwhile: which job is waited for and how long, and what was asked for again."""
    aloud = _Aloud(logging.INFO)
    loggers = [logging.getLogger(room) for room in _ROOMS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(aloud)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(aloud)
            logger.setLevel(level)
