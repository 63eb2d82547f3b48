"""Servitly's resource: variables looked up when they are needed, a ledger and a budget in the warehouse."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError
from providers.servitly.account import AccountConfig, FieldMeaning, Metric
from providers.servitly.polling_policy import PollingPolicy
from resources.provider import LazyProvider
from resources.settings import Settings
from tests.fakes import order_workers
from tests.providers.servitly.harness import DAY, boilers

ACCOUNT = AccountConfig(
    tenant="acme",
    metrics=(Metric("66a000000000000000000001"),),
    fields={"Water heater": FieldMeaning("energy", "Wh")},
    file_hosts=("files.example:8443",),
)
CONFIG = replace(
    order_workers.CONFIG, account=ACCOUNT, requests_per_minute=6000.0, polling_policy=PollingPolicy(first_poll=0.1)
)


@pytest.mark.parametrize("missing", ["FLEET_URL", "FLEET_USERNAME", "FLEET_PASSWORD", "FLEET_API_KEY"])
def test_a_missing_variable_is_named_when_it_is_needed_and_not_before(missing: str) -> None:
    known = dict.fromkeys(("FLEET_URL", "FLEET_USERNAME", "FLEET_PASSWORD", "FLEET_API_KEY"), "https://api.example")
    del known[missing]
    with closing(LazyProvider(CONFIG, Settings(known))) as provider:
        assert list(provider.normalize([], DAY)) == []
        with pytest.raises(ConfigurationError, match=missing):
            provider.discover()


def test_it_fetches_with_its_ledger_and_its_budget_in_the_warehouse(database: str, tmp_path: Path) -> None:
    with boilers() as made:
        environment = {
            "FLEET_URL": f"{made.sandbox.url}/servitly",
            "FLEET_USERNAME": made.twin.settings.username,
            "FLEET_PASSWORD": made.twin.settings.password,
            "FLEET_API_KEY": made.twin.settings.api_key,
            "WAREHOUSE_URL": database,
            "JOULEHOUSE_HOME": str(tmp_path),
        }
        with closing(LazyProvider(CONFIG, Settings(environment))) as provider:
            (payload,) = provider.fetch(DAY, {})
            assert payload.params["startTimestamp"] == str(int(DAY.start.timestamp() * 1000))
            assert provider.n_requests >= 4
        assert list((tmp_path / "spool").iterdir()) == []
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT source, state FROM export_job").fetchall() == [("fleet", "landed")]
        (bucket, n_taken) = connection.execute("SELECT credential, n_taken FROM budget").fetchone() or ("", 0)
        assert bucket.startswith("servitly-")
        assert n_taken >= 4
