"""OAuth2 client credentials (RFC 6749, 4.4): a `BearerLogin` with a client's id and secret."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Final

from providers._http import ApiClient, Secret
from providers._login import BearerLogin, Granted, Question, Rules

_RULES: Final = Rules(
    who="our client",
    fix="check the client's id and secret, and that the client may use client credentials",
    # RFC 6749, 5.2, and what Keycloak adds.
    codes=frozenset({
        "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
        "invalid_scope", "access_denied",
    }),
)  # fmt: skip


class ClientCredentials(BearerLogin):
    """Proves who we are with a client's id and secret; everything else is as in `BearerLogin`.

    Args:
        token_http: A client of the token's origin, without credentials of its own.
        path: Of the token endpoint, below that origin.
        client_id: The client's name.
        client_secret: Its secret; sent in the form, to the token endpoint and nowhere else.
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
        scope: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        def ask() -> Question:
            form = {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret.reveal(),
            }
            return Question(form=form if scope is None else {**form, "scope": scope})

        super().__init__(token_http, path, ask=ask, read=_read, rules=_RULES, clock=clock, spread=spread)


def _read(said: Mapping[str, object]) -> Granted:
    return Granted(said.get("access_token"), said.get("expires_in"), said.get("token_type", "bearer"))
