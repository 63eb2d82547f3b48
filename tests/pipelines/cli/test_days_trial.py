"""A trial begins later than its sources do, and may go faster."""

from datetime import date

import pytest
from typer.testing import CliRunner

from assets.source import days_of
from domain.errors import ConfigurationError
from pipelines.cli.application import application
from pipelines.sources import read_sources
from resources.settings import Settings


def test_no_source_begins_before_the_houses_first_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_FIRST_DAY", "2026-03-01")
    facts = read_sources()[0].facts
    assert facts.first_day == date(2026, 3, 1)
    assert days_of(facts).get_first_partition_key() == "2026-03-01"


def test_a_houses_first_day_that_lies_earlier_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_FIRST_DAY", "2001-01-01")
    assert read_sources()[0].facts.first_day == date(2025, 1, 1)


def test_the_command_line_keeps_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_FIRST_DAY", "2026-03-01")
    answer = CliRunner().invoke(application, ["backfill", "charging_hub", "--from", "2026-02-01"])
    assert answer.exit_code == 2
    assert "begin at 2026-03-01 or later" in answer.stderr


def test_a_first_day_that_is_no_day_is_named() -> None:
    with pytest.raises(ConfigurationError, match="JOULEHOUSE_FIRST_DAY"):
        Settings({"JOULEHOUSE_FIRST_DAY": "soon"}).first_day("roof")


def test_a_source_may_have_a_first_day_of_its_own() -> None:
    settings = Settings({"JOULEHOUSE_FIRST_DAY": "roof=2026-03-01,cellar=2026-04-01"})
    assert [settings.first_day(source) for source in ("roof", "cellar", "garden")] == [
        date(2026, 3, 1),
        date(2026, 4, 1),
        None,
    ]


def test_a_trial_may_send_more_requests_than_its_source_allows() -> None:
    settings = Settings({"JOULEHOUSE_REQUESTS_PER_MINUTE": "roof=120,cellar=0.5"})
    assert [settings.requests_per_minute(source) for source in ("roof", "cellar", "garden")] == [120, 0.5, None]


@pytest.mark.parametrize("said", ["fast", "0", "-1", "inf", "nan", "roof=x"])
def test_a_pace_that_is_no_number_above_zero_is_named(said: str) -> None:
    with pytest.raises(ConfigurationError, match="JOULEHOUSE_REQUESTS_PER_MINUTE"):
        Settings({"JOULEHOUSE_REQUESTS_PER_MINUTE": said}).requests_per_minute("roof")
