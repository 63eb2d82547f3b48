import datetime as dt
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from domain.errors import AddressRefusedError, ConfigurationError, ProviderUnavailableError
from providers._http import ApiClient, BlobClient, Origin
from providers._socket import tls
from providers._stream import open_stream
from tests.fakes.api import QUICK, Key, Naps
from tests.fakes.raw_server import RawServer, answer

FINE = answer(b"[1]")
LAST_YEAR = dt.datetime.now(dt.UTC) - dt.timedelta(days=365)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def client_of(server: RawServer, ca_file: Path | None, *, host: str = "127.0.0.1") -> ApiClient:
    return ApiClient(
        Origin.parse(f"https://{host}:{server.port}", place="test"),
        source="acme",
        credentials=Key([{"authorization": "Bearer SECRET"}]),
        limits=QUICK,
        ca_file=ca_file,
        sleep=Naps(),
        allow_private=True,
        resolve=lambda _host, _port: ["127.0.0.1"],
    )


def test_a_server_of_a_named_authority_is_believed(authority: trustme.CA, ca_file: Path) -> None:
    certificate = context_of(authority.issue_cert("127.0.0.1"))
    with RawServer([FINE], tls=certificate) as server, client_of(server, ca_file) as client:
        assert client.get("x").body == b"[1]"


def test_the_name_is_proved_and_sent_though_the_connection_goes_to_an_address(
    authority: trustme.CA, ca_file: Path
) -> None:
    context = context_of(authority.issue_cert("api.example"))
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with RawServer([FINE], tls=context) as server, client_of(server, ca_file, host="api.example") as client:
        assert client.get("x").body == b"[1]"
        assert names == ["api.example"]
        assert server.seen[0].headers["host"] == f"api.example:{server.port}"


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_after=LAST_YEAR)


def of_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("other.example")


def of_an_unknown_authority(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


@pytest.mark.parametrize("issue", [expired, of_another_host, of_an_unknown_authority])
def test_a_server_that_cannot_prove_who_it_is_gets_no_request(
    issue: type, authority: trustme.CA, ca_file: Path
) -> None:
    with RawServer([FINE], tls=context_of(issue(authority))) as server, client_of(server, ca_file) as client:
        with pytest.raises(AddressRefusedError, match="cannot prove who it is"):
            client.get("x")
        assert (server.seen, server.n_connections) == ([], 1)


def test_a_private_authority_is_not_believed_unasked(authority: trustme.CA) -> None:
    certificate = context_of(authority.issue_cert("127.0.0.1"))
    with RawServer([FINE], tls=certificate) as server, client_of(server, None) as client:
        with pytest.raises(
            AddressRefusedError, match=r"self-signed certificate in certificate chain|unable to get local"
        ):
            client.get("x")
        assert server.seen == []


def test_the_environment_cannot_add_an_authority(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    tls.cache_clear()
    certificate = context_of(authority.issue_cert("127.0.0.1"))
    with (
        RawServer([FINE], tls=certificate) as server,
        client_of(server, None) as client,
        pytest.raises(AddressRefusedError),
    ):
        client.get("x")
    assert not (tmp_path / "keys").exists()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_an_old_version_of_tls_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with RawServer([FINE], tls=context) as server, client_of(server, ca_file) as client:
        with pytest.raises(
            AddressRefusedError, match=r"cannot prove who it is: it speaks no version of TLS from 1.2 on"
        ):
            client.get("x")
        assert server.seen == []


def test_a_server_without_tls_gets_no_request() -> None:
    plain = RawServer([FINE], greeting=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with plain as server, client_of(server, None) as client:
        with pytest.raises(AddressRefusedError, match=r"it speaks no TLS at this port.*check the scheme and the port"):
            client.get("x")
        assert server.seen == []


def test_a_server_that_hangs_up_amid_the_handshake_is_asked_again() -> None:
    n_connections = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            nonlocal n_connections
            with suppress(OSError):  # the server is closed
                while True:
                    visitor, _ = server.accept()
                    n_connections += 1
                    with visitor:
                        visitor.recv(4096)

        threading.Thread(target=hang_up, daemon=True).start()
        origin = Origin.parse(f"https://127.0.0.1:{server.getsockname()[1]}", place="test")
        with (
            ApiClient(origin, source="acme", limits=QUICK, sleep=Naps()) as client,
            pytest.raises(ProviderUnavailableError, match=r"amid the handshake of TLS, or speaks none at this port"),
        ):
            client.get("x")
        assert n_connections > 1


def not_yet_valid(authority: trustme.CA) -> trustme.LeafCert:
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    return authority.issue_cert("127.0.0.1", not_before=ahead, not_after=ahead + dt.timedelta(days=3))


@pytest.mark.parametrize(
    ("issue", "fix"),
    [
        (expired, "let the provider renew its certificate"),
        (not_yet_valid, "look at the clock of this machine"),
        (of_another_host, "check the host in the source's address"),
        (of_an_unknown_authority, "for a private authority name its file as ca_file"),
    ],
)
def test_each_fault_of_a_certificate_has_its_own_remedy(
    issue: type, fix: str, authority: trustme.CA, ca_file: Path
) -> None:
    with (
        RawServer([FINE], tls=context_of(issue(authority))) as server,
        client_of(server, ca_file) as client,
        pytest.raises(AddressRefusedError, match=fix),
    ):
        client.get("x")


def test_a_server_that_wants_a_certificate_of_ours_is_told_from_one_that_breaks_off(
    authority: trustme.CA, ca_file: Path
) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca_file)
    with (
        RawServer([FINE], tls=context) as server,
        client_of(server, ca_file) as client,
        pytest.raises(AddressRefusedError, match="the server wants a certificate of ours"),
    ):
        client.get("x")


def test_a_file_needs_the_same_proof(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    with (
        RawServer([FINE], tls=context_of(expired(authority))) as server,
        BlobClient(frozenset({f"127.0.0.1:{server.port}"}), source="acme", ca_file=ca_file) as blobs,
        (tmp_path / "file").open("w+b") as file,
        pytest.raises(AddressRefusedError, match="expired"),
    ):
        blobs.download(f"{server.url}/x", file)


def test_there_is_no_way_to_switch_it_off() -> None:
    context = tls()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_stream_says_the_same_of_tls(authority: trustme.CA, ca_file: Path) -> None:
    plain = RawServer([FINE], greeting=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    unproven = RawServer([FINE], tls=context_of(of_another_host(authority)))
    for server, said in ((plain, "speaks no TLS at this port"), (unproven, "certificate is not valid for")):
        with server:
            origin = Origin.parse(f"https://127.0.0.1:{server.port}", place="test")
            with pytest.raises(AddressRefusedError, match=said):
                open_stream(origin, "live", {}, {}, source="acme", ca_file=ca_file)


def test_an_unreadable_file_of_authorities_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("not a certificate")
    for path in (tmp_path / "missing.pem", tmp_path / "no.pem"):
        with pytest.raises(ConfigurationError, match="authorities"):
            tls(path)
