"""How much one fetch of a listing is sent, and that it ends: caps, and tokens that come a second time."""

import hashlib
from dataclasses import dataclass, field

from domain.errors import AnswerTooLargeError, PagingLoopError
from providers.export_service.facts import PageFacts
from providers.export_service.spec import MAX_BYTES, MAX_PAGES, MAX_ROWS


@dataclass(slots=True)
class FetchBounds:
    """What one fetch has been sent so far.

    Attributes:
        place: The product and the window, for messages.
        n_answers: Answers so far, with pages, documents and bytes held against the caps.
    """

    place: str
    n_answers: int = 0
    n_rows: int = 0
    n_bytes: int = 0
    _seen: set[bytes] = field(default_factory=set)

    def count(self, facts: PageFacts) -> None:
        """Count an answer.

        Raises:
            AnswerTooLargeError: A cap is passed.
        """
        self.n_answers += 1
        self.n_rows += facts.n_rows
        self.n_bytes += facts.n_bytes
        for what, count, cap in (
            ("pages", self.n_answers, MAX_PAGES),
            ("documents", self.n_rows, MAX_ROWS),
            ("bytes", self.n_bytes, MAX_BYTES),
        ):
            if count > cap:
                raise AnswerTooLargeError(
                    f"the listing has passed {cap:,} {what}",
                    place=self.place,
                    fix="ask the provider whether it ever ends; if it does, raise the cap in "
                    "providers/export_service/spec.py",
                )

    def note_token(self, token: str) -> None:
        """Note what continues the listing.

        Raises:
            PagingLoopError: It came before.
        """
        digest = hashlib.blake2b(token.encode(), digest_size=16).digest()
        if digest in self._seen:
            raise PagingLoopError(
                f"a continuation token came back a second time, after {self.n_answers:,} answers",
                place=self.place,
                fix="ask the provider; nothing of this window is loaded",
            )
        self._seen.add(digest)

    def forget_tokens(self) -> None:
        """Another span begins, whose tokens are its own."""
        self._seen.clear()
