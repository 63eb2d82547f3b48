"""A session that cannot be opened says why: each trouble with a real server, over TLS where it is about TLS."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import trustme
from psycopg.conninfo import conninfo_to_dict

from domain.errors import WarehouseError, WarehouseUnavailableError, WarehouseUnsuitableError
from warehouse.connections import Address
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.host import server_user
from warehouse.refused_sessions import refusal_of

HOST = "localhost"


@dataclass(frozen=True)
class TlsServer:
    """A server of our own, with a certificate for `localhost`.

    Attributes:
        warehouse: The server.
        folder: Where the files of authorities are: `ca.pem` signed its certificate, `other.pem` did not.
    """

    warehouse: EmbeddedWarehouse
    folder: Path

    def url(self, query: str = "", *, host: str = HOST, database: str = "joulehouse", password: str = "") -> str:
        at = conninfo_to_dict(self.warehouse.url)
        query = query.format(folder=self.folder)
        return f"postgresql://{at['user']}:{password or at['password']}@{host}:{at['port']}/{database}?{query}"

    def say(self, *statements: str) -> None:
        with psycopg.connect(self.warehouse.admin_url, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.encode())

    def reload(self, *statements: str) -> None:
        """Say it, and have the server read its files again."""
        self.say(*statements)
        with psycopg.connect(self.warehouse.admin_url, autocommit=True) as session:
            session.execute("SELECT pg_reload_conf(), pg_sleep(0.2)")

    @contextmanager
    def with_hba(self, *lines: str) -> Iterator[None]:
        """Let in whom `lines` let in, and the administrator."""
        file = self.warehouse.status().folder / "cluster" / "pg_hba.conf"
        before = file.read_text()
        file.write_text("\n".join(["local all all scram-sha-256", "host postgres all all scram-sha-256", *lines, ""]))
        try:
            self.reload()
            yield
        finally:
            file.write_text(before)
            self.reload()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[TlsServer]:
    folder = tmp_path_factory.mktemp("tls")
    warehouse = EmbeddedWarehouse(folder / "home", cache=package_cache, durable=False)
    warehouse.start()
    try:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
        (folder / "bad.pem").write_text("no certificate")
        certificate = authority.issue_cert("localhost")
        key, chain = (warehouse.status().folder / "cluster" / name for name in ("server.key", "server.crt"))
        key.write_bytes(certificate.private_key_pem.bytes())
        key.chmod(0o600)
        chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        server_user(warehouse.status().folder).own(key, chain)
        made = TlsServer(warehouse, folder)
        made.reload("ALTER SYSTEM SET ssl = on")
        yield made
    finally:
        warehouse.stop()


def sentence(url: str, kind: type[WarehouseError] = WarehouseUnsuitableError) -> str:
    """What is said of an address at which no session can be opened."""
    with pytest.raises(WarehouseError) as caught:
        Address.of(url).connect()
    assert type(caught.value) is kind
    assert str(conninfo_to_dict(url.partition("?")[0]).get("password") or "no password") not in str(caught.value)
    return str(caught.value)


def test_a_server_that_proves_who_it_is_is_believed(server: TlsServer) -> None:
    with Address.of(server.url("sslmode=verify-full&sslrootcert={folder}/ca.pem")).connect() as session:
        assert session.info.pgconn.ssl_in_use


@pytest.mark.parametrize(
    ("query", "host", "said"),
    [
        (
            "sslmode=verify-full&sslrootcert={folder}/ca.pem",
            "127.0.0.1",
            'the server\'s certificate is for "localhost", and the address names "127.0.0.1"',
        ),
        ("sslmode=verify-full&sslrootcert={folder}/other.pem", HOST, "is signed by nobody whom"),
        ("sslmode=verify-ca&sslrootcert={folder}/other.pem", HOST, "name the file of the authority"),
        ("sslrootcert=system", HOST, "is signed by nobody whom"),
        ("sslmode=verify-full&sslrootcert={folder}/none.pem", HOST, 'none.pem" does not exist'),
        ("sslmode=verify-full&sslrootcert={folder}/bad.pem", HOST, 'bad.pem" holds no certificate'),
        ("sslmode=require&sslcert={folder}/ca.pem&sslkey={folder}/none.key", HOST, "cannot be used"),
        ("sslmode=bogus", HOST, 'the address says sslmode="bogus", which libpq does not know'),
        ("sslmode=", HOST, "verify-ca or verify-full into WAREHOUSE_URL"),
        ("target_session_attrs=bogus", HOST, 'the address says target_session_attrs="bogus"'),
        ("ssl_min_protocol_version=TLSv9", HOST, 'the address says ssl_min_protocol_version="TLSv9"'),
        ("ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2", HOST, "allows no version of TLS"),
        ("sslmode=disable&channel_binding=require", HOST, "less than the address requires"),
        ("require_auth=md5", HOST, "less than the address requires"),
        ("gssencmode=require", HOST, "encryption that cannot be had"),
    ],
)
def test_what_the_address_asks_for_and_cannot_have_is_named(
    server: TlsServer, query: str, host: str, said: str
) -> None:
    assert said in sentence(server.url(query, host=host))


def test_a_server_without_tls_and_one_of_another_version_are_told_apart(
    server: TlsServer, warehouse_server: EmbeddedWarehouse
) -> None:
    assert "the address wants TLS, and the server speaks none" in sentence(f"{warehouse_server.url}?sslmode=require")
    server.reload("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'")
    said = sentence(server.url("sslmode=require&ssl_min_protocol_version=TLSv1.3"))
    server.reload("ALTER SYSTEM RESET ssl_max_protocol_version")
    assert "have no version of TLS in common" in said


def test_whom_pg_hba_does_not_let_in_is_told_the_servers_own_sentence(server: TlsServer) -> None:
    with server.with_hba("hostssl all all all scram-sha-256"):
        said = sentence(server.url("sslmode=disable"))
        assert 'no pg_hba.conf entry for host "127.0.0.1", user "joulehouse", database "joulehouse", no encrypt' in said
        assert "if it has one for TLS alone (hostssl), say sslmode=require" in said
        Address.of(server.url("sslmode=require")).connect().close()
    with server.with_hba("host all all all reject"):
        assert "pg_hba.conf rejects connection for host" in sentence(server.url())


def test_a_server_that_wants_a_certificate_of_ours_says_so(server: TlsServer) -> None:
    server.reload("ALTER SYSTEM SET ssl_ca_file = 'server.crt'")
    with server.with_hba("hostssl all all all cert"):
        said = sentence(server.url("sslmode=require"))
    server.reload("ALTER SYSTEM RESET ssl_ca_file")
    assert "the server wants a certificate of ours" in said
    assert "sslcert and sslkey" in said


def test_too_many_connections_are_waited_for_and_named(server: TlsServer) -> None:
    for limited, free in (
        ("ALTER ROLE joulehouse CONNECTION LIMIT 0", "ALTER ROLE joulehouse CONNECTION LIMIT -1"),
        ("ALTER DATABASE joulehouse CONNECTION LIMIT 0", "ALTER DATABASE joulehouse CONNECTION LIMIT -1"),
    ):
        server.say(limited)
        said = sentence(server.url(), WarehouseUnavailableError)
        server.say(free)
        assert "the server has no connection left for us: too many connections for" in said


@pytest.mark.prove
def test_a_server_whose_connections_are_used_up_says_so(server: TlsServer) -> None:
    with ExitStack() as held:
        with suppress(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(server.url()))
        said = sentence(server.url(), WarehouseUnavailableError)
    assert "no connection left for us" in said
    assert "max_connections" in said


@pytest.mark.parametrize(
    "text", ["sorry, too many clients already", "remaining connection slots are reserved for roles"]
)
def test_connections_that_are_used_up_are_no_wrong_password(text: str) -> None:
    refusal = refusal_of(f'connection to server at "127.0.0.1", port 5432 failed: FATAL:  {text}')
    assert refusal is not None
    assert refusal.kind is WarehouseUnavailableError
    assert "max_connections" in refusal.fix


@pytest.mark.parametrize(
    ("text", "kind", "shown", "fix"),
    [
        ("no such database: hub", WarehouseUnsuitableError, "no such database: hub", "[databases]"),
        ("no such user: me", WarehouseUnsuitableError, "role, password or database name", "WAREHOUSE_PASSWORD"),
        ("no more connections allowed (max_client_conn)", WarehouseUnavailableError, "no connection left", "pool_size"),
        ("query_wait_timeout", WarehouseUnavailableError, "no connection left for us: query_wait", "pool_size"),
        ("client connections exceeded (max_db_client_connections)", WarehouseUnavailableError, "exceeded", "pool_size"),
        ("unsupported startup parameter: options", WarehouseUnsuitableError, "options", "ignore_startup_parameters"),
        ("unsupported startup parameter in options: jit", WarehouseUnsuitableError, "jit", "ignore_startup_parameters"),
    ],
)
def test_a_pooler_that_lets_nobody_in_says_why(text: str, kind: type[Exception], shown: str, fix: str) -> None:
    refusal = refusal_of(f'connection to server at "127.0.0.1", port 6432 failed: FATAL:  {text}')
    assert refusal is not None
    assert refusal.kind is kind
    assert shown in refusal.culprit
    assert fix in refusal.fix


def test_a_role_and_a_database_that_do_not_let_us_in_are_told_apart(server: TlsServer) -> None:
    assert "role, password or database name is wrong" in sentence(server.url(password="hunter2"))
    assert 'the server has no database "nowhere"' in sentence(server.url(database="nowhere"))
    server.say("REVOKE CONNECT ON DATABASE joulehouse FROM PUBLIC, joulehouse")
    said = sentence(server.url())
    server.say("GRANT CONNECT ON DATABASE joulehouse TO PUBLIC")
    assert 'GRANT CONNECT ON DATABASE "joulehouse" TO the role' in said
    server.say("ALTER DATABASE joulehouse ALLOW_CONNECTIONS false")
    said = sentence(server.url())
    server.say("ALTER DATABASE joulehouse ALLOW_CONNECTIONS true", "ALTER ROLE joulehouse NOLOGIN")
    assert 'ALTER DATABASE "joulehouse" ALLOW_CONNECTIONS true' in said
    said = sentence(server.url())
    server.say("ALTER ROLE joulehouse LOGIN")
    assert 'ALTER ROLE "joulehouse" LOGIN' in said


def test_a_host_that_nobody_knows_and_a_port_that_is_none_are_named() -> None:
    said = sentence("postgresql://u@no-such-host.invalid/db", WarehouseUnavailableError)
    assert "the name of the database's host cannot be looked up" in said
    assert 'names the port "99999", which is none' in sentence("postgresql://u@localhost:99999/db")


def test_a_port_at_which_something_else_answers_is_no_database() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            for _ in range(2):
                visitor, _ = other.accept()
                with visitor:
                    visitor.recv(100)
                    visitor.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    time.sleep(0.05)

        threading.Thread(target=answer, daemon=True).start()
        url = f"postgresql://u@127.0.0.1:{other.getsockname()[1]}/db"
        assert "what answers there is no PostgreSQL" in sentence(f"{url}?sslmode=disable")
        assert "what answers there is no PostgreSQL" in sentence(f"{url}?sslmode=require")


def test_a_standby_where_none_is_wanted_is_waited_for(server: TlsServer) -> None:
    said = sentence(server.url("target_session_attrs=standby"), WarehouseUnavailableError)
    assert "is what its target_session_attrs asks for" in said


@pytest.mark.parametrize(
    "text",
    ["connection failed: Connection refused", "server closed the connection unexpectedly", "timeout expired", ""],
)
def test_who_only_does_not_answer_is_accused_of_nothing_else(text: str) -> None:
    assert refusal_of(text) is None
