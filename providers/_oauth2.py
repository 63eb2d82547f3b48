"""OAuth2 client credentials (RFC 6749, 4.4): a bearer token, fetched early, once, and for one API alone."""

import math
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from domain.errors import CredentialsRejectedError, PayloadUnreadableError
from providers._http import Answer, ApiClient, Secret

# A lifetime that is missing or absurd is taken for a minute: never cached for ever, never fetched for every request.
_SHORT_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 86_400.0
_ABSURD_SECONDS: Final = 366 * 86_400.0
# Renewed in this part of its life, at a random moment, so that processes which began together do not come together.
_RENEWED_AT: Final = (0.6, 0.8)
_PAUSE_AFTER_REJECTION_SECONDS: Final = 60.0
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_REFUSALS: Final = (400, 401, 403)
# RFC 6749, 5.2, and what Keycloak adds: the only words of an error answer that are repeated.
_CODES: Final = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    renewed_after: float

    def __repr__(self) -> str:
        return "_Token(***)"


class ClientCredentials:
    """Proves who we are with a client's id and secret. Safe to use from many threads: one of them logs in for all.

    Args:
        token_http: A client of the token's origin, without credentials of its own.
        path: Of the token endpoint, below that origin.
        client_id: The client's name.
        client_secret: Its secret; sent in the form, to the token endpoint and nowhere else.
        scope: What to ask for; None to leave it to the provider.
        clock: Seconds that never go back; the wall clock has no say in when a token is renewed.
        spread: Draws the moment of renewal.
    """

    def __init__(
        self,
        token_http: ApiClient,
        path: str,
        *,
        client_id: str,
        client_secret: Secret,
        scope: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._http = token_http
        self._path = path
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._clock = clock
        self._spread = spread
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._rejected_until = -math.inf

    @property
    def n_requests(self) -> int:
        """Token requests sent so far, retries included."""
        return self._http.n_requests

    def headers(self) -> Mapping[str, str]:
        """The bearer token as a header, fetched anew when most of its life is over.

        Raises:
            CredentialsRejectedError: The provider does not accept the client. For a minute it is not asked again.
            PayloadUnreadableError: It answered with something that is no token.
            ProviderError: It could not be asked.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.renewed_after:
                self._token = None
                self._token = self._log_in()
            return {"authorization": self._token.header}

    def renew(self, rejected: Mapping[str, str]) -> None:
        """Forget the token in `rejected`, unless another thread has already replaced it."""
        with self._lock:
            if self._token is not None and rejected.get("authorization") == self._token.header:
                self._token = None

    def _log_in(self) -> _Token:
        if self._clock() < self._rejected_until:
            raise self._rejected("the provider rejected our client a moment ago, and it was not asked again")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
        }
        if self._scope is not None:
            form["scope"] = self._scope
        self._http.new_step()
        began = self._clock()  # its life may have begun as early as this
        answer = self._http.post(self._path, form=form, also=_REFUSALS)
        if answer.status in _REFUSALS:
            self._rejected_until = self._clock() + _PAUSE_AFTER_REJECTION_SECONDS
            raise self._rejected(f"the provider answered {answer.status}{_code(answer)} to our client")
        said = _document(answer)
        token = said.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._unreadable("has no access token, or one that does not fit into a header")
        if str(said.get("token_type", "bearer")).lower() != "bearer":
            raise self._unreadable("holds a token of another type than bearer")
        life = _lifetime(said.get("expires_in"))
        return _Token(f"Bearer {token}", began + life * self._spread(*_RENEWED_AT))

    @property
    def _place(self) -> str:
        return f"{self._http.source}, POST {self._http.origin.place(self._path)}"

    def _rejected(self, culprit: str) -> CredentialsRejectedError:
        fix = "check the client's id and secret, and that the client may use client credentials"
        return CredentialsRejectedError(culprit, place=self._place, fix=fix)

    def _unreadable(self, culprit: str) -> PayloadUnreadableError:
        fix = "compare the token endpoint with the provider's documentation"
        return PayloadUnreadableError(f"the token answer {culprit}", place=self._place, fix=fix)


def _document(answer: Answer) -> Mapping[str, object]:
    """The answer as an object; an empty one if it is anything else."""
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(answer: Answer) -> str:
    code = _document(answer).get("error")
    return f" ({code})" if isinstance(code, str) and code in _CODES else ""


def _lifetime(expires_in: object) -> float:
    """Seconds to believe in: what the provider says, if it makes sense, and never more than a day."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return _SHORT_SECONDS
    if not 0 < expires_in <= _ABSURD_SECONDS:
        return _SHORT_SECONDS
    return min(float(expires_in), _LONGEST_SECONDS)
