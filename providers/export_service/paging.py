"""Paging through one product's listing: what to ask next, and when it is believed that nothing is missing.

A paginator talks to nobody. It is told every page and says the next request; between two pages it fits into a text,
so that another process can go on where this one died. Three ways of continuing a listing lie behind the same token, and
each may lose documents in silence:

    scroll        a token may die. The paging begins anew, twice at most; page 1 voids what was landed.
    search_after  a page that ends within a millisecond loses the others of that millisecond. Where documents are seen
                  to share milliseconds and the next page begins behind one, that millisecond is asked for alone.
    offset        ends at 10,000 documents without a token, or refuses the next. That, and any full page without a
                  token, is doubted: the span is asked for in halves, down to one millisecond; where more than 10,000
                  documents came in order of time, only what lies behind the last of them is asked for.

Behind each of them a shard may fail, and the listing then ends early, with a correct mark of the end. So no such mark
is believed before what may lie behind it was asked for. That costs, for each listing:

    1 request     if all documents came in order of time: from the second of the last one to the end, which is counted.
    2 requests    if they did not, or there was none or one: the halves of the span, which are counted. A half with more
                  documents than fit into one answer takes as many as it has pages, so that a long listing in no order
                  costs about as much again.

What another number is found in is listed, and kept; what is found empty that was not is an error.

What no paging can see: a document that the provider left out amid others of a listing in order of time; one that shares
its millisecond with the end of a page, if no page so far held two documents of one millisecond; and one that arrived
after its page had passed. For these the trailing days are asked for again.
"""

import json
from dataclasses import dataclass, field, fields
from typing import Final, Self

from domain.errors import PagingLoopError, TruncationSuspectedError
from providers.export_service.bounds import FetchBounds
from providers.export_service.facts import (
    ASCENDING,
    DESCENDING,
    MIXED,
    UNKNOWN,
    PageFacts,
    Span,
    middle_of,
    second_behind,
    second_of,
)
from providers.export_service.requests import Probe, Request, Task
from providers.export_service.spec import MAX_RESTARTS, RESULT_WINDOW

_OF_ONE_FETCH: Final = frozenset({"page", "bounds", "n_restarts"})
"""What a cursor does not hold: caps, and patience with dead tokens, are a fetch's, and a later one has its own."""


@dataclass(slots=True)
class Paginator:
    """How far one product's listing has come, and what is still to be asked.

    Attributes:
        whole: All that is asked for.
        page_rows: Documents asked for in one answer.
        bounds: What this fetch may still be sent, and where it is, for messages.
        until: The millisecond at which it began. What is younger may still be coming, and proves no end.
        todo: What is still to be listed; the first is being listed.
        token: What continues the first of them.
        page: Payloads handed out since the listing (last) began.
        n_restarts: How often the listing began anew in this fetch.
        n_listed: Documents of the first span so far.
        n_credited: Documents of the first span so far that were taken off the debts, the same one of a page once.
        n_early: Documents of the first span so far that stand in its first half, the same one as often as it came.
        n_late: Those in its second half.
        counts: Documents of the last page within its earliest and its latest second.
        edges: The last page's earliest and latest millisecond, and the different documents at each.
        trend: In which order of time the pages of the first span came.
        order: In which order of time documents stood within a page so far, whatever its span.
        is_tied: Whether documents were seen to share a millisecond.
        was_empty: Whether the last page was empty and had a token.
        was_full: Whether the last page that was not empty was full.
        probes: Requests to send before the next page.
        debts: Length of `todo` at which it is due, and different documents that the halves of a doubted page still owe.
    """

    whole: list[Span]
    page_rows: int
    bounds: FetchBounds
    until: int
    todo: list[Task] = field(default_factory=list)
    token: str = ""
    page: int = 0
    n_restarts: int = 0
    n_listed: int = 0
    n_credited: int = 0
    n_early: int = 0
    n_late: int = 0
    counts: tuple[int, int] = (0, 0)
    edges: tuple[int, int, int, int] | None = None
    trend: int = UNKNOWN
    order: int = UNKNOWN
    is_tied: bool = False
    was_empty: bool = False
    was_full: bool = False
    probes: list[Probe] = field(default_factory=list)
    debts: list[list[int]] = field(default_factory=list)

    @classmethod
    def begin(cls, whole: list[Span], *, page_rows: int, place: str, until: int = 2**63) -> Self:
        """A paginator over the spans of `whole`."""
        return cls(whole, page_rows, FetchBounds(place), until, todo=[Task(*span) for span in whole])

    @classmethod
    def resume(cls, cursor: str, whole: list[Span], *, page: int, place: str) -> Self | None:
        """The one that left `cursor` behind its page `page`, in a new fetch.

        None if it was another one's, or if a probe comes next: it may bring no page, and so no end.
        """
        try:
            saved = json.loads(cursor)
            state = {each.name: saved[each.name] for each in fields(cls) if each.name not in _OF_ONE_FETCH}
            state["whole"] = [(int(start), int(end)) for start, end in saved["whole"]]
            state["todo"] = [Task(*map(int, task)) for task in saved["todo"]]
            state["probes"] = [Probe(*map(int, probe)) for probe in saved["probes"]]
            state["counts"] = tuple(map(int, saved["counts"]))
            state["edges"] = None if saved["edges"] is None else tuple(map(int, saved["edges"]))
            paginator = cls(**state, bounds=FetchBounds(place), page=page)
        except (ValueError, KeyError, TypeError):
            return None
        request = paginator.request()
        if paginator.whole != whole or request is None or request.is_probe:
            return None
        if paginator.token:
            paginator.bounds.note_token(paginator.token)
        return paginator

    @property
    def cursor(self) -> str | None:
        """The state behind the last page handed out; None where nothing is left to ask."""
        if self.request() is None:
            return None
        state = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _OF_ONE_FETCH}
        return json.dumps(state, separators=(",", ":"))

    def request(self) -> Request | None:
        """What to ask next; None at the end."""
        if self.probes:
            return Request((self.probes[0].start, self.probes[0].end), is_probe=True)
        if not self.todo:
            return None
        start, end, _ = task = self.todo[0]
        return Request((start, end), self.token, is_probe=task.is_count)

    def take(self, facts: PageFacts) -> bool:
        """Learn the answer to `request`.

        Returns:
            Whether the answer belongs to the listing. If not, it only answered a doubt, and is not kept.

        Raises:
            PagingLoopError: Its token came before, or two pages in a row were empty.
            AnswerTooLargeError: A cap is reached.
            TruncationSuspectedError: It is cut, and no narrower request could show what is missing.
        """
        self.bounds.count(facts)
        is_kept = self._take_probe(self.probes.pop(0), facts) if self.probes else self._take_page(facts)
        self._prove_halves()
        self.page += is_kept
        return is_kept

    def token_rejected(self) -> bool:
        """Learn that the provider refuses the token of `request`.

        Returns:
            Whether there is another request. The listing begins anew with page 1, which voids every page before; or,
            if it broke at 10,000 documents again, its span is asked for in halves, since that is as far as an offset
            reaches.

        Raises:
            TruncationSuspectedError: The span is one millisecond and cannot be halved.
        """
        if self.n_restarts and self.n_listed == RESULT_WINDOW:
            self._split(n_pending=0)
            return True
        if self.n_restarts >= MAX_RESTARTS:
            return False
        self.n_restarts += 1
        self.page = 0
        self.todo = [Task(*span) for span in self.whole]
        self.probes.clear()
        self.debts.clear()
        self._begin_span()
        return True

    def _take_page(self, facts: PageFacts) -> bool:
        if self.todo[0].is_count:
            return self._take_count(facts)
        is_first = self.n_listed == 0 and not self.token
        is_doubtful = facts.n_rows >= self.page_rows or self.n_listed + facts.n_rows == RESULT_WINDOW
        if is_first and is_doubtful and not facts.token:
            self._split(n_pending=facts.n_distinct - facts.n_at_end)
            return False
        self._note_order(facts)
        self.n_listed += facts.n_rows
        n_new = facts.n_distinct - facts.n_at_end
        self._credit(n_new)
        self.n_credited += n_new
        self.n_early += facts.n_early
        self.n_late += facts.n_late
        if facts.token:
            self._go_on(facts)
        else:
            self._end(is_doubtful=is_doubtful)
        return True

    def _go_on(self, facts: PageFacts) -> None:
        if not facts.n_rows:
            if self.was_empty:
                raise PagingLoopError(
                    "two pages in a row are empty and promise more",
                    place=self.bounds.place,
                    fix="ask the provider; nothing of this window is loaded",
                )
            self.was_empty = True
        else:
            self.was_empty = False
        self.bounds.note_token(facts.token)
        self.token = facts.token

    def _end(self, *, is_doubtful: bool) -> None:
        """The first span has come to a mark of its end: ask for what may lie behind it."""
        (start, end, _), tail = self.todo[0], self._tail()
        if is_doubtful and (tail is None or self.n_listed <= RESULT_WINDOW):
            self._split(n_pending=0)
            return
        counts = []
        if tail is not None:
            self.probes = [probe for probe in self.probes if not tail.start <= probe.edge < tail.end]  # it counts them
            counts = [tail] if tail.start < tail.end else []  # at the very end there is only what is the next span's
        elif end - start > 1:
            middle = middle_of((start, end))
            counts = [Task(start, middle, self.n_early), Task(middle, end, self.n_late)]
        self.todo[0:1] = counts
        self._begin_span()

    def _tail(self) -> Task | None:
        """What the end of the first span hides if it came too early; None if that may lie anywhere in it.

        In whole seconds: whether the provider reads fractions is not documented.
        """
        start, end, _ = self.todo[0]
        direction = _both(self.trend, self.order)
        if self.edges is None or direction not in (ASCENDING, DESCENDING):
            return None
        low, high = second_behind(self.edges[0], (start, end)), second_of(self.edges[1], (start, end))
        if direction == ASCENDING:
            last = min(end, self.until) if second_behind(high, (start, end)) <= self.until else high
            return Task(high, last, self.counts[1]) if high > start else None
        return Task(start, low, self.counts[0]) if low < end else None

    def _take_count(self, facts: PageFacts) -> bool:
        """A page of a span that is counted. If another number is found in it, it is listed, and kept then.

        Documents without a place are no more than is known, and no fewer.
        """
        start, end, n_known = self.todo[0]
        n_found = facts.n_early + facts.n_late
        if not self.token and n_found > n_known:
            self.todo[0] = Task(start, end)
            return self._take_page(facts)
        self.n_early += n_found
        self.n_listed += facts.n_rows
        if facts.token:
            self._go_on(facts)
            return False
        if not self.n_listed and n_known:
            raise self._truncated("the provider shows nothing where it showed documents a moment ago")
        self.todo[0:1] = [Task(start, end)] if self.n_early > n_known or self.n_listed < n_known else []
        self._begin_span()
        return False

    def _take_probe(self, probe: Probe, facts: PageFacts) -> bool:
        """The answer to a doubt: kept if it holds a document that the listing did not.

        An answer that is not all there is becomes a span to be listed: next, or behind the span that is under way.
        """
        is_full, is_moment = facts.n_rows >= self.page_rows, probe.end - probe.start <= 1
        if is_full and is_moment:
            raise self._truncated("a page ended amid more documents of one millisecond than one answer holds")
        if is_full or facts.token:
            self.todo.insert(1 if self.token else 0, Task(probe.start, probe.end))
            self._credit(-probe.n_known)  # they come again with the span
            return False
        n_edge = facts.n_low if facts.low == probe.edge else facts.n_high if facts.high == probe.edge else 0
        n_others = 0 if is_moment else max(facts.n_distinct - n_edge - facts.n_at_end, 0)
        n_new = max(n_edge - probe.n_known, 0) + n_others
        self._credit(n_new)
        if self.token:  # the span around it is under way
            self.n_credited += n_new
        return n_new > 0

    def _note_order(self, facts: PageFacts) -> None:
        """Learn how this page lies to the one before, and ask for the millisecond between them if it may be cut."""
        self.is_tied = self.is_tied or facts.is_tied
        self.order = _both(self.order, facts.order)
        if self.edges is not None:
            self._note_edge(self.edges, facts)
        if facts.low is not None and facts.high is not None:
            self.edges = (facts.low, facts.high, facts.n_low, facts.n_high)
            self.counts = (facts.n_first, facts.n_last)
            self.was_full = facts.n_rows >= self.page_rows

    def _note_edge(self, edges: tuple[int, int, int, int], facts: PageFacts) -> None:
        low, high, n_low, n_high = edges
        is_at_end = facts.low is None or facts.high is None
        if facts.low is not None and facts.high is not None and not low == high == facts.low == facts.high:
            trend = ASCENDING if facts.low >= high else DESCENDING if facts.high <= low else MIXED
            self.trend = _both(self.trend, trend)
        if not self.is_tied or not self.was_full or (is_at_end and facts.token):
            return
        if self.trend in (ASCENDING, UNKNOWN) and (is_at_end or facts.low != high):
            self.probes.append(Probe(high, high + 1, high, n_high))
        if self.trend in (DESCENDING, UNKNOWN) and (is_at_end or facts.high != low):
            self.probes.append(Probe(low, low + 1, low, n_low))

    def _split(self, *, n_pending: int) -> None:
        """Ask for the first span again, in halves."""
        start, end, _ = self.todo[0]
        if end - start <= 1:
            raise self._truncated("an answer about one millisecond is full, and has no token")
        middle = middle_of((start, end))
        self.todo[0:1] = [Task(start, middle), Task(middle, end)]
        self._credit(-self.n_credited)  # they come again with the halves
        if n_pending:
            self.debts.append([len(self.todo) - 2, n_pending])
        self._begin_span()

    def _credit(self, n_documents: int) -> None:
        """Take documents off the debts of every doubted page around them; fewer than none are taken back."""
        for debt in self.debts:
            debt[1] -= n_documents

    def _prove_halves(self) -> None:
        """Collect the debts that are due: both halves are listed, and what their ends left in doubt is asked."""
        while not self.probes and self.debts and len(self.todo) <= self.debts[-1][0]:
            _, n_pending = self.debts.pop()
            if n_pending > 0:
                raise self._truncated(f"the two halves of a span hold {n_pending:,} documents fewer than the whole")

    def _begin_span(self) -> None:
        self.token, self.edges, self.trend = "", None, UNKNOWN
        self.n_listed = self.n_credited = self.n_early = self.n_late = 0
        self.was_empty = self.was_full = False
        self.bounds.forget_tokens()

    def _truncated(self, culprit: str) -> TruncationSuspectedError:
        return TruncationSuspectedError(
            culprit,
            place=self.bounds.place,
            fix="ask the provider for the true count; nothing of this window is loaded",
        )


def _both(one: int, other: int) -> int:
    """The order of what has two orders."""
    if UNKNOWN in (one, other):
        return one or other
    return one if one == other else MIXED
