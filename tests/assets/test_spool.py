"""A pull of several days is read once: each day's load takes its share from a file that nobody sees."""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

import assets.spool
from assets.ingest import DayOutcome, ingest_days
from assets.steps import land, load
from domain.errors import IngestError
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Kind, Kinds
from domain.records import Payload, Progress
from domain.window import Window
from tests.fakes.harness import interrupt
from tests.fakes.provider import FakeProvider, hourly
from tests.fakes.warehouse import FakeWarehouse
from warehouse.store import TimescaleWarehouse

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]
WINDOWS = [Window.of_day(day) for day in DAYS]
PAIRS = [Window.of_days(first, last) for first, last in zip(DAYS[::2], DAYS[1::2], strict=True)]


@dataclass
class Wide(FakeProvider):
    """Answers two days at a time, and reads an answer once for all windows.

    Attributes:
        bad: Days whose answer is no JSON.
        read: The window of each answer, each time that it is read.
        asked_about: How many windows were asked about at once.
    """

    bad: set[date] = field(default_factory=set)
    read: list[Window] = field(default_factory=list)
    asked_about: list[int] = field(default_factory=list)

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        days = list(window.days())
        for first in days[::2]:
            pair = Window.of_days(first, min(first + timedelta(days=1), days[-1]))
            for payload in super().fetch(pair, progress):
                spoilt = b"{" if self.bad & set(pair.days()) else payload.body
                yield replace(payload, part=f"{first}", body=spoilt)

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # the contract's
    ) -> Iterator[Normalized]:
        return (batch for _, batch in self.normalize_each(payloads, (window,)))

    def normalize_each(
        self,
        payloads: Iterable[Payload],
        windows: Sequence[Window],
        kinds: Kinds = NO_KINDS,  # the contract's
    ) -> Iterator[tuple[int, Normalized]]:
        self.asked_about.append(len(windows))
        for payload in payloads:
            self.read.append(payload.window)
            for index, window in enumerate(windows):
                if payload.window.touches(window):
                    for batch in super().normalize([payload], window):
                        yield index, batch


def provider_of(*, low: float = 100.0) -> Wide:
    return Wide({day: hourly(day, low=low) for day in DAYS})


def walked(
    provider: Wide, warehouse: TimescaleWarehouse, *, pull_days: int = 6, lands: bool = True
) -> list[DayOutcome]:
    return list(ingest_days(DAYS, provider, warehouse, "s", pull_days=pull_days, lands=lands))


def test_every_answer_of_a_wide_pull_is_read_once(warehouse: TimescaleWarehouse) -> None:
    provider = provider_of()
    outcomes = walked(provider, warehouse)
    assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [24] * 6
    assert provider.read == PAIRS
    assert provider.asked_about == [6]


def test_a_replay_of_a_wide_pull_reads_every_answer_once(warehouse: TimescaleWarehouse) -> None:
    walked(provider_of(), warehouse)
    provider = provider_of()
    outcomes = walked(provider, warehouse, lands=False)
    assert [outcome.load.n_unchanged for outcome in outcomes if outcome.load] == [24] * 6
    assert provider.read == PAIRS


def test_a_replay_over_several_pulls_reads_the_answers_of_each_once(warehouse: TimescaleWarehouse) -> None:
    walked(provider_of(), warehouse, pull_days=4)
    provider = provider_of()
    assert [outcome.error for outcome in walked(provider, warehouse, lands=False)] == [None] * 6
    assert provider.read == PAIRS
    assert provider.asked_about == [4, 2]


def test_days_that_are_asked_for_one_by_one_are_read_one_by_one(warehouse: TimescaleWarehouse) -> None:
    provider = provider_of()
    walked(provider, warehouse, pull_days=1)
    assert provider.read == WINDOWS
    assert provider.asked_about == [1] * 6


def test_a_day_that_was_pulled_anew_is_read_from_its_own_answer_and_the_others_from_the_wide_pull(
    warehouse: TimescaleWarehouse,
) -> None:
    walked(provider_of(), warehouse)
    list(ingest_days(DAYS[2:3], provider_of(low=500.0), warehouse, "s"))
    provider = provider_of()
    outcomes = walked(provider, warehouse, lands=False)
    assert [outcome.load.n_written for outcome in outcomes if outcome.load] == [0] * 6
    assert sorted(provider.asked_about) == [1, 5]
    assert warehouse.reading.measurements("s", WINDOWS[2])["value"].min() == 500.0


def test_a_load_that_lost_against_a_newer_pull_reads_that_one() -> None:
    provider, warehouse = provider_of(), FakeWarehouse(n_stale=1)
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=6))
    assert [outcome.error for outcome in outcomes] == [None] * 6
    assert [report.pull_id for report in warehouse.reports] == [2, 1, 1, 1, 1, 1]
    assert provider.asked_about == [6, 1]


def alone(provider: Wide, warehouse: FakeWarehouse) -> list[tuple[date, str | None]]:
    """How each day fares without a spool."""
    land(provider, warehouse, "s", Window.of_days(DAYS[0], DAYS[-1]))
    said: list[tuple[date, str | None]] = []
    for window in WINDOWS:
        try:
            load(provider, warehouse, "s", window)
        except IngestError as error:
            said.append((window.day, str(error)))
        else:
            said.append((window.day, None))
    return said


def test_a_bad_answer_in_a_wide_pull_fails_its_days_alone_and_in_the_same_words() -> None:
    provider, warehouse = provider_of(), FakeWarehouse()
    provider.bad = {DAYS[3]}
    expected = alone(provider, FakeWarehouse())
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=6))
    assert [(outcome.day, outcome.error and str(outcome.error)) for outcome in outcomes] == expected
    assert [day for day, error in expected if error] == DAYS[2:4]
    assert [report.window.day for report in warehouse.reports] == DAYS[:2] + DAYS[4:]


def test_a_bug_in_reading_many_windows_at_once_costs_no_day(warehouse: TimescaleWarehouse) -> None:
    class Buggy(Wide):
        def normalize_each(
            self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
        ) -> Iterator[tuple[int, Normalized]]:
            for index, batch in super().normalize_each(payloads, windows, kinds):
                if index == 4:
                    raise ZeroDivisionError
                yield index, batch

    outcomes = walked(Buggy(provider_of().points), warehouse)
    assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [24] * 6


def test_a_disk_without_room_for_it_costs_time_and_no_day(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets.spool, "_LEAST_FREE", 2**62)
    provider = provider_of()
    outcomes = walked(provider, warehouse)
    assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [24] * 6
    assert provider.asked_about == [6, *[1] * 6]


def test_no_folder_for_temporary_files_costs_time_and_no_day(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_to_be_had(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", none_to_be_had)
    assert [outcome.error for outcome in walked(provider_of(), warehouse)] == [None] * 6


def test_what_is_laid_aside_has_no_name_so_that_no_end_leaves_it_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    n_open: list[int] = []

    def nameless() -> int:
        found = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
        return sum(path.startswith(str(tmp_path)) for path in found)

    def on_batch_of(_: date) -> None:
        assert list(tmp_path.iterdir()) == []
        n_open.append(nameless())

    walk = ingest_days(DAYS, provider_of(), FakeWarehouse(), "s", pull_days=6, on_batch_of=on_batch_of)
    assert [outcome.error for outcome in walk] == [None] * 6
    assert n_open == [1] * 6
    assert nameless() == 0


def test_a_walk_that_is_left_in_the_middle_gives_the_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spools: list[assets.spool.Spool] = []

    class Noted(assets.spool.Spool):
        def __init__(self, kinds: Kinds = NO_KINDS) -> None:
            super().__init__(kinds)
            spools.append(self)

    monkeypatch.setattr(assets.spool, "Spool", Noted)
    walk = ingest_days(DAYS, provider_of(), FakeWarehouse(), "s", pull_days=6)
    assert next(walk).error is None
    interrupt(walk)
    with pytest.raises(ValueError, match="closed"):
        spools[0].flush()


def test_the_witness_of_a_day_sees_that_days_batches_and_no_others() -> None:
    seen: list[Normalized] = []
    walk = ingest_days(
        DAYS,
        provider_of(),
        FakeWarehouse(),
        "s",
        pull_days=6,
        on_batch_of=lambda day: seen.append if day == DAYS[4] else None,
    )
    assert [outcome.error for outcome in walk] == [None] * 6
    assert sum(len(batch.measurements) for batch in seen) == 24
    assert {at.date() for batch in seen for at in batch.measurements["measured_at"]} == {DAYS[4]}


def test_what_was_left_unmapped_is_read_again_once_a_register_has_been_found() -> None:
    spool, (sunny, dull) = assets.spool.Spool({"a": Kind.REGISTER}), (Window.of_day(day) for day in DAYS[:2])
    for window, unmapped in ((sunny, {}), (dull, {"b (a load curve)": 1})):
        spool.begin(1, window)
        spool.add(1, window, Normalized(unmapped=unmapped))
    for kinds, is_known in (({"a": Kind.REGISTER}, True), ({"c": Kind.GAUGE}, True), ({"b": Kind.REGISTER}, False)):
        assert (spool.batches(1, dull, kinds) is not None) == is_known
        assert spool.batches(1, sunny, kinds) is not None
    spool.close()
