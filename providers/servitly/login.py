"""The logins: an e-mail address and a password beside an API key, or the key and a personal access token."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from providers._http import ApiClient, Secret
from providers._login import BearerLogin, Granted, LoginRequest, Rules, number_in
from providers.servitly.account import AccountConfig
from providers.servitly.spec import LOGIN_PATH, PAT_LOGIN_PATH, TOKEN_SECONDS


def servitly_login(
    http: ApiClient,
    account: AccountConfig,
    *,
    username: str,
    password: Secret,
    api_key: Secret,
    now: Callable[[], float] = time.time,
) -> BearerLogin:
    """Credentials that log in as the account says, and name the tenant with every request.

    Args:
        http: A client of the API's origin, without credentials of its own.
        account: Which login, and which tenant.
        username: The e-mail address; of no use with a personal access token.
        password: The password, or the personal access token.
        api_key: The key of the application; it is counted by the provider's quotas.
        now: Epoch seconds: the answer says when a token expires, not how long it lives.
    """

    def ask() -> LoginRequest:
        if account.login == "pat":
            return LoginRequest(json={"apiKey": api_key.reveal(), "pat": password.reveal()})
        credentials = {"email": username, "password": password.reveal()}
        return LoginRequest(json=credentials, params={"apiKey": api_key.reveal()})

    def read(document: Mapping[str, object]) -> Granted:
        expires = number_in(document.get("tokenExpirationTimestamp"))
        # A clock an hour off makes nonsense of it; the core then takes what it is told below.
        return Granted(document.get("token"), None if expires is None else expires / 1000 - now())

    rules: Final = Rules(
        subject="our user",
        fix="check the e-mail address, the password and the API key in the source's variables",
        otherwise_seconds=TOKEN_SECONDS / 6,
        longest_seconds=TOKEN_SECONDS,
        beside={account.tenant_header.lower(): account.tenant},
    )
    return BearerLogin(http, PAT_LOGIN_PATH if account.login == "pat" else LOGIN_PATH, ask=ask, read=read, rules=rules)
