"""Why a request is turned away, in a sentence of culprit, place and fix; the runbook lists all of them."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self

from starlette.responses import Response

from pipelines.webserver.origins import VARIABLE, OwnOrigins

_SHOWN: Final = 100
"""Characters of what a stranger sent that are repeated."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that goes no further.

    Attributes:
        status: The answer's status.
        culprit: What is wrong, as a clause without a full stop.
        fix: What the reader should do, as a clause.
    """

    status: HTTPStatus
    culprit: str
    fix: str

    @classmethod
    def of_host(cls, sent: list[str], own: OwnOrigins) -> Self:
        """The `Host` is not ours: another name that leads here, or a page that lets its own name lead here."""
        return cls(HTTPStatus.FORBIDDEN, f"the Host header {_shown(sent)} is none of this UI's", _open_ours(own))

    @classmethod
    def of_origin(cls, sent: list[str], own: OwnOrigins) -> Self:
        """The `Origin` is not ours: another page asks, or a program that does not say where it asks from."""
        return cls(HTTPStatus.FORBIDDEN, f"the Origin header {_shown(sent)} is none of this UI's", _open_ours(own))

    @classmethod
    def of_form(cls) -> Self:
        """It is a request that any page may send without asking first."""
        return cls(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "what changes something is sent as JSON here",
            "send it with Content-Type: application/json",
        )

    @classmethod
    def of_mutation_in_address(cls) -> Self:
        """It would change something by its address alone, as an image or a link on any page could."""
        return cls(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "a mutation does not stand in an address here",
            "send it as a JSON POST to /graphql",
        )

    @classmethod
    def of_viewer(cls) -> Self:
        """The UI was opened for viewers."""
        return cls(
            HTTPStatus.FORBIDDEN,
            "this UI is read-only, and the request could change something",
            "use a UI that was started without --read-only",
        )

    @classmethod
    def of_size(cls, n_bytes: int) -> Self:
        """More than a query is ever long."""
        return cls(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the query is longer than {n_bytes} bytes, which is all that a read-only UI reads",
            "ask for less at once",
        )

    def sentence(self, place: str) -> str:
        """Culprit, place, fix."""
        return f"{self.culprit} ({place}): {self.fix}."

    def response(self, place: str, *, is_read_by_program: bool) -> Response:
        """The sentence, in JSON for whoever expects the answer of `/graphql`."""
        text = self.sentence(place)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if self.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "POST"
        if is_read_by_program:
            document = json.dumps({"error": text, "errors": [{"message": text}]})
            return Response(document, self.status, headers, media_type="application/json")
        return Response(f"{text}\n", self.status, headers, media_type="text/plain")


def _open_ours(own: OwnOrigins) -> str:
    return f"open {own.origins[0]}, or add the origin under which you reach it to {VARIABLE} and start again"


def _shown(sent: list[str]) -> str:
    return repr(", ".join(sent)[:_SHOWN]) if sent else "(there is none)"
