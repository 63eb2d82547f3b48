"""How the command line speaks: one console, one way to refuse, one way to say a number."""

import sys
from datetime import UTC, date, datetime
from typing import Final, NoReturn

import typer
from rich.console import Console

WRONG_USAGE: Final = 2  # the reader asked for something that cannot be
FAILED: Final = 1  # what was asked for did not come about

_WIDE: Final = 160  # columns of a table that goes to a file or a pipe

console: Final = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
complaints: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def refuse(sentence: str) -> NoReturn:
    """End with exit code 2: the question itself was wrong."""
    complain(sentence)
    raise typer.Exit(WRONG_USAGE)


def fail(sentence: str) -> NoReturn:
    """End with exit code 1: what was asked for did not come about."""
    complain(sentence)
    raise typer.Exit(FAILED)


def complain(sentence: str) -> None:
    """Say on stderr what is wrong, and go on."""
    complaints.print(f"[red]joulehouse:[/red] {literal(sentence)}")


def say(sentence: str) -> None:
    """Say one line as it is: brackets are not markup."""
    console.print(literal(sentence))


def counted(number: int, noun: str) -> str:
    """`1 day`, `2 days`, `1,440 days`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def days_in_words(days: list[date]) -> str:
    """Dates as a person lists them: neighbours become `2026-01-01 to 2026-01-05`."""
    spans: list[list[date]] = []
    for day in sorted(days):
        if spans and (day - spans[-1][-1]).days == 1:
            spans[-1][1:] = [day]
        else:
            spans.append([day])
    return ", ".join(" to ".join(day.isoformat() for day in span) for span in spans)


def today() -> date:
    """The UTC day it is."""
    return datetime.now(UTC).date()


def literal(sentence: str) -> str:
    """`sentence`, with brackets that are no markup."""
    return sentence.replace("[", r"\[")
