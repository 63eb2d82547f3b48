"""A listing in memory, behind all three kinds of tokens, and a walk through it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.export_service.facts import PageFacts
from providers.export_service.paging import Paginator
from providers.export_service.requests import Request

SPAN = (0, 1_000)
Document = dict[str, Any]
Serve = Callable[[Request, int], tuple[list[Document], str]]


def seeded(seed: int) -> random.Random:
    return random.Random(seed)


def documents(*times: int) -> list[Document]:
    return [{"timestamp": time, "n": number} for number, time in enumerate(times)]


@dataclass
class Listing:
    """An index in memory behind one kind of token. The end of a span is included, as OpenSearch's BETWEEN does."""

    index: Sequence[Document]
    kind: str = "scroll"
    cap: int = 10_000
    descending: bool = False
    shuffle: random.Random | None = None
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request, n_rows: int) -> tuple[list[Document], str]:
        self.asked.append(request)
        start, end = request.span
        found = [document for document in self.index if start <= document["timestamp"] <= end]
        if self.shuffle is None:
            found.sort(key=lambda document: document["timestamp"], reverse=self.descending)
        else:
            seeded(7).shuffle(found)
        if self.kind == "search_after":
            if request.token:
                found = [document for document in found if document["timestamp"] > int(request.token)]
            page = found[:n_rows]
            token = str(page[-1]["timestamp"]) if len(found) > n_rows else ""
        else:
            skip = int(request.token or 0)
            cap = self.cap if self.kind == "offset" else len(found) + 1
            page = found[:cap][skip : skip + n_rows]
            reached = skip + n_rows
            more = bool(page) if self.kind == "scroll" else reached < min(len(found), cap)
            token = str(reached) if more else ""
        if self.shuffle is not None:
            self.shuffle.shuffle(page)
        return page, token


def walk(
    serve: Serve,
    *,
    page_rows: int = 10,
    span: tuple[int, int] = SPAN,
    dies_after: int | None = None,
    until: int = 2**63,
) -> list[Document]:
    """All documents that a walk keeps; with `dies_after`, its process dies behind so many pages and another goes on."""
    pages = Paginator.begin([span], page_rows=page_rows, place="grid 2025-06-01", until=until)
    kept: list[Document] = []
    n_pages = 0
    while (request := pages.request()) is not None:
        rows, token = serve(request, page_rows)
        facts = PageFacts.of(rows, request.span, token=token, n_bytes=1, time_field="timestamp")
        if pages.take(facts):
            n_pages += 1
            kept += [row for row in rows if row["timestamp"] < request.span[1]]
            if n_pages == dies_after and pages.cursor is not None:
                resumed = Paginator.resume(pages.cursor, [span], page=pages.page, place="again")
                if resumed is None:  # a probe comes next
                    pages, kept = Paginator.begin([span], page_rows=page_rows, place="anew"), []
                else:
                    pages = resumed
    return kept


def numbers(rows: Sequence[Document]) -> list[int]:
    return sorted({row["n"] for row in rows})
