"""What the layers below log is heard by whoever waits for a command, and by nobody else."""

import logging
from collections.abc import Iterator
from datetime import date

import pytest

from assets.ingest import DayOutcome
from pipelines.cli.days import _with_progress
from pipelines.console import log_to_console
from pipelines.local.project import Project

LOGGER = logging.getLogger("providers.servitly.exports")


def test_what_is_waited_for_is_said_and_what_went_wrong_is_complained_of(capsys: pytest.CaptureFixture[str]) -> None:
    with log_to_console():
        LOGGER.debug("nobody needs to know")
        LOGGER.info("export [a]: PENDING for %d s", 30)
        LOGGER.warning("asked again")
        logging.getLogger("somebody.else").info("hello")
    said = capsys.readouterr()
    assert said.out == "export [a]: PENDING for 30 s\n"
    assert said.err == "joulehouse: asked again\n"


def test_afterwards_nothing_more_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    before = LOGGER.isEnabledFor(logging.INFO)
    with log_to_console():
        pass
    LOGGER.info("export a: COMPLETED")
    assert LOGGER.isEnabledFor(logging.INFO) == before
    assert capsys.readouterr().out == ""


def test_a_message_that_cannot_be_said_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with log_to_console(), monkeypatch.context() as changed:
        changed.setattr("pipelines.console.say", lambda _: int("no number"))
        LOGGER.info("export a")
    assert "ValueError" in capsys.readouterr().err


def test_a_person_who_waits_for_days_hears_it(capsys: pytest.CaptureFixture[str]) -> None:
    def outcomes() -> Iterator[DayOutcome]:
        LOGGER.info("export a: PENDING for 30 s")
        yield DayOutcome(date(2026, 1, 1))

    _with_progress(Project().source("boiler_fleet"), 1, outcomes())
    assert "export a: PENDING for 30 s\n" in capsys.readouterr().out
