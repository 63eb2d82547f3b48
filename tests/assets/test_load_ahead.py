"""A day is loaded while its answers come: with the same result, and the same words where something is wrong."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pytest

from assets.ingest import DayOutcome, ingest_days
from assets.load_ahead import LoadAhead
from domain.errors import PayloadUnreadableError, ProviderUnavailableError
from domain.measurement import Normalized
from domain.records import LoadReport, Payload, Progress
from domain.window import Window
from tests.fakes.provider import FakeProvider, hourly
from warehouse.store import TimescaleWarehouse

DAY = date(2026, 1, 1)
WINDOW = Window.of_day(DAY)


@dataclass
class Paged(FakeProvider):
    """One whose answers can be read as they come; `begins_anew`: the first answer comes again at the end, changed."""

    has_pages: bool = True
    begins_anew: bool = False
    is_broken: bool = False

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        pages = list(super().fetch(window, progress))
        yield from pages[:1]
        for page in pages[1:]:
            yield replace(page, body=b"no JSON") if self.is_broken else page
        if self.begins_anew:
            yield replace(pages[0], body=pages[0].body.replace(b"100.0", b"7.0"))


def provider(*, begins_anew: bool = False, is_broken: bool = False) -> Paged:
    points = {DAY: {key: hourly(DAY, series=key)[key] for key in ("roof/P", "roof/Q", "roof/R")}}
    return Paged(points, begins_anew=begins_anew, is_broken=is_broken)


@pytest.fixture(autouse=True)
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each day, whether it was loaded while it was asked for."""
    found: list[bool] = []
    report = LoadAhead.report

    def noted(self: LoadAhead) -> LoadReport | None:
        found.append(report(self) is not None)
        return report(self)

    monkeypatch.setattr(LoadAhead, "report", noted)
    return found


def ingested(provider: FakeProvider, warehouse: TimescaleWarehouse, seen: list[Normalized]) -> DayOutcome:
    def watch(_: date) -> Callable[[Normalized], None]:
        seen.clear()
        return seen.append

    (outcome,) = ingest_days([DAY], provider, warehouse, "s", on_batch_of=watch)
    return outcome


def test_a_day_is_loaded_while_it_is_asked_for_and_the_ledger_says_what_it_always_says(
    warehouse: TimescaleWarehouse, ahead: list[bool]
) -> None:
    seen: list[Normalized] = []
    outcome = ingested(provider(), warehouse, seen)
    landed = warehouse.payloads("s", WINDOW)

    assert ahead == [True]
    assert outcome.load is not None
    assert (outcome.load.n_inserted, outcome.load.pull_id, outcome.load.proof) == (72, landed.pull_id, landed.proof)
    assert tuple(outcome.load.payload_sha256s) == landed.sha256s
    assert len(landed.sha256s) == len(seen) == 3
    assert len(warehouse.reading.measurements("s", WINDOW)) == 72
    assert [entry.status for entry in warehouse.ledger.entries("s", WINDOW)] == ["committed"]


def test_an_answer_that_cannot_be_read_is_one_failed_load_of_a_whole_pull(
    warehouse: TimescaleWarehouse, ahead: list[bool]
) -> None:
    """As without: all answers are kept, the ledger has one row with their hashes, and nothing is loaded."""
    outcome = ingested(provider(is_broken=True), warehouse, [])

    assert ahead == [False]
    assert isinstance(outcome.error, PayloadUnreadableError)
    assert len(warehouse.payloads("s", WINDOW).sha256s) == 3
    (entry,) = warehouse.ledger.entries("s", WINDOW)
    assert (entry.status, entry.reason) == ("failed", outcome.error.code)
    assert len(warehouse.reading.measurements("s", WINDOW)) == 0


def test_a_pull_that_fails_loads_nothing_and_its_continuation_is_loaded_from_what_was_kept(
    warehouse: TimescaleWarehouse, ahead: list[bool]
) -> None:
    paged = provider()
    paged.failures[DAY] = ProviderUnavailableError("it went wrong", place="here", fix="wait")
    paged.n_good_pages = 2
    with pytest.MonkeyPatch.context() as patch:
        # Page by page, and then the failure.
        patch.setattr(Paged, "fetch", FakeProvider.fetch)
        failed = ingested(paged, warehouse, [])
    assert failed.error is paged.failures.pop(DAY)
    assert len(warehouse.reading.measurements("s", WINDOW)) == 0
    outcome = ingested(paged, warehouse, [])

    assert ahead == [False]
    assert outcome.pull is not None
    assert outcome.pull.is_resumed
    assert outcome.load is not None
    assert outcome.load.n_inserted == 72


def test_a_listing_that_begins_anew_voids_what_was_read_of_it(warehouse: TimescaleWarehouse, ahead: list[bool]) -> None:
    seen: list[Normalized] = []
    outcome = ingested(provider(begins_anew=True), warehouse, seen)

    assert ahead == [False]
    assert outcome.load is not None
    assert outcome.load.n_inserted == 72
    assert len(seen) == 3
    assert warehouse.reading.measurements("s", WINDOW)["value"].min() == 7.0
