"""Addresses of archives: no hostile one is connected to, and no redirect is followed."""

from urllib.parse import urlsplit

import pytest

from domain.errors import AddressRefusedError
from sandbox.servitly import twin as served
from tests.fakes.harness import shared_sandbox
from tests.fakes.wire_tap import WireTap, tapped
from tests.providers.servitly.harness import Boilers, boilers

HOSTILE = [
    "https://evil.example/x.zip", "https://good@evil.example/x", "https://{api}@evil.example/x",
    "https://{api}.evil.example/x", "https://{api}\\@evil.example/x", "https://evil.example#@{api}/x",
    "//evil.example/x", "///evil.example/x", "\\\\evil.example\\x", "/\\evil.example/x", "http://evil.example/x", "http://{api}:1/x",
    "http://127.1/x", "http://2130706433/x", "http://0x7f.0.0.1/x", "http://0177.0.0.1/x", "http://[::1]/x",
    "http://[::ffff:127.0.0.1]/x", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/x", "http://192.168.1.1/x",
    "http://172.16.0.1/x", "http://[fd00::1]/x", "http://[fe80::1%25eth0]/x", "http://0.0.0.0/x", "http://127.0.0.1/x",
    "http://127.0.0.1:1/x", "http://localhost/x", "http://localhost:1/x", "https://localhost/x", "file:///etc/passwd",
    "ftp://evil.example/x", "gopher://evil.example/x", "data:text/plain,x", "javascript:alert(1)", "jar:http://x!/",
    "HTTPS://EVIL.EXAMPLE/x", "https:///evil.example/x", "https:/evil.example/x", "https:evil.example/x",
    "http:evil.example", "https://evil.example:443/x", "https://evil.example:99999/x", "https://evil.example:/x",
    "https://", "://x", "", " ", "https://evil.example/\r\nHost: good", "https://evil.example/x y", "https://evil\u3002example/x",
    "https://\u0435vil.example/x", "https://evil.example\0.good/x", "https://user:pass@{api}/x", "../../etc/passwd",
    "/servitly/../../x", "/servitly/%2e%2e/x", "/servitly/%2f%2fevil.example/x", "?x", "#x", "/servitly/x#y",
    "https://{api}/x", "wss://{api}/x", "http://{api}/servitly/..%2fadmin",
]  # fmt: skip


REDIRECTS = [
    "http://127.0.0.1:9/",
    "//evil.example/x",
    "https://evil.example/x",
    "file:///etc/passwd",
    "/servitly/files/other.zip",
    "http://169.254.169.254/",
    "http://[::1]:9/x",
    "https://good@evil.example/",
]


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> WireTap:
    """Both ends of every connection are in this process, so nothing goes by it."""
    shared_sandbox()
    return tapped(monkeypatch)


def stays_home(made: Boilers, tap: WireTap) -> bool:
    """Nobody was connected to or looked up but the API itself."""
    port = urlsplit(made.sandbox.url).port
    return set(tap.connected) == {("127.0.0.1", port)} and set(tap.looked_up) <= {"127.0.0.1"}


@pytest.mark.parametrize("url", HOSTILE)
def test_no_hostile_address_is_looked_up_or_connected_to(url: str, tap: WireTap) -> None:
    with boilers(url_kind="signed") as made:
        api = made.sandbox.url.removeprefix("http://")
        made.twin.fault("url", url=url.replace("{api}", api) or "x" * 9000)
        with pytest.raises(AddressRefusedError) as caught:
            made.fetch()
        assert made.asked(served.FILES) == []
        assert made.clients[2].n_requests == made.clients[3].n_requests == 0
        assert made.looked_up == []
        assert stays_home(made, tap)
        assert "evil" not in str(caught.value)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", REDIRECTS)
@pytest.mark.parametrize("kind", ["api", "signed"])
def test_no_redirect_is_followed(kind: str, code: int, to: str, tap: WireTap) -> None:
    with boilers(url_kind=kind) as made:
        made.twin.fault("redirect", code=code, to=to)
        with pytest.raises(AddressRefusedError, match="redirect"):
            made.fetch()
        assert len(made.asked(served.FILES)) == 1
        assert set(made.looked_up) <= {"localhost"}
        assert stays_home(made, tap)
        assert not spoken_abroad(tap)


def spoken_abroad(tap: WireTap) -> list[str]:
    """Requests to the other host that show who we are."""
    abroad = [head for head in tap.requests if "\r\nhost: localhost" in head]
    return [head for head in abroad if "\r\nauthorization:" in head or "-tenant:" in head or "cookie:" in head]


def test_the_tap_hears_everything_and_the_other_host_hears_no_credential(tap: WireTap) -> None:
    assert len(HOSTILE) >= 60
    assert len(REDIRECTS) * 5 >= 40
    with boilers(url_kind="signed") as made:
        made.fetch()
        assert made.looked_up == ["localhost"]
        assert stays_home(made, tap)
    assert len([head for head in tap.requests if "\r\nhost: localhost" in head]) == 1
    assert len([head for head in tap.requests if "\r\nauthorization: bearer" in head]) >= 2
    assert len([head for head in tap.requests if "\r\nx-servitly-tenant: acme" in head]) >= 2
    assert not spoken_abroad(tap)
