"""The demo's two backfills of a source: when they are over, when the second begins, and what ends the command."""

from datetime import date
from typing import Final

import pytest
import typer
from rich.progress import Progress

from domain.window import Window
from pipelines.local.dagster_graphql import Backfill, BackfillState, DagsterGraphQL
from pipelines.local.demo import DemoSource
from pipelines.local.processes import LoopbackServer
from warehouse.ledger import Ledger, Totals

DAYS: Final = [date(2026, 3, 1), date(2026, 3, 2)]
GOING: Final = BackfillState("REQUESTED")
GIVEN_UP: Final = BackfillState("COMPLETED_FAILED", n_failed=2)
DONE: Final = BackfillState("COMPLETED_SUCCESS")


class Scripted(DagsterGraphQL):
    """A Dagster that says what it is told to say."""

    def __init__(self) -> None:
        super().__init__(LoopbackServer(0, "Dagster", "log"))
        object.__setattr__(self, "runs", {})
        object.__setattr__(self, "states", {})
        object.__setattr__(self, "launched", [])
        object.__setattr__(self, "asked", [])

    runs: dict[str, dict[str, str]]
    states: dict[str, BackfillState]
    launched: list[str]
    asked: list[str]

    def launch_backfill(self, assets: object, days: object) -> str:
        assert assets == ["hub/payloads", "hub/measurements"]
        assert days == DAYS
        self.launched.append(f"backfill {len(self.launched) + 1}")
        return self.launched[-1]

    def runs_of(self, backfill_id: str) -> dict[str, str]:
        return self.runs.get(backfill_id, {})

    def backfill(self, backfill_id: str) -> BackfillState:
        self.asked.append(backfill_id)
        return self.states.get(backfill_id, GOING)

    def failures_of(self, run_id: str) -> list[str]:
        return [f"{run_id} could not be had."]


class Book(Ledger):
    """A ledger with so many days of one source, and so many points written."""

    def __init__(self) -> None:
        self.n_days = 0
        self.n_inserted = 0

    def newest_id(self) -> int:
        return 7

    def totals(
        self, source: str | None = None, window: Window | None = None, *, after_load_id: int = 0
    ) -> list[Totals]:
        assert (source, window, after_load_id) == ("hub", Window.of_days(*DAYS), 7)
        n = self.n_inserted
        figures = Totals("hub", self.n_days, self.n_days, 1, n, n, n, 0, 0, 0, 0, 0, 0.0, 1, 1, 1, 0.0)
        return [figures] if self.n_days else []


@pytest.fixture
def dagster() -> Scripted:
    return Scripted()


def backfill(dagster: Scripted, n_committed: int) -> Backfill:
    return Backfill.launch(dagster, "hub", DAYS, lambda: n_committed)


def test_a_backfill_is_over_when_every_run_has_succeeded_and_every_day_is_committed(dagster: Scripted) -> None:
    one = backfill(dagster, 2)
    assert (one.progress().is_done, one.progress().runs) == (False, "waiting for the daemon")
    dagster.runs[one.id] = {"a": "SUCCESS", "b": "STARTED"}
    assert (one.progress().is_done, one.progress().runs) == (False, "1 run started, 1 run success")
    dagster.runs[one.id]["b"] = "SUCCESS"
    assert one.progress().is_done
    late = backfill(dagster, 1)
    dagster.runs[late.id] = {"a": "SUCCESS"}
    assert not late.progress().is_done


def test_as_long_as_a_run_goes_on_the_costly_question_is_not_asked(dagster: Scripted) -> None:
    one = backfill(dagster, 1)
    dagster.runs[one.id] = {"a": "SUCCESS", "b": "STARTED"}
    one.progress()
    assert dagster.asked == []


def test_a_backfill_that_was_given_up_with_a_day_missing_ends_the_command_and_says_why(
    dagster: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    one = backfill(dagster, 1)
    dagster.runs[one.id] = {"a": "SUCCESS", "b": "FAILURE"}
    assert not one.progress().is_done  # a run may be started again
    dagster.states[one.id] = GIVEN_UP
    with pytest.raises(typer.Exit):
        one.progress()
    assert "of hub ended as COMPLETED_FAILED: b could not be had." in " ".join(capsys.readouterr().err.split())


def test_a_backfill_is_green_when_dagster_says_so_and_one_that_never_will_be_ends_the_command(
    dagster: Scripted,
) -> None:
    one = backfill(dagster, 2)
    assert not one.is_success()
    dagster.states[one.id] = DONE
    assert one.is_success()
    dagster.states[one.id] = GIVEN_UP
    with pytest.raises(typer.Exit):
        one.is_success()


def test_the_same_again_is_launched_when_the_first_backfill_is_done_and_not_before(dagster: Scripted) -> None:
    book, loaded = Book(), list[str]()
    demo_source = DemoSource(
        dagster, book, Progress(disable=True), "hub", DAYS, when_loaded=lambda: loaded.append("loaded")
    )
    book.n_days, book.n_inserted = 1, 10
    dagster.runs["backfill 1"] = {"a": "STARTED"}
    assert not demo_source.is_done()
    assert (dagster.launched, loaded, demo_source.loaded) == (["backfill 1"], [], None)
    book.n_days, dagster.runs["backfill 1"] = 2, {"a": "SUCCESS"}
    assert not demo_source.is_done()
    assert (dagster.launched, loaded) == (["backfill 1", "backfill 2"], ["loaded"])
    assert demo_source.loaded is not None
    assert demo_source.loaded.n_inserted == 10
    book.n_inserted, dagster.runs["backfill 2"] = 0, {"b": "SUCCESS"}
    assert demo_source.is_done()


@pytest.mark.parametrize(("n_days", "n_inserted"), [(2, 1), (1, 0)])
def test_a_second_backfill_that_writes_or_leaves_a_day_out_ends_the_command(
    dagster: Scripted, capsys: pytest.CaptureFixture[str], n_days: int, n_inserted: int
) -> None:
    book = Book()
    demo_source = DemoSource(dagster, book, Progress(disable=True), "hub", DAYS, when_loaded=lambda: None)
    book.n_days, dagster.runs["backfill 1"] = 2, {"a": "SUCCESS"}
    demo_source.is_done()
    book.n_days, book.n_inserted = n_days, n_inserted
    dagster.runs["backfill 2"], dagster.states["backfill 2"] = {"b": "SUCCESS"}, DONE
    with pytest.raises(typer.Exit):
        demo_source.is_done()
    assert "hub" in capsys.readouterr().err
