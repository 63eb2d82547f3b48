"""What every provider must pass. A provider takes part by `tests/providers/<slug>/case.py`, which holds `CASE`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from traceback import format_exception
from typing import Any

import pandas as pd
import pytest

from assets.spool import Spool
from domain.contract import Provider
from domain.errors import IngestError, PayloadUnreadableError
from domain.measurement import Normalized, concat
from domain.quantities import QUANTITIES
from domain.records import Payload, Progress, ProviderSpec, Reason
from domain.window import Window
from tests.fakes.harness import interrupt
from tests.fakes.leaks import spellings


@dataclass(frozen=True)
class Live:
    """A provider that talks to a real server on loopback.

    Attributes:
        provider: The provider.
        asked: Every question about telemetry that the server has seen so far, as something that can be compared.
        bounds: The window that such a question asks for.
        secrets: What must appear nowhere.
        lock_out: Makes the server reject the credentials from now on.
    """

    provider: Provider
    asked: Callable[[], Sequence[Mapping[str, str]]]
    bounds: Callable[[Mapping[str, str]], Window]
    secrets: Sequence[str]
    lock_out: Callable[[], None]


@dataclass(frozen=True)
class Case:
    """One provider under test.

    Attributes:
        spec: Its facts.
        window: A window for which the server has telemetry.
        open: A provider over a server that serves `window` in several parts and pages.
        wide: Several days in a row with telemetry.
        open_wide: A provider that asks for all of `wide` at once, over a server whose answers hold rows that are
            rejected, on more than one of its days if they can.
        tolerance: By how much a question may reach beyond the window.
    """

    spec: ProviderSpec
    window: Window
    open: Callable[[], AbstractContextManager[Live]]
    wide: Window
    open_wide: Callable[[], AbstractContextManager[Live]]
    tolerance: timedelta = timedelta(0)


def points(batches: Sequence[Normalized]) -> tuple[list[tuple[Any, ...]], ...]:
    """All that batches say, in an order of its own."""
    whole = concat(batches)

    def listed(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
        return sorted(zip(*(frame[name].astype("str") for name in frame.columns), strict=True))

    return listed(whole.measurements), listed(whole.states), listed(whole.rejected)


def said(batches: Sequence[Normalized]) -> tuple[Any, ...]:
    """All that batches account for, however it is divided among them."""
    whole = concat(batches)
    series = sorted(repr(one) for one in whole.series)
    return (*points(batches), whole.n_received, whole.n_duplicates, whole.unmapped, whole.absent_sites, series)


class Conformance:
    """The suite. `test_conformance.py` runs it, and `WidePulls`, over every case."""

    @pytest.fixture(scope="class")
    @staticmethod
    def live(case: Case) -> Iterator[Live]:
        with case.open() as live:
            yield live

    @pytest.fixture(scope="class")
    @staticmethod
    def payloads(case: Case, live: Live) -> Sequence[Payload]:
        found = list(live.provider.fetch(case.window, {}))
        assert len(found) > len({payload.part for payload in found}), "a case needs a part of several pages"
        return found

    @pytest.fixture(scope="class")
    @staticmethod
    def batches(case: Case, live: Live, payloads: Sequence[Payload]) -> Sequence[Normalized]:
        return list(live.provider.normalize(payloads, case.window))

    def test_its_facts_are_possible(self, case: Case) -> None:
        spec = case.spec
        assert spec.slug.isidentifier()
        assert spec.docs_url.startswith("https://")
        assert spec.finalization_lag >= timedelta(0)
        assert spec.refetch_days >= 1
        assert spec.max_window >= timedelta(days=1)
        assert spec.requests_per_second is None or spec.requests_per_second > 0
        assert spec.max_days_per_run >= 1

    def test_the_case_says_something(self, batches: Sequence[Normalized]) -> None:
        assert sum(len(batch.measurements) for batch in batches) > 0

    def test_meaning_is_the_same_the_second_time(
        self, case: Case, live: Live, payloads: Sequence[Payload], batches: Sequence[Normalized]
    ) -> None:
        assert points(list(live.provider.normalize(payloads, case.window))) == points(batches)

    def test_meaning_does_not_depend_on_the_order_of_answers(
        self, case: Case, live: Live, payloads: Sequence[Payload], batches: Sequence[Normalized]
    ) -> None:
        assert points(list(live.provider.normalize(payloads[::-1], case.window))) == points(batches)

    def test_every_batch_fits_the_schema(self, case: Case, batches: Sequence[Normalized]) -> None:
        for batch in batches:
            batch.check(place=case.spec.slug)

    def test_what_is_laid_aside_comes_back_as_it_was(self, case: Case, batches: Sequence[Normalized]) -> None:
        with closing(Spool()) as spool:
            spool.begin(1, case.window)
            for batch in batches:
                spool.add(1, case.window, batch)
            found = list(spool.batches(1, case.window) or [])
        assert [said([one]) for one in found] == [said([one]) for one in batches]
        for one in found:
            one.check(place=case.spec.slug)

    def test_every_instant_lies_inside_the_window(self, case: Case, batches: Sequence[Normalized]) -> None:
        for batch in batches:
            for frame in (batch.measurements, batch.states):
                assert frame["measured_at"].between(case.window.start, case.window.end, inclusive="left").all()

    def test_every_value_is_physically_possible_and_in_a_known_quantity(self, batches: Sequence[Normalized]) -> None:
        for batch in batches:
            quantities = {series.key: QUANTITIES[series.quantity] for series in batch.series}
            for key, values in batch.measurements.groupby("series", observed=True)["value"]:
                assert values.between(quantities[str(key)].low, quantities[str(key)].high).all()
            assert {quantities[key].name for key in batch.states["series"].astype("str")} <= {"state"}

    def test_every_rejected_value_has_a_reason_and_an_answer(
        self, payloads: Sequence[Payload], batches: Sequence[Normalized]
    ) -> None:
        for batch in batches:
            assert set(batch.rejected["reason"]) <= set(Reason)
            assert set(batch.rejected["payload"]) <= {payload.sha256 for payload in payloads}

    def test_the_hours_of_a_window_are_the_window(
        self, case: Case, live: Live, payloads: Sequence[Payload], batches: Sequence[Normalized]
    ) -> None:
        middle = case.window.start + timedelta(hours=1)
        pieces = (Window(case.window.start, middle), Window(middle, case.window.end))
        parts = [batch for piece in pieces for batch in live.provider.normalize(payloads, piece)]
        assert points(parts) == points(batches)

    def test_a_cut_answer_is_unreadable_and_nothing_else(
        self, case: Case, live: Live, payloads: Sequence[Payload]
    ) -> None:
        whole = min(payloads, key=lambda payload: len(payload.body))
        ends = {0, 1, len(whole.body) - 1, *range(0, len(whole.body), max(1, len(whole.body) // 60))}
        for end in ends:
            with pytest.raises(PayloadUnreadableError):
                list(live.provider.normalize([replace(whole, body=whole.body[:end])], case.window))

    def test_questions_stay_inside_the_window(self, case: Case, live: Live, payloads: Sequence[Payload]) -> None:
        assert payloads
        wide = Window(case.window.start - case.tolerance, case.window.end + case.tolerance)
        for question in live.asked():
            assert wide.covers(live.bounds(question))
        for payload in payloads:
            assert wide.covers(payload.window)

    def test_pages_are_counted_and_the_last_one_leaves_no_cursor(self, payloads: Sequence[Payload]) -> None:
        for part in {payload.part for payload in payloads}:
            pages = [payload for payload in payloads if payload.part == part]
            assert [page.page for page in pages] == list(range(1, len(pages) + 1))
            assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]

    def test_every_answer_has_its_proof(self, payloads: Sequence[Payload]) -> None:
        for payload in payloads:
            assert payload.proof
            assert payload.received_at.tzinfo is not None
            assert payload.body

    def test_the_second_fetch_brings_the_same_answers(
        self, case: Case, live: Live, payloads: Sequence[Payload]
    ) -> None:
        again = list(live.provider.fetch(case.window, {}))
        sizes = [(payload.part, payload.page, len(payload.body)) for payload in payloads]
        assert [(payload.part, payload.page, len(payload.body)) for payload in again] == sizes

    def test_an_interrupted_fetch_goes_on_where_it_was_and_asks_for_nothing_twice(
        self, case: Case, live: Live, payloads: Sequence[Payload], batches: Sequence[Normalized]
    ) -> None:
        provider = live.provider
        n_before = len(live.asked())
        list(provider.fetch(case.window, {}))
        n_questions = len(live.asked()) - n_before  # as many as payloads, and those that only prove an end
        for stop in range(1, len(payloads)):
            n_before = len(live.asked())
            progress: dict[str, Progress] = {}
            landed: list[Payload] = []
            fetching = provider.fetch(case.window, {})
            for payload in fetching:
                landed.append(payload)
                progress[payload.part] = Progress(payload.page, payload.cursor)
                if len(landed) == stop:
                    break
            interrupt(fetching)
            landed += provider.fetch(case.window, progress)
            questions = [tuple(sorted(question.items())) for question in live.asked()[n_before:]]
            assert len(set(questions)) == len(questions) == n_questions >= len(payloads)
            assert [(payload.part, payload.page) for payload in landed] == [
                (payload.part, payload.page) for payload in payloads
            ]
            assert points(list(provider.normalize(landed, case.window)))[:2] == points(batches)[:2]

    def test_what_is_finished_is_not_asked_for_again(self, case: Case, live: Live, payloads: Sequence[Payload]) -> None:
        n_before = len(live.asked())
        finished = {payload.part: Progress(payload.page, None) for payload in payloads}
        assert list(live.provider.fetch(case.window, finished)) == []
        assert len(live.asked()) == n_before

    def test_requests_are_counted(self, case: Case) -> None:
        with case.open() as live:
            n_payloads = len(list(live.provider.fetch(case.window, {})))
            assert live.provider.n_requests >= max(n_payloads, len(live.asked()))

    def test_what_it_discovers_is_described_for_the_catalogue(self, live: Live) -> None:
        found = list(live.provider.discover())
        assert found
        assert len({series.key for series in found}) == len(found)
        assert {series.quantity for series in found} <= set(QUANTITIES)
        assert all(series.key and series.device for series in found)

    def test_no_secret_is_in_what_it_hands_out(
        self, live: Live, payloads: Sequence[Payload], batches: Sequence[Normalized]
    ) -> None:
        said = repr(payloads) + repr(points(batches)) + "".join(payload.cursor or "" for payload in payloads)
        for secret in live.secrets:
            assert not [spelling for spelling in spellings(secret) if spelling in said]

    def test_rejected_credentials_are_named_and_not_shown(self, case: Case, caplog: pytest.LogCaptureFixture) -> None:
        with case.open() as live:
            live.lock_out()
            with pytest.raises(IngestError) as caught:
                list(live.provider.fetch(case.window, {}))
            assert caught.value.code == "credentials_rejected"
            said = f"{caught.value!r} {''.join(format_exception(caught.value))} {caplog.text}"
            for secret in live.secrets:
                assert not [spelling for spelling in spellings(secret) if spelling in said]


class WidePulls:
    """What is promised of pulls of several days: a class of its own, as the servers of both are one and the same."""

    @pytest.fixture(scope="class")
    @staticmethod
    def wide_payloads(case: Case) -> Iterator[tuple[Provider, Sequence[Payload]]]:
        with case.open_wide() as live:
            yield live.provider, list(live.provider.fetch(case.wide, {}))

    def test_a_wide_pull_says_of_each_of_its_windows_what_its_answers_say_of_that_window_alone(
        self, case: Case, wide_payloads: tuple[Provider, Sequence[Payload]]
    ) -> None:
        provider, payloads = wide_payloads
        days = [Window.of_day(day) for day in case.wide.days()]
        halves = [half for day in days for half in day.halves()][1::3]
        alone: dict[Window, Sequence[Normalized]] = {}
        for window in (*days, *halves):
            touching = [payload for payload in payloads if payload.window.touches(window)]
            alone[window] = list(provider.normalize(touching, window))
        assert sum(len(batch.rejected) for day in days for batch in alone[day]) > 0, "the case rejects nothing"
        meant = {window: said(batches) for window, batches in alone.items()}
        for windows in (days, days[1:], days[::2], halves):
            found: dict[Window, list[Normalized]] = {window: [] for window in windows}
            for index, batch in provider.normalize_each(payloads, windows):
                found[windows[index]].append(batch)
            for window in windows:
                assert said(found[window]) == meant[window]

    def test_a_provider_of_wide_pulls_goes_through_their_answers_once(
        self, case: Case, wide_payloads: tuple[Provider, Sequence[Payload]]
    ) -> None:
        provider, payloads = wide_payloads
        days = [Window.of_day(day) for day in case.wide.days()]
        if case.spec.pull_days > 1:
            once = list(provider.normalize_each(iter(payloads), days))
            assert {index for index, _ in once} == set(range(len(days)))

    def test_a_wide_pull_with_a_cut_answer_is_unreadable(
        self, case: Case, wide_payloads: tuple[Provider, Sequence[Payload]]
    ) -> None:
        provider, payloads = wide_payloads
        days = [Window.of_day(day) for day in case.wide.days()]
        last = max(range(len(payloads)), key=lambda index: len(payloads[index].body))
        cut = replace(payloads[last], body=payloads[last].body[:-1])
        with pytest.raises(PayloadUnreadableError):
            list(provider.normalize_each([*payloads[:last], cut, *payloads[last + 1 :]], days))
