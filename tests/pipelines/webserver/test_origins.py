"""Origins as browsers and operators write them."""

import pytest

from domain.errors import ConfigurationError
from pipelines.webserver.origins import Origin, OwnOrigins
from resources.settings import Settings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("https://Energy.example.org", "https://energy.example.org"),
        ("https://energy.example.org:443", "https://energy.example.org"),
        ("http://energy:80", "http://energy"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, shown: str) -> None:
    assert str(Origin.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["null", "", "energy.example.org", "ftp://energy", "http://", "http://energy:99999", "http://energy:", "http://a b",
     "http://energy/path", "http://user@energy", "http://energy?x", "http://*", "http://energy\n", "http://energy:٣"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    assert Origin.parse(text) is None
    if text:
        assert not OwnOrigins.of([3000]).has_origin(text)


def test_the_published_port_is_ours_as_the_one_that_is_listened_on_is() -> None:
    own = OwnOrigins.of([8080, 3000])
    assert str(own.origins[0]) == "http://127.0.0.1:8080", "where people look"
    assert own.has_host("127.0.0.1:8080")
    assert own.has_host("127.0.0.1:3000")
    assert not own.has_host("127.0.0.1")


def test_operators_name_further_origins_with_commas_between() -> None:
    settings = Settings({"UI_ORIGINS": " https://energy.example.org/, http://tunnel:8080 ,"})
    own = OwnOrigins.of([3000], settings.ui_origins)
    assert own.has_origin("https://energy.example.org")
    assert own.has_origin("http://tunnel:8080")
    assert not own.has_origin("http://energy.example.org")
    assert OwnOrigins.of([3000], Settings({}).ui_origins) == OwnOrigins.of([3000])


@pytest.mark.parametrize("text", ["energy.example.org", "*", "https://energy.example.org/ui"])
def test_a_setting_that_is_no_origin_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no origin \(UI_ORIGINS\): write it as https://energy"):
        OwnOrigins.of([3000], Settings({"UI_ORIGINS": text}).ui_origins)
