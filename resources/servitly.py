"""Servitly: an account, the names of the variables that hold its login and its key, and what the key's quota bears."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers._http_types import FILE_LIMITS
from providers.servitly.account import AccountConfig
from providers.servitly.polling_policy import PollingPolicy
from providers.servitly.spec import SPEC
from resources.connection import ConnectionConfig

if TYPE_CHECKING:
    from domain.contract import Budget
    from domain.export_jobs import ExportJobs
    from providers._http import ApiClient
    from providers._login import BearerLogin
    from providers.servitly.client import Servitly
    from resources.session import ProviderSession


@dataclass(frozen=True, slots=True)
class ServitlyConfig(ConnectionConfig):
    """How to reach one account at Servitly.

    Attributes:
        password_env: The variable that holds the password, or the personal access token.
        api_key_env: The variable that holds the application's key.
        username_env: The variable that holds the e-mail address; None for a personal access token.
        requests_per_minute: What the key's quota bears.
        polling_policy: All waits for jobs and archives.
    """

    spec = SPEC
    package = "providers.servitly"

    account: AccountConfig
    password_env: str
    api_key_env: str
    username_env: str | None
    requests_per_minute: float
    polling_policy: PollingPolicy

    def client(self, session: "ProviderSession") -> "Servitly":
        """The client, with a ledger of its jobs; the provider counts the requests of each tenant."""
        from providers.servitly import client, exports, files
        from resources.order_worker import OrderWorker

        policy = self.polling_policy
        budget, credentials, http, jobs = self.ordering(session)
        own = session.client(budget, credentials, limits=FILE_LIMITS)
        worker = session.counted(
            OrderWorker(self, session.environment(), source=session.source, patience=policy.unknown)
        )
        ordered = exports.Exports(http, credentials, jobs, worker.carry, policy=policy)
        hosts = session.files(frozenset(self.account.file_hosts))
        fetched = files.Files(own, hosts, session.home / "spool", waits=policy.files)
        return client.Servitly(http, ordered, fetched, jobs, self.account)

    def ordering(self, session: "ProviderSession") -> "tuple[Budget | None, BearerLogin, ApiClient, ExportJobs]":
        """What an order needs: the tenant's budget, its login, its API and the ledger of its jobs."""
        from providers.servitly.login import servitly_login

        username = session.variable(self.username_env) if self.username_env else ""
        password, api_key = session.secret(self.password_env), session.secret(self.api_key_env)
        budget = session.budget(self.account.tenant, self.requests_per_minute / 60)
        credentials = servitly_login(
            session.client(budget), self.account, username=username, password=password, api_key=api_key
        )
        jobs = session.export_jobs(self.account.tenant)
        return budget, credentials, session.client(budget, credentials), jobs
