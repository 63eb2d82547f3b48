"""A token endpoint in the shape of Keycloak, and the check of its tokens."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
import uuid
from typing import Final
from urllib.parse import parse_qs, unquote_plus

from sandbox.answers import Request, Response, as_json
from sandbox.export_service.settings import Settings

_FORM: Final = "application/x-www-form-urlencoded"


class Keycloak:
    """Issues bearer tokens for client credentials, signed with a key of this process, and checks them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._generation = 0

    def revoke_all(self) -> None:
        """Make every token so far invalid."""
        self._generation += 1

    def issue(self, request: Request, settings: Settings) -> Response:
        """The response to a request for a token."""
        if request.method != "POST":
            return as_json(405, {"error": "HTTP 405 Method Not Allowed"}, allow="POST")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            return as_json(415, {"error": "HTTP 415 Unsupported Media Type"})
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        grant = form.get("grant_type")
        if grant is None:
            return _refusal(400, "invalid_request", "Missing form parameter: grant_type")
        if grant != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "Unsupported grant_type")
        basic, wanted = _basic(request), settings.token_endpoint_auth_method
        is_in_place = wanted in ("any", "client_secret_post" if basic is None else "client_secret_basic")
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        is_known = is_in_place and hmac.compare_digest(client_id.encode(), settings.client_id.encode())
        if not is_known or not hmac.compare_digest(secret.encode(), settings.client_secret.encode()):
            error = "unauthorized_client" if is_known else "invalid_client"
            return _refusal(401, error, "Invalid client or Invalid client credentials")
        seconds = settings.token_seconds
        content = {
            "access_token": self._signed(client_id, seconds),
            "expires_in": int(seconds) if seconds == int(seconds) else seconds,
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "profile email",
        }
        return as_json(200, content, cache_control="no-store", pragma="no-cache")

    def refusal(self, request: Request) -> str | None:
        """Why the bearer token of a request is not accepted; None if it is."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "Full authentication is required to access this resource"
        try:
            head, claims, signature = token.strip().split(".")
            content = json.loads(_decoded(claims))
            is_ours = hmac.compare_digest(_decoded(signature), self._mac(f"{head}.{claims}"))
        except (ValueError, binascii.Error):
            return "The token is malformed"
        if not is_ours or content["generation"] != self._generation:
            return "The token is not active"
        return "The token has expired" if content["exp"] <= time.time() else None

    def _signed(self, client_id: str, seconds: float) -> str:
        now = time.time()
        claims = {
            "jti": str(uuid.uuid4()),
            "iat": int(now),
            "exp": now + seconds,
            "azp": client_id,
            "typ": "Bearer",
            "generation": self._generation,
        }
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{signed}.{_encoded(self._mac(signed))}"

    def _mac(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), hashlib.sha256)


def _basic(request: Request) -> tuple[str, str] | None:
    """Client and secret of a Basic header; Keycloak takes them there too."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _refusal(status: int, error: str, description: str) -> Response:
    return as_json(status, {"error": error, "error_description": description})


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
