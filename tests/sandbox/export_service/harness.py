"""The plainest client of the Export Service that can be: for tests of the twin, not of our own client."""

import socket
from datetime import datetime
from typing import Any, Final

import httpx

from sandbox.export_service.products import GRID_PRODUCT, VEHICLES_PRODUCT
from sandbox.export_service.twin import KEYCLOAK_PATH, PRODUCTS_PATH, QUERY_PATH
from sandbox.running import Sandbox

GRID: Final = GRID_PRODUCT
VEHICLES: Final = VEHICLES_PRODUCT
DAY: Final = ("2026-06-01T00:00:00", "2026-06-02T00:00:00")


class ExportCaller:
    """Asks, and hands back what httpx saw."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(base_url=sandbox.url, trust_env=False, timeout=10)
        self.bearer = self.fresh_bearer()

    def close(self) -> None:
        self.http.close()

    def token(self, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
        }
        return self.http.post(KEYCLOAK_PATH, data=form | changes)

    def fresh_bearer(self) -> str:
        return str(self.token().json()["access_token"])

    def products(self, **changes: str) -> httpx.Response:
        return self.http.get(
            PRODUCTS_PATH, params={"organization": "audicharginghub"} | changes, headers=self._headers()
        )

    def query(self, product: str = GRID, **changes: str | int | None) -> httpx.Response:
        params = {"organization": "audicharginghub", "product": product, "startDate": DAY[0], "endDate": DAY[1]}
        wanted = {name: value for name, value in (params | changes).items() if value is not None}
        return self.http.get(QUERY_PATH, params=wanted, headers=self._headers())

    def page(self, product: str = GRID, **changes: str | int | None) -> dict[str, Any]:
        response = self.query(product, **changes)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def pages(self, product: str = GRID, *, limit: int = 50, **changes: str | int | None) -> list[dict[str, Any]]:
        """Every page until the token is falsy; at most `limit`."""
        pages = [self.page(product, **changes)]
        while pages[-1].get("continueToken") and len(pages) < limit:
            pages.append(self.page(product, **changes, continueToken=pages[-1]["continueToken"]))
        return pages

    def raw(self, *, accept_encoding: str = "identity") -> bytes:
        """Every byte of one answer until the server ends the connection; b'RST' at the end if it reset it."""
        query = f"organization=audicharginghub&product={GRID}&startDate={DAY[0]}&endDate={DAY[1]}"
        request = (
            f"GET {QUERY_PATH}?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {accept_encoding}\r\n"
            f"Authorization: Bearer {self.bearer}\r\n\r\n"
        )
        port = httpx.URL(self.sandbox.url).port or 0
        received = b""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request.encode())
            try:
                while part := connection.recv(65536):
                    received += part
            except ConnectionResetError:
                return received + b"RST"
        return received

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.bearer}"}


def rows(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page["result"]]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)
