import base64
import contextlib
import io
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from urllib.parse import quote, quote_plus

import httpx
import pytest

import providers
from domain.errors import ConfigurationError, IngestError
from providers._addresses import Address
from providers._http import ApiClient, BlobClient, Origin, Secret
from providers._http_client import Call
from providers._http_types import Head, Request, Response
from providers._login import ClientCredentials, Granted, LoginRequest, _Token
from providers._quotes import quotable, spellings
from tests.fakes.api import QUICK, Key, Naps, api
from tests.fakes.raw_server import Act, RawServer, Script, answer, cut

CANARY = "cAn4ry/+&=%ü-of-the-house"
TOKEN = "t0ken-cAn4ry-abcdefghij"
PARAM = "p4ram-cAn4ry"
ALL = (CANARY, TOKEN, PARAM)
HASTY = replace(QUICK, read_seconds=0.05, max_tries=2)

ECHO = b'{"message": "no: ' + TOKEN.encode() + b" " + base64.b64encode(TOKEN.encode()) + b'"}'
FAULTS: list[Script] = [
    [Act.RESET],
    [Act.CLOSE],
    [Act.HANG],
    [b"garbage " + TOKEN.encode() + b"\r\n\r\n", Act.CLOSE],
    [b"HTTP/1.1 200 X\r\nX-Echo: " + TOKEN.encode() + b"x" * 200_000, Act.CLOSE],
    [b"HTTP/1.1 200 X\r\nBad Header " + TOKEN.encode() + b"\r\n\r\n", Act.CLOSE],
    cut(answer(ECHO), 90),
    cut(answer(ECHO, framing="chunked"), 120),
    answer(ECHO, headers={"Content-Encoding": "gzip"}),
    answer(ECHO, headers={"Content-Encoding": "br"}),
    answer(ECHO, media_type="text/html"),
    answer(ECHO, media_type="text/csv"),
    answer(b""),
    *(answer(ECHO, status=status) for status in (206, 400, 401, 403, 404, 409, 422, 429, 500, 503)),
    answer(ECHO, status=302, headers={"Location": f"https://u:{TOKEN}@evil.example/{TOKEN}?x={TOKEN}"}),
    lambda seen: answer(seen.raw.replace(b"\r\n", b" "), status=400, media_type="text/plain"),
]


def forms(secret: str) -> set[str]:
    raw = secret.encode()
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]} | {
        code.decode().rstrip("=") for code in (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
    }


def assert_clean(text: str) -> None:
    for secret in ALL:
        for form in forms(secret):
            assert form not in text


@contextlib.contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All loggers as talkative as anybody could make them."""
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    names = ["", "httpx", "httpcore", "httpcore.connection", "httpcore.http11", "asyncio"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    try:
        yield sink
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def sinks_of(error: BaseException) -> str:
    """Everywhere an error can end up as text; what it came from included, even where a traceback would hide it."""
    seen: list[str] = []
    chain: BaseException | None = error
    while chain is not None:
        seen += [str(chain), repr(chain), repr(chain.__dict__), *traceback.format_exception(chain)]
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, IngestError):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return "\n".join(seen)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("header", ["authorization", "x-api-key", "cookie"])
def test_no_failure_of_a_question_shows_a_secret(fault: Script, header: str, capfd: pytest.CaptureFixture[str]) -> None:
    credentials = Key([{header: f"Bearer {TOKEN}" if header == "authorization" else TOKEN}])
    with everything_logged() as log, RawServer([fault]) as server:
        with api(server, credentials=credentials, read_seconds=0.05, max_tries=2) as client:
            with pytest.raises(IngestError) as caught:
                client.get("x", {"q": PARAM})
            assert_clean(repr(client) + str(vars(client)))
        assert server.seen
        assert TOKEN in server.seen[0].raw.decode()
    assert_clean(sinks_of(caught.value))
    assert_clean(log.getvalue())
    assert_clean("".join(capfd.readouterr()))


@pytest.mark.parametrize("fault", [*FAULTS, answer(b'{"access_token": "%s\\n"}' % TOKEN.encode())])
def test_no_failure_of_a_login_shows_a_secret(fault: Script) -> None:
    with everything_logged() as log, RawServer([fault]) as server, api(server, read_seconds=0.05, max_tries=2) as http:
        credentials = ClientCredentials(http, "token", client_id="me", client_secret=Secret(CANARY))
        with pytest.raises(IngestError) as caught:
            credentials.headers()
        assert_clean(repr(credentials) + str(vars(credentials)))
        assert quote_plus(CANARY) in server.seen[0].raw.decode()
    assert_clean(sinks_of(caught.value))
    assert_clean(log.getvalue())


@pytest.mark.parametrize("fault", FAULTS[:-1])
def test_no_failure_of_a_file_shows_its_signed_address(fault: Script) -> None:
    with everything_logged() as log, RawServer([fault]) as server:
        hosts = frozenset({f"127.0.0.1:{server.port}"})
        with BlobClient(hosts, source="acme", limits=HASTY, sleep=Naps()) as blobs:
            failures = []
            for _ in range(2):
                try:
                    blobs.download(f"{server.url}/{TOKEN}/x?sig={quote(CANARY)}&p={PARAM}", io.BytesIO())
                except IngestError as error:
                    failures.append(error)
    for failure in failures:
        assert_clean(sinks_of(failure))
    assert_clean(log.getvalue())


REFUSED: list[Callable[[], object]] = [
    lambda: Origin.parse(f"https://user:{TOKEN}@api.example", place="here"),
    lambda: Origin.parse(f"https://api.example/?key={TOKEN}", place="here"),
    lambda: Origin.parse(f"http://api.example/{TOKEN}", place="here"),
    lambda: Origin.parse(f"ftp://{TOKEN}", place="here"),
    lambda: BlobClient(frozenset({"files.example"}), source="acme").download(
        f"https://evil.example/{TOKEN}?sig={PARAM}", io.BytesIO()
    ),
    lambda: ApiClient(Origin.parse("https://api.example", place="here"), source="acme").get(f"../x?key={TOKEN}"),
    lambda: ApiClient(Origin.parse("https://api.example", place="here"), source="acme").get("x", {"q": PARAM * 9000}),
    lambda: ApiClient(Origin.parse("https://api.example", place="here"), source="acme").get(
        "x", {"q": PARAM + "\ud800"}
    ),
]


@pytest.mark.parametrize("refused", REFUSED)
def test_no_refused_address_is_repeated(refused: Callable[[], object]) -> None:
    with pytest.raises(IngestError) as caught:
        refused()
    assert_clean(sinks_of(caught.value))


def test_a_secret_that_is_not_text_is_not_shown_when_it_cannot_be_sent() -> None:
    with RawServer([answer()]) as server, api(server) as http:
        secret = Secret(f"{CANARY}\udcff")  # what the environment makes of a byte that is not UTF-8
        credentials = ClientCredentials(http, "token", client_id="me", client_secret=secret)
        with pytest.raises(IngestError) as caught:
            credentials.headers()
        assert server.n_connections == 0
    assert_clean(sinks_of(caught.value))


def test_a_login_that_works_leaves_nothing_behind() -> None:
    with (
        everything_logged() as log,
        RawServer([answer(b'{"access_token": "%s"}' % TOKEN.encode())]) as server,
        api(server) as http,
    ):
        credentials = ClientCredentials(http, "token", client_id="me", client_secret=Secret(CANARY))
        assert TOKEN in credentials.headers()["authorization"]
        assert_clean(repr(credentials) + str(vars(credentials)))
    assert_clean(log.getvalue())


def test_the_library_itself_would_have_told() -> None:
    """The canary sings where nobody has stopped it: without our filters this is what a log would hold."""
    with everything_logged() as log, RawServer([answer()]) as server:
        library = logging.getLogger("httpx")
        kept = library.filters[:]
        library.filters.clear()
        try:
            httpx.get(f"{server.url}/?q={PARAM}", trust_env=False)
        finally:
            library.filters.extend(kept)
    assert PARAM in log.getvalue()


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>10}".format, "{!r}".format, lambda s: f"{[s]}"])
def test_a_secret_is_not_shown(show: Callable[[Secret], str]) -> None:
    assert "hunter2" not in show(Secret("hunter2"))
    assert "***" in show(Secret("hunter2"))


def test_a_secret_is_revealed_on_request_alone() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    assert (bool(secret), bool(Secret(""))) == (True, False)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)


HEADERS: Mapping[str, str] = {"authorization": TOKEN, "location": f"https://x/?sig={TOKEN}"}
SECRETIVE: list[object] = [
    Request("GET", f"https://x/?q={PARAM}", HEADERS, TOKEN.encode()),
    Call("POST", f"https://x/?q={PARAM}", "acme", (), False, frozenset(), TOKEN.encode()),  # noqa: FBT003 (a field)
    Head(302, "text/plain", HEADERS, partial(bytes, TOKEN.encode())),
    Address.parse(f"https://files.example/{TOKEN}?sig={PARAM}"),
    Response(200, "application/json", f'{{"access_token": "{TOKEN}"}}'.encode(), "chunked", datetime.now(UTC)),
    _Token(f"Bearer {TOKEN}", 1.0),
    LoginRequest(form={"password": TOKEN}, json={"password": TOKEN}),
    Granted(TOKEN, 1.0),
]


@pytest.mark.parametrize("secretive", SECRETIVE, ids=lambda shape: type(shape).__name__)
def test_what_holds_a_body_an_address_or_headers_keeps_them_to_itself(secretive: object) -> None:
    for show in (repr, str, "{}".format):
        assert_clean(show(secretive))
        assert type(secretive).__name__ in show(secretive)


def test_no_shape_of_this_room_that_can_hold_a_secret_is_forgotten_above() -> None:
    telling = {"url", "headers", "header", "content", "body", "query", "beginning", "form", "json", "token"}
    room = [import_module(f"providers.{module.name}") for module in iter_modules(providers.__path__)]
    named = {shape for module in room for shape in vars(module).values() if isinstance(shape, type)}
    shapes = {shape for shape in named if shape.__module__.partition(".")[0] == "providers"}  # payloads are no secret
    holding = {shape for shape in shapes if is_dataclass(shape) and telling & {part.name for part in fields(shape)}}
    assert holding == {type(secretive) for secretive in SECRETIVE}


def test_what_is_quoted_is_short_plain_and_without_secrets() -> None:
    said = f"a\r\nb \x1b[31m {TOKEN} {quote(TOKEN)} https://x/?sig=123 eyJhbGciOi.eyJzdWIi.c2ln {'x' * 900}".encode()
    words = quotable("text/plain", said, [TOKEN])
    assert words.startswith("a b [31m *** *** https://x/?*** *** xxx")
    assert len(words) <= 201
    assert quotable("text/html", said, []) == ""
    assert spellings("abc") == []


def test_a_quoted_secret_is_blackened_however_it_is_spelled() -> None:
    raw = CANARY.encode()
    spelled = [CANARY, quote(CANARY, safe=""), quote_plus(CANARY), base64.b64encode(raw).decode()]
    spelled += [base64.urlsafe_b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("=")]
    assert [quotable("text/plain", text.encode(), [CANARY]) for text in spelled] == ["***"] * len(spelled)


def test_a_configuration_error_names_the_place_and_not_the_value() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Origin.parse(f"https://{TOKEN}:{TOKEN}@api.example", place="assets/acme/defs.yaml, key api_url")
    assert "assets/acme/defs.yaml, key api_url" in str(caught.value)
    assert_clean(str(caught.value))
