"""The login: e-mail address and password for a token. Every refusal is a 400."""

from collections.abc import Mapping
from typing import Final

from providers._http import ApiClient, Secret
from providers._login import BearerLogin, Granted, LoginRequest, Rules
from providers.voltstorage.spec import LONGEST_VALIDITY_SECONDS

_RULES: Final = Rules(
    subject="our user",
    fix="check the e-mail address and the password in the source's variables",
    longest_seconds=float(LONGEST_VALIDITY_SECONDS),
)


def password_login(
    http: ApiClient, path: str, *, username: str, password: Secret, validity_seconds: int
) -> BearerLogin:
    """Credentials that log in with an e-mail address and a password.

    Args:
        http: A client of the API's origin, without credentials of its own.
        path: Of the login, below that origin.
        username: The e-mail address.
        password: The password; sent to the login and nowhere else.
        validity_seconds: The life of a token that is asked for, and believed: the answer does not say it.
    """

    def ask() -> LoginRequest:
        return LoginRequest(json={"email": username, "password": password.reveal(), "validity": validity_seconds})

    def read(document: Mapping[str, object]) -> Granted:
        return Granted(document.get("token"), validity_seconds)

    return BearerLogin(http, path, ask=ask, read=read, rules=_RULES)
