"""A login that is answered with a bearer token: asked for early, once for all threads, and shown to one API alone.

What logins have in common is here: when to renew, what to do when the provider refuses, what a token may look like.
What differs (a form or a JSON document, where in the answer the token stands and how long it lives) is handed in.
"""

import base64
import math
import random
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote_plus

from domain.errors import CredentialsRejectedError, PayloadUnreadableError, ProviderError, RequestRejectedError
from providers._http import ApiClient, Response, Secret
from providers._http_errors import WEB_PAGES
from providers._json import read_json

# A lifetime that is missing or absurd is taken for half a minute: never kept without end, never fetched for every
# request.
SHORT_SECONDS: Final = 30.0
LONGEST_SECONDS: Final = 86_400.0
_ABSURD_SECONDS: Final = 366 * 86_400.0
_SHORTEST_SECONDS: Final = 1.0  # by a life that is shorter, every request would be a login
# Renewed in this part of its life, at a random moment, so that processes which began together do not come together.
_RENEWED_AT: Final = (0.6, 0.8)
_PAUSE_AFTER_REJECTION_SECONDS: Final = 60.0
_FRESH_SECONDS: Final = 30.0  # servers whose clocks are farther apart than this refuse one another all the time
_DECIMAL: Final = re.compile(r"\s*[0-9]+(?:\.[0-9]*)?\s*", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_BAD_REQUEST: Final = 400
_REFUSALS: Final = (_BAD_REQUEST, 401, 403)


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What is sent to log in: a form, or else a JSON document, and where the provider wants it, a query and headers.

    It holds a secret, and is made anew for each login.
    """

    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: object = field(default=None, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """What the provider's answer says, unchecked.

    Attributes:
        token: The bearer token.
        seconds: How long it lives, as a number or a text; anything that makes no sense is taken for
            `Rules.otherwise_seconds`.
        kind: The token's type, where the answer names one; only `bearer` is taken.
    """

    token: object = field(repr=False)
    seconds: object = None
    kind: object = "bearer"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is true of one provider's logins.

    Attributes:
        subject: Whom the provider knows us as, for messages: `our client`, `our user`.
        fix: What to do when it rejects us.
        codes: The only words of an error answer (its `error`) that are repeated in a message.
        otherwise_seconds: A token's life where the answer does not say it, or says nonsense.
        longest_seconds: The longest life that is believed.
        beside: Headers sent with the token, none of them secret.
        names_errors: Whether a 400 names an error (RFC 6749, 5.2), so that one that does not comes from somebody else.
    """

    subject: str
    fix: str
    codes: Collection[str] = frozenset()
    otherwise_seconds: float = SHORT_SECONDS
    longest_seconds: float = LONGEST_SECONDS
    beside: Mapping[str, str] = field(default_factory=dict)
    names_errors: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    header: str = field(repr=False)
    renewed_after: float
    issued_at: float = -math.inf


class BearerLogin:
    """Proves who we are with a token that a login gives out. Safe to use from many threads: one logs in for all.

    After a 401 the API client calls `renew` once for a call; a second 401 is a `CredentialsRejectedError`.

    Args:
        http: A client of the login's origin, without credentials of its own.
        path: Of the login, below that origin.
        ask: Makes what is sent.
        read: Finds the token in the answer: a JSON object, an empty one if the answer was none.
        rules: What is true of this provider's logins.
        clock: Seconds that never go back; the wall clock has no say in when a token is renewed.
        spread: Draws the moment of renewal.
    """

    def __init__(
        self,
        http: ApiClient,
        path: str,
        *,
        ask: Callable[[], LoginRequest],
        read: Callable[[Mapping[str, object]], Granted],
        rules: Rules,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._http = http
        self._path = path
        self._ask = ask
        self._read = read
        self._rules = rules
        self._clock = clock
        self._spread = spread
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._refused: Response | None = None
        self._refused_until = -math.inf

    @property
    def n_requests(self) -> int:
        """Logins sent so far, retries included."""
        return self._http.n_requests

    def headers(self) -> Mapping[str, str]:
        """The bearer token as a header, fetched anew when most of its life is over.

        Raises:
            CredentialsRejectedError: The provider does not accept us. For a minute it is not asked again.
            RequestRejectedError: It was not the login that refused; likewise.
            PayloadUnreadableError: It answered with something that is no token.
            ProviderError: It could not be asked.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.renewed_after:
                self._token = None
                self._token = self._log_in()
            return {**self._rules.beside, "authorization": self._token.header}

    def token(self) -> Secret:
        """The token alone, where it has to stand elsewhere than in a header; raises what `headers` raises."""
        return Secret(self.headers()["authorization"].removeprefix("Bearer "))

    def renew(self, rejected: Mapping[str, str]) -> None:
        """Forget the token in `rejected`, unless another thread has already replaced it."""
        with self._lock:
            if self._token is not None and rejected.get("authorization") == self._token.header:
                self._token = None

    def is_fresh(self, headers: Mapping[str, str]) -> bool:
        """Whether the token in `headers` is the one of a login that is some seconds old."""
        with self._lock:
            if self._token is None or headers.get("authorization") != self._token.header:
                return False
            return self._clock() - self._token.issued_at < _FRESH_SECONDS

    def _log_in(self) -> _Token:
        if self._refused is not None and self._clock() < self._refused_until:
            raise self._refusal(self._refused, " a moment ago, and is not asked again for a minute")
        request = self._ask()
        self._http.new_step()
        began = self._clock()  # its life may have begun as early as this
        response = self._http.post(
            self._path,
            params=request.params,
            form=request.form,
            json=request.json,
            headers=request.headers,
            handled_statuses=_REFUSALS,
        )
        if response.status in _REFUSALS:
            self._refused, self._refused_until = response, self._clock() + _PAUSE_AFTER_REJECTION_SECONDS
            raise self._refusal(response)
        granted = self._read(_document(response))
        if not isinstance(granted.token, str) or not _TOKEN.fullmatch(granted.token):
            raise self._unreadable("has no access token, or one that does not fit into a header")
        if str(granted.kind).lower() != "bearer":
            raise self._unreadable("holds a token of another type than bearer")
        return _Token(f"Bearer {granted.token}", began + self._use_seconds(granted.seconds), self._clock())

    def _refusal(self, response: Response, when: str = "") -> ProviderError:
        """The error for a refusal. What does not come from the login has not judged our credentials."""
        fix = f"check the address of the login in the source's settings; {self._rules.subject} was not judged"
        status = response.status
        if response.media_type in WEB_PAGES:
            culprit = f"the login is answered by a web page, with status {status}{when}"
            return PayloadUnreadableError(culprit, place=self._place, fix=fix)
        document = _document(response)
        if self._rules.names_errors and status == _BAD_REQUEST and "error" not in document:
            culprit = f"the login is answered {status} without the error that it has to name{when}"
            return RequestRejectedError(culprit, place=self._place, fix=fix, status=status)
        code = document.get("error")
        shown = f" ({code})" if isinstance(code, str) and code in self._rules.codes else ""
        culprit = f"the provider answered {status}{shown} to {self._rules.subject}{when}"
        return CredentialsRejectedError(culprit, place=self._place, fix=self._rules.fix)

    def _use_seconds(self, value: object) -> float:
        """How long a token is used: most of the life that the provider says, and never more than the rules allow.

        Of a life that makes no sense nothing is known, so that it costs two logins a minute at most.
        """
        part = self._spread(*_RENEWED_AT)
        life = number_in(value)
        if life is None or not _SHORTEST_SECONDS <= life <= _ABSURD_SECONDS:
            return max(self._rules.otherwise_seconds * part, SHORT_SECONDS)
        return min(life, self._rules.longest_seconds) * part

    @property
    def _place(self) -> str:
        return f"{self._http.source}, POST {self._http.origin.place(self._path)}"

    def _unreadable(self, culprit: str) -> PayloadUnreadableError:
        fix = "compare the token endpoint with the provider's documentation"
        return PayloadUnreadableError(f"the token answer {culprit}", place=self._place, fix=fix)


def number_in(value: object) -> float | None:
    """What an answer means as a number: itself, or what its text says; None if it is none."""
    if isinstance(value, str):
        return float(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _document(response: Response) -> Mapping[str, object]:
    """The answer as an object; an empty one if it is anything else."""
    try:
        fix = "compare it with the provider's documentation"
        document = read_json(response.body, place="the token answer", fix=fix)
    except PayloadUnreadableError:
        return {}
    return document if isinstance(document, dict) else {}


_OAUTH2_RULES: Final = Rules(
    subject="our client",
    fix="check the client's id and secret, that the client may use client credentials",
    # RFC 6749, 5.2, and what Keycloak adds.
    codes=frozenset({
        "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
        "invalid_scope", "access_denied",
    }),
    names_errors=True,
)  # fmt: skip


AUTH_METHODS: Final = ("client_secret_post", "client_secret_basic")
"""How a client proves itself to the token endpoint: in the form, or in a header (OpenID Connect Core, 9)."""


class ClientCredentials(BearerLogin):
    """OAuth2 client credentials (RFC 6749, 4.4): a client's id and secret; everything else is as in `BearerLogin`.

    Args:
        token_http: A client of the token's origin, without credentials of its own.
        path: Of the token endpoint, below that origin.
        client_id: The client's name.
        client_secret: Its secret; sent to the token endpoint and nowhere else.
        auth_method: How it is sent, one of `AUTH_METHODS`.
        scope: What to ask for; None to leave it to the provider.
        clock: Seconds that never go back.
        spread: Draws the moment of renewal.
    """

    def __init__(
        self,
        token_http: ApiClient,
        path: str,
        *,
        client_id: str,
        client_secret: Secret,
        auth_method: str = AUTH_METHODS[0],
        scope: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        def ask() -> LoginRequest:
            form = {"grant_type": "client_credentials"} | ({} if scope is None else {"scope": scope})
            secret = client_secret.reveal()
            if auth_method == "client_secret_post":
                return LoginRequest(form={**form, "client_id": client_id, "client_secret": secret})
            proof = f"{quote_plus(client_id)}:{quote_plus(secret)}"  # RFC 6749, 2.3.1
            encoded = base64.b64encode(proof.encode()).decode()
            return LoginRequest(form=form, headers={"authorization": f"Basic {encoded}"})

        # A server does not tell a proof in the wrong place from a wrong one: both are `invalid_client`.
        (other,) = set(AUTH_METHODS) - {auth_method}
        shown = f"and how it proves itself: token_endpoint_auth_method is {auth_method}, and may have to be {other}"
        rules = replace(_OAUTH2_RULES, fix=f"{_OAUTH2_RULES.fix}, {shown}")
        super().__init__(token_http, path, ask=ask, read=_read_token, rules=rules, clock=clock, spread=spread)


def _read_token(document: Mapping[str, object]) -> Granted:
    return Granted(document.get("access_token"), document.get("expires_in"), document.get("token_type", "bearer"))
