import itertools
from collections.abc import Mapping

import pytest

from domain.errors import (
    AddressRefusedError,
    CredentialsRejectedError,
)
from tests.fakes.api import Key, api
from tests.fakes.raw_server import RawServer, answer

BUSY = answer(b"", status=503, media_type=None)
FINE = answer(b"[1]")


def test_a_401_renews_once_and_goes_on() -> None:
    key = Key([{"authorization": "Bearer old"}, {"authorization": "Bearer new"}])
    with RawServer([answer(b"", status=401), FINE]) as server, api(server, credentials=key) as client:
        assert client.get("x").body == b"[1]"
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer old", "Bearer new"]


def test_a_401_after_the_renewal_is_final() -> None:
    key = Key([{"authorization": "Bearer same"}])
    with RawServer([answer(b"", status=401)]) as server, api(server, credentials=key) as client:
        with pytest.raises(CredentialsRejectedError, match="401"):
            client.get("x")
        assert (len(server.seen), key.n_renewals) == (2, 1)


def test_credentials_that_stay_rejected_are_not_renewed_for_every_question() -> None:
    key = Key([{"authorization": f"Bearer {n}"} for n in range(100)])
    denied = answer(b"", status=401)
    with RawServer([*[denied] * 11, FINE, denied, FINE]) as server, api(server, credentials=key) as client:
        for _ in range(10):
            with pytest.raises(CredentialsRejectedError):
                client.get("x")
        assert (len(server.seen), key.n_renewals) == (11, 1)
        assert client.get("x").body == b"[1]"
        assert client.get("x").body == b"[1]"  # accepted in between, so a new rejection is renewed again
        assert key.n_renewals == 2


def test_one_question_renews_once_even_when_it_is_retried() -> None:
    key = Key([{"authorization": f"Bearer {n}"} for n in range(100)])
    denied = answer(b"", status=401)
    with RawServer([denied, BUSY, denied, FINE]) as server, api(server, credentials=key) as client:
        with pytest.raises(CredentialsRejectedError):
            client.get("x")
        assert key.n_renewals == 1


def test_a_401_without_credentials_is_final() -> None:
    with RawServer([answer(b"", status=401)]) as server, api(server) as client:
        with pytest.raises(CredentialsRejectedError):
            client.get("x")
        assert len(server.seen) == 1


def test_a_403_is_neither_retried_nor_renewed() -> None:
    key = Key([{"authorization": "Bearer x"}])
    with RawServer([answer(b"", status=403)]) as server, api(server, credentials=key) as client:
        with pytest.raises(CredentialsRejectedError, match="403"):
            client.get("x")
        assert (len(server.seen), key.n_renewals) == (1, 0)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "ä", "a\x00", "a\x7f"])
def test_a_credential_with_line_breaks_is_never_sent(value: str) -> None:
    with RawServer([FINE]) as server, api(server, credentials=Key([{"x-api-key": value}])) as client:
        with pytest.raises(CredentialsRejectedError) as caught:
            client.get("x")
        assert server.n_connections == 0
    assert value not in str(caught.value)


# Redirects

CREDENTIALS: list[Mapping[str, str]] = [
    {"authorization": "Bearer SECRET"},
    {"x-api-key": "SECRET"},
    {"cookie": "session=SECRET"},
]


@pytest.mark.parametrize(("status", "credential"), list(itertools.product((301, 302, 303, 307, 308), CREDENTIALS)))
def test_no_redirect_is_followed_and_no_credential_goes_astray(status: int, credential: Mapping[str, str]) -> None:
    with RawServer([FINE]) as elsewhere:
        targets = [
            f"{elsewhere.url}/x?stolen=yes",
            f"//127.0.0.1:{elsewhere.port}/x",
            f"http://user:pw@127.0.0.1:{elsewhere.port}/",
            f"https://127.0.0.1:{elsewhere.port}/",
            f"http://localhost:{elsewhere.port}/",
            "/relative",
            "ftp://evil.example/x",
            "",
        ]
        scripts = [answer(b"", status=status, headers={"Location": target}) for target in targets]
        with RawServer(scripts) as server, api(server, credentials=Key([credential])) as client:
            for _ in targets:
                with pytest.raises(AddressRefusedError) as caught:
                    client.get("x")
                assert "stolen" not in str(caught.value)
                assert "pw" not in str(caught.value)
            assert len(server.seen) == len(targets)
        assert elsewhere.n_connections == 0


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_no_other_3xx_is_an_answer(status: int) -> None:
    with RawServer([answer(b"", status=status, headers={"Location": "/x"})]) as server, api(server) as client:
        with pytest.raises(AddressRefusedError):
            client.get("x")
        assert len(server.seen) == 1


def test_a_form_that_is_redirected_goes_nowhere() -> None:
    with RawServer([FINE]) as elsewhere:
        away = answer(b"", status=307, headers={"Location": elsewhere.url})
        with RawServer([away]) as server, api(server) as client, pytest.raises(AddressRefusedError):
            client.post("login", form={"password": "SECRET"})
        assert elsewhere.n_connections == 0


@pytest.mark.parametrize("path", ["https://evil.example/x", "//evil.example", "../x", "x?y=1"])
def test_a_path_out_of_an_answer_cannot_lead_away(path: str) -> None:
    with RawServer([FINE]) as server, api(server, base="/base") as client:
        with pytest.raises(AddressRefusedError):
            client.get(path)
        assert server.n_connections == 0


def test_cookies_are_not_kept() -> None:
    with RawServer([answer(b"[1]", headers={"Set-Cookie": "session=SECRET"})]) as server, api(server) as client:
        client.get("x")
        client.get("x")
    assert "cookie" not in server.seen[1].headers
