"""How Climkit is logged in to: a name and a password for a token of 15 minutes."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from providers._http import ApiClient, Secret
from providers._login import BearerLogin, Granted, LoginRequest, Rules, number_in
from providers.climkit.spec import LOGIN, TOKEN_SECONDS

_RULES: Final = Rules(
    subject="our user",
    fix="check the name and the password; they are those of the API, not of the portal",
    # Where `valid_until` is missing, clients that work take 14 minutes; a wrong clock of ours must not make it a year.
    otherwise_seconds=TOKEN_SECONDS - 60,
    longest_seconds=TOKEN_SECONDS,
)


def password_login(
    http: ApiClient, *, username: str, password: Secret, clock: Callable[[], float] = time.monotonic
) -> BearerLogin:
    """Credentials for the account of `username`.

    Args:
        http: A client of the API, without credentials of its own.
        username: The API's own user.
        password: Its password; sent in the login, and nowhere else.
        clock: Seconds that never go back.
    """

    def ask() -> LoginRequest:
        return LoginRequest(json={"username": username, "password": password.reveal()})

    return BearerLogin(http, LOGIN, ask=ask, read=_read, rules=_RULES, clock=clock)


def _read(document: Mapping[str, object]) -> Granted:
    until = document.get("valid_until")
    millis = number_in(until.get("$date") if isinstance(until, dict) else until)
    return Granted(document.get("access_token"), None if millis is None else millis / 1000 - time.time())
