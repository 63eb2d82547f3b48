from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.errors import ConfigurationError
from resources.settings import PROJECT, Settings


def test_a_missing_variable_is_named_with_the_place_that_needs_it() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings({}).secret("ROOF_CLIENT_SECRET", place="assets/roof/defs.yaml")
    assert str(raised.value) == (
        "the environment variable ROOF_CLIENT_SECRET is not set (assets/roof/defs.yaml): "
        "set ROOF_CLIENT_SECRET in the environment (for containers: in .env) and start again."
    )


def test_an_empty_variable_is_a_missing_one() -> None:
    with pytest.raises(ConfigurationError):
        Settings({"ROOF_URL": "  "}).variable("ROOF_URL", place="here")


def test_settings_and_secrets_do_not_show_what_they_hold() -> None:
    settings = Settings({"ROOF_CLIENT_SECRET": "hunter2"})
    secret = settings.secret("ROOF_CLIENT_SECRET", place="here")
    assert "hunter2" not in f"{settings!r} {settings} {secret!r} {secret}"
    assert secret.reveal() == "hunter2"


def test_without_variables_everything_stays_in_the_checkout() -> None:
    settings = Settings({})
    assert settings.home == PROJECT / ".joulehouse"
    assert settings.landing_url == str(PROJECT / ".joulehouse" / "landing")
    assert settings.warehouse_url is None


def test_variables_move_what_they_name() -> None:
    settings = Settings(
        {
            "JOULEHOUSE_HOME": "/somewhere",
            "LANDING_URL": "s3://bucket",
            "WAREHOUSE_URL": "u",
            "XDG_CACHE_HOME": "/c",
        }
    )
    assert settings.home == Path("/somewhere")
    assert settings.landing_url == "s3://bucket"
    assert settings.warehouse_url == "u"
    assert settings.cache == Path("/c/joulehouse")


@pytest.mark.parametrize("url", ["memory://bucket", " memory:/x", "simplecache::memory://x"])
def test_the_memory_of_a_process_is_no_landing_zone(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the memory of a process is no landing zone"):
        _ = Settings({"LANDING_URL": url}).landing_url


@pytest.mark.parametrize("url", ["file://srv/landing", "file:landing", "file://~/landing", "local://landing"])
def test_a_folders_url_with_too_few_slashes_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"another folder for each process.*\(LANDING_URL\): write file:///"):
        _ = Settings({"LANDING_URL": url}).landing_url
    assert Settings({"LANDING_URL": "file:///srv/landing"}).landing_url == "file:///srv/landing"


@pytest.mark.parametrize(
    ("url", "folder"),
    [("~/landing", Path.home() / "landing"), ("landing", Path("landing").absolute()), ("/landing", Path("/landing"))],
)
def test_a_folder_of_answers_is_found_as_the_home_is(url: str, folder: Path) -> None:
    assert Settings({"LANDING_URL": url}).landing_url == str(folder) == str(Settings({"JOULEHOUSE_HOME": url}).home)


@pytest.mark.parametrize("name", ["LANDING_URL", "JOULEHOUSE_HOME"])
def test_the_home_of_nobody_is_refused_by_the_variables_name(name: str) -> None:
    settings = Settings({name: "~nobody-of-that-name/x"})
    with pytest.raises(ConfigurationError, match=rf"~nobody-of-that-name/x begins with the home .*\({name}\): write"):
        _ = settings.landing_url


def test_the_environment_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://later")
    assert settings.warehouse_url == "postgresql://later"


def test_a_password_with_any_character_goes_into_the_address_as_it_is() -> None:
    password = "p@ss/w:o#r?d %41€"
    settings = Settings({"WAREHOUSE_URL": "postgresql://joulehouse@warehouse:5432/j", "WAREHOUSE_PASSWORD": password})
    url = settings.warehouse_url
    assert url is not None
    parts = conninfo_to_dict(url)
    assert parts == {"user": "joulehouse", "password": password, "host": "warehouse", "port": "5432", "dbname": "j"}


@pytest.mark.parametrize("url", ["postgresql://me:mine@there/j", "postgresql:///j", ""])
def test_a_password_apart_changes_no_address_that_has_one_or_has_no_user(url: str) -> None:
    assert Settings({"WAREHOUSE_URL": url, "WAREHOUSE_PASSWORD": "other"}).warehouse_url == (url or None)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://redis:6379/0", "redis://:p%40ss%2Fw%3B%23%3Ar%20d@redis:6379/0"),
        ("amqp://me@broker//", "amqp://me:p%40ss%2Fw%3B%23%3Ar%20d@broker//"),
        (
            "sentinel://a:1;sentinel://b:2",
            "sentinel://:p%40ss%2Fw%3B%23%3Ar%20d@a:1;sentinel://:p%40ss%2Fw%3B%23%3Ar%20d@b:2",
        ),
        ("redis://:mine@redis:6379/0", "redis://:mine@redis:6379/0"),
        (
            "redis+socket:///run/redis.sock?virtual_host=1",
            "redis+socket://:p%40ss%2Fw%3B%23%3Ar%20d@/run/redis.sock?virtual_host=1",
        ),
        ("", None),
    ],
)
def test_a_brokers_password_apart_goes_into_its_address_unless_that_has_one(url: str, address: str | None) -> None:
    assert Settings({"BROKER_URL": url, "BROKER_PASSWORD": "p@ss/w;#:r d"}).broker_url == address
    assert Settings({"BROKER_URL": url}).broker_url == (url or None)


def test_a_proxy_of_ours_stands_in_every_variable_that_others_read() -> None:
    assert Settings({"HTTPS_PROXY": "http://other"}).proxy_variables == {}
    ours = Settings({"JOULEHOUSE_PROXY": "http://me:p%40ss@proxy.example:3128"}).proxy_variables
    assert {ours[name] for name in ("http_proxy", "HTTPS_PROXY", "all_proxy")} == {
        "http://me:p%40ss@proxy.example:3128"
    }
    assert ours["NO_PROXY"] == "localhost,127.0.0.1,::1"
    settings = Settings({"JOULEHOUSE_PROXY": "http://proxy.example:3128", "NO_PROXY": "minio.local, 127.0.0.1"})
    lent = settings.proxy_variables
    assert lent["no_proxy"] == "localhost,127.0.0.1,::1,minio.local"
    assert settings.other_proxies == ["NO_PROXY"]
    assert Settings({**settings.environment, **lent}).other_proxies == []
    none = Settings({"JOULEHOUSE_PROXY": "direct"}).proxy_variables
    assert (none["https_proxy"], none["HTTP_PROXY"], none["no_proxy"]) == ("", "", "*")
