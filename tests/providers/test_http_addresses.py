import socket
import string
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AddressRefusedError, ConfigurationError
from providers._addresses import Address, is_public, look_up
from providers._http import Origin

API = Origin.parse("https://api.example/charging/api/v1/export/", place="test")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example", ("https", "api.example", 443, "")),
        ("HTTPS://API.Example:8443/base/", ("https", "api.example", 8443, "/base")),
        ("https://api.example/a//b", ("https", "api.example", 443, "/a/b")),
        ("http://127.0.0.1:8099/x", ("http", "127.0.0.1", 8099, "/x")),
        ("http://localhost:8099", ("http", "localhost", 8099, "")),
        ("http://[::1]:8099", ("http", "::1", 8099, "")),
    ],
)
def test_the_address_of_an_api_is_read(url: str, expected: tuple[str, str, int, str]) -> None:
    origin = Origin.parse(url, place="test")
    assert (origin.scheme, origin.host, origin.port, origin.base_path) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "https://user@api.example",
        "https://user:password@api.example",
        "https://api.example?x=1",
        "https://api.example?",
        "https://api.example#x",
        "https://api.example#",
        "https://",
        "https:///x",
        "https:api.example",
        "api.example",
        "//api.example",
        "",
        " https://api.example",
        "https://api.example ",
        "https://api.example/\n",
        "https://api.exämple",
        "https://api%2eexample",
        "https://api_x.example",
        "https://-api.example",
        "https://api..example",
        "https://api.example.",
        "https://api.example:",
        "https://api.example:0",
        "https://api.example:70000",
        "https://api.example:8o",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.0.0.1",
        "https://0177.0.0.1",
        "https://[::1",
        "https://[::1]x",
        "https://[fe80::1%25eth0]",
        "https://api.example\\@evil.example",
        "https://api.example/../x",
        "https://api.example/%2e%2e/x",
        "https://" + "a" * 64 + ".example",
        "ftp://api.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_a_doubtful_address_of_an_api_is_a_mistake_in_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Origin.parse(url, place="assets/acme/defs.yaml")
    assert "assets/acme/defs.yaml" in str(caught.value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("query", "https://api.example/charging/api/v1/export/query"),
        ("/query", "https://api.example/charging/api/v1/export/query"),
        ("query/", "https://api.example/charging/api/v1/export/query/"),
        ("sites/a%20b/x.json", "https://api.example/charging/api/v1/export/sites/a%20b/x.json"),
        ("", "https://api.example/charging/api/v1/export"),
    ],
)
def test_a_path_lies_below_the_base_path(path: str, expected: str) -> None:
    assert API.url(path, {}, place="test") == expected


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "https:/evil.example",
        "//evil.example/x",
        "///evil.example",
        "../x",
        "a/../../x",
        "a/./x",
        "..",
        ".",
        "%2e%2e/x",
        "a/%2E%2e/x",
        "a%2fb",
        "a%5cb",
        "a\\b",
        "a//b",
        "a?b=c",
        "a#b",
        "a b",
        "a\r\nX: y",
        "a%0d%0aX",
        "a%",
        "a%zz",
        "ä",
        "a\x00",
        "@evil.example",
        ":80/x",
        "a;b",
    ],
)
def test_a_path_that_leaves_the_base_path_is_refused(path: str) -> None:
    with pytest.raises(AddressRefusedError):
        API.url(path, {}, place="test")


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_a_hostile_parameter_is_nothing_but_an_encoded_value(params: dict[str, str]) -> None:
    try:
        url = API.url("query", params, place="test")
    except AddressRefusedError:
        assert any(0xD800 <= ord(c) <= 0xDFFF for text in (*params, *params.values()) for c in text)
        return
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("api.example", "/charging/api/v1/export/query", "")
    assert dict(parse_qsl(parts.query, keep_blank_values=True)) == params
    assert set(parts.query) <= set(string.ascii_letters + string.digits + "-._~%=&")


def test_a_token_of_a_megabyte_is_not_sent() -> None:
    with pytest.raises(AddressRefusedError, match="bytes long"):
        API.url("query", {"continueToken": "x" * 2**20}, place="test")


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",  # noqa: S104 (judged, not bound)
        "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:1::1", "localhost", "",
    ],
)  # fmt: skip
def test_an_address_inside_some_network_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_the_resolver_names_each_address_once() -> None:
    addresses = look_up("localhost", 80)
    assert addresses
    assert len(addresses) == len(set(addresses))


def test_an_unknown_name_is_an_error_of_the_system() -> None:
    with pytest.raises(socket.gaierror):
        look_up("nobody.invalid", 80)


@pytest.mark.parametrize("url", ["https://api.example/a?b=c", "https://api.example:8443/", "https://[2606:4700::1]/x"])
def test_an_address_is_put_together_as_it_was(url: str) -> None:
    assert Address.parse(url).url == url
