"""How a source is said to be, by `sources`, `status` and `doctor`, if nobody expects a day of it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.cli.doctor import _sources
from pipelines.cli.findings import Health
from pipelines.cli.overview import SourceStatus
from pipelines.local.project import Project, Source
from pipelines.sources import read_sources
from resources.settings import Settings
from warehouse.ledger import DayStatus

LONG_AGO = date(2026, 1, 1)
SOURCE = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "2025-01-01"
  organization: audicharginghub
  client_id_env: HUB_CLIENT_ID
  client_secret_env: HUB_CLIENT_SECRET
"""
VARIABLES = {"HUB_CLIENT_ID": "me", "HUB_CLIENT_SECRET": "secret"}


class Visited(Project):
    """A house with one source."""

    here: list[Source]

    def sources(self) -> list[Source]:
        return self.here


def source(folder: Path, line: str = "", variables: dict[str, str] = VARIABLES) -> Source:
    (folder / "hub").mkdir()
    (folder / "hub" / "defs.yaml").write_text(SOURCE + line, "utf-8")
    [component] = read_sources(folder)
    house = Visited(Settings(variables))
    object.__setattr__(house, "here", [Source(house, component)])
    return Source(house, component)


NOW = datetime(2026, 1, 9, 7, tzinfo=UTC)


def health(of: Source, days: list[DayStatus], now: datetime = NOW) -> str:
    return SourceStatus(of, days, now).health


def loaded(*days: date) -> list[DayStatus]:
    return [DayStatus(day, 1, 1, datetime(2026, 1, 9, tzinfo=UTC), 10, 0, None, None) for day in days]


def test_a_scheduled_source_misses_every_day_that_should_be_loaded_by_now(tmp_path: Path) -> None:
    hub = source(tmp_path)
    assert health(hub, loaded(LONG_AGO)) == "7 days missing"
    assert health(hub, loaded(LONG_AGO), datetime(2026, 1, 9, 6, 29, tzinfo=UTC)) == "6 days missing"


def test_failed_and_missing_days_are_said_in_one_breath(tmp_path: Path) -> None:
    failed = DayStatus(date(2026, 1, 5), None, None, None, 0, 0, "request_rejected", "they refuse")
    assert health(source(tmp_path), [*loaded(LONG_AGO), failed]) == (
        "1 day failed, last 2026-01-05 (RequestRejectedError); 7 days missing"
    )


@pytest.mark.parametrize(("line", "said"), [("  schedule: null\n", "well"), ("  retired: true\n", "retired")])
def test_no_day_is_missed_after_the_newest_one_where_no_schedule_asks(tmp_path: Path, line: str, said: str) -> None:
    assert health(source(tmp_path, line), loaded(LONG_AGO)) == said


def test_a_gap_between_days_that_were_asked_for_by_hand_is_said(tmp_path: Path) -> None:
    by_hand = source(tmp_path, "  schedule: null\n")
    assert health(by_hand, loaded(LONG_AGO, LONG_AGO + timedelta(days=2))) == "1 day missing"


def test_nobody_asks_for_the_variables_of_a_retired_source(tmp_path: Path) -> None:
    retired = source(tmp_path, "  retired: true\n", {})
    assert retired.missing_variables
    assert health(retired, []) == "retired"
    [finding] = _sources(retired.project, is_online=True)
    assert finding.health is Health.GOOD
    assert finding.sentence.startswith("It is retired")
