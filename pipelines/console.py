"""What the command line prints: one console, one way to refuse, one way to write a number."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Final, NoReturn

import typer
from rich.console import Console

FAILED: Final = 1  # the command did not succeed
WRONG_USAGE: Final = 2  # the arguments make no sense

_FILE_COLUMNS: Final = 160  # width of a table that goes to a file or a pipe

console: Final = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _FILE_COLUMNS)
error_console: Final = Console(stderr=True, highlight=False, soft_wrap=True)

_LAYERS: Final = ("providers", "warehouse", "assets", "resources")


def refuse(sentence: str) -> NoReturn:
    """End with exit code 2: the arguments were wrong."""
    complain(sentence)
    raise typer.Exit(WRONG_USAGE)


def fail(sentence: str) -> NoReturn:
    """End with exit code 1: the command did not succeed."""
    complain(sentence)
    raise typer.Exit(FAILED)


def complain(sentence: str) -> None:
    """Print on stderr what is wrong, and go on."""
    error_console.print(f"[red]joulehouse:[/red] {literal(sentence)}")


def say(sentence: str) -> None:
    """Print one line as it is: brackets are not markup."""
    console.print(literal(sentence))


def say_json(value: object) -> None:
    """Print `value` as JSON on stdout, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def days_in_words(days: list[date]) -> str:
    """Dates as a list of ranges: neighbours become `2026-01-01 to 2026-01-05`."""
    spans: list[list[date]] = []
    for day in sorted(days):
        if spans and (day - spans[-1][-1]).days == 1:
            spans[-1][1:] = [day]
        else:
            spans.append([day])
    return ", ".join(" to ".join(day.isoformat() for day in span) for span in spans)


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()


def literal(sentence: str) -> str:
    """`sentence`, with brackets escaped, so that they are no markup."""
    return sentence.replace("[", r"\[")


class _ConsoleHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            (complain if record.levelno >= logging.WARNING else say)(record.getMessage())
        except Exception:  # noqa: BLE001  # a message that cannot be shown is no reason to fail a day
            self.handleError(record)


@contextmanager
def log_to_console() -> Iterator[None]:
    """Print what the layers below log meanwhile: which job is waited for and how long, and what was retried."""
    handler = _ConsoleHandler(logging.INFO)
    loggers = [logging.getLogger(layer) for layer in _LAYERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
