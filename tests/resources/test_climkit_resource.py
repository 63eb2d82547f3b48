"""Climkit's resource: a missing variable is named, and there is one bucket for one credential."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError
from providers.climkit.account import AccountConfig
from resources.climkit import ClimkitConfig
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.settings import Settings
from sandbox.climkit.house import SITE
from tests.providers.climkit.harness import DAY, FLAT, apartments

CONFIG = ClimkitConfig(
    Endpoint("house", "assets/house/defs.yaml", base_url_env="HOUSE_URL"),
    AccountConfig(
        sites=(SITE,),
        meters=(FLAT,),
        frequencies=("15T", "D"),
        has_site_totals=False,
        has_registers=False,
        has_sensors=False,
        sensors={"humidity": ("ratio", "%")},
    ),
    username_env="HOUSE_USERNAME",
    password_env="HOUSE_PASSWORD",
)
VARIABLES = {"HOUSE_URL": "http://127.0.0.1:1", "HOUSE_USERNAME": "canary-user", "HOUSE_PASSWORD": "canary-password"}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_fails_the_first_request_by_name(name: str) -> None:
    settings = Settings({key: value for key, value in VARIABLES.items() if key != name})
    with closing(LazyProvider(CONFIG, settings)) as provider, pytest.raises(ConfigurationError, match=name):
        next(provider.fetch(DAY, {}))


def test_a_replay_needs_no_variable() -> None:
    with closing(LazyProvider(CONFIG, Settings({}))) as provider:
        assert list(provider.normalize([], DAY)) == []
        assert provider.n_requests == 0


def test_sources_with_one_credential_share_one_bucket_which_does_not_say_whose_it_is(
    database: str, tmp_path: Path
) -> None:
    with apartments() as made:
        known = made.twin.settings
        variables = {"WAREHOUSE_URL": database, "LANDING_URL": str(tmp_path)}
        for prefix in ("HOUSE", "OTHER"):
            variables |= {
                f"{prefix}_URL": made.sandbox.url_of("climkit"),
                f"{prefix}_USERNAME": known.username,
                f"{prefix}_PASSWORD": known.password,
            }
        other = replace(CONFIG, endpoint=replace(CONFIG.endpoint, source="other", base_url_env="OTHER_URL"))
        other = replace(other, username_env="OTHER_USERNAME", password_env="OTHER_PASSWORD")
        for config in (CONFIG, other):
            with closing(LazyProvider(config, Settings(variables))) as provider:
                next(provider.fetch(DAY, {}))
                assert provider.n_requests == 2
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT credential, n_taken FROM budget").fetchall()
    assert [taken for _, taken in rows] == [4]
    assert known.username not in rows[0][0]
