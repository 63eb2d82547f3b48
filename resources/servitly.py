"""Servitly: an account, the names of the variables that hold its login and its key, and what the key's quota bears."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from providers.servitly.account import AccountConfig
from providers.servitly.pace import Pace
from providers.servitly.spec import SPEC
from resources.connection import ConnectionConfig

if TYPE_CHECKING:
    from domain.contract import Budget
    from providers._http import ApiClient
    from providers._login import BearerLogin
    from providers.servitly.client import Servitly
    from providers.servitly.orders import Orders
    from resources.session import ProviderSession
    from warehouse.export_jobs import DatabaseExportJobs

_PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class ServitlyConfig(ConnectionConfig):
    """How to reach one account at Servitly.

    Attributes:
        password_env: The variable that holds the password, or the personal access token.
        api_key_env: The variable that holds the application's key.
        username_env: The variable that holds the e-mail address; None for a personal access token.
        requests_per_minute: What the key's quota bears.
        poll_seconds: Before a new job is asked after for the first time.
        pace: All other waits for jobs and archives.
    """

    spec = SPEC
    package = "providers.servitly"

    account: AccountConfig
    password_env: str
    api_key_env: str
    username_env: str | None
    requests_per_minute: float
    poll_seconds: float
    pace: Pace = _PACE

    def client(self, session: "ProviderSession") -> "Servitly":
        """The client, with a ledger of its jobs; the provider counts the requests of each tenant."""
        from providers._limits import FILE_LIMITS  # noqa: PLC0415  # see `ConnectionConfig`
        from providers.servitly import client, exports, files  # noqa: PLC0415  # see `ConnectionConfig`
        from resources.order_worker import OrderWorker  # noqa: PLC0415  # see `ConnectionConfig`

        pace = self.polling_policy
        budget, credentials, http, jobs = self._reached(session)
        own = session.client(budget, credentials, limits=FILE_LIMITS)
        worker = session.counted(OrderWorker(self, session.environment(), source=session.source, patience=pace.unknown))
        ordered = exports.Exports(http, credentials, jobs, worker.carry, pace=pace)
        hosts = session.files(frozenset(self.account.file_hosts))
        fetched = files.Files(own, hosts, session.home / "spool", waits=pace.files)
        return client.Servitly(http, ordered, fetched, jobs, self.account)

    def orders(self, session: "ProviderSession") -> "Orders":
        """What a worker needs: what carries an order, and no more than that."""
        from providers.servitly.orders import Orders  # noqa: PLC0415  # see `ConnectionConfig`

        _, credentials, http, jobs = self._reached(session)
        return Orders(http, credentials, jobs, pace=self.polling_policy)

    @property
    def polling_policy(self) -> Pace:
        """All waits for jobs and archives."""
        return replace(self.pace, first_poll=self.poll_seconds)

    def _reached(
        self, session: "ProviderSession"
    ) -> "tuple[Budget | None, BearerLogin, ApiClient, DatabaseExportJobs]":
        """The tenant's budget, its login, its API and the ledger of its jobs."""
        from providers.servitly.login import servitly_login  # noqa: PLC0415  # see `ConnectionConfig`
        from warehouse.export_jobs import DatabaseExportJobs  # noqa: PLC0415  # see `ConnectionConfig`

        username = session.variable(self.username_env) if self.username_env else ""
        password, api_key = session.secret(self.password_env), session.secret(self.api_key_env)
        budget = session.budget(self.account.tenant, self.requests_per_minute / 60)
        credentials = servitly_login(
            session.client(budget), self.account, username=username, password=password, api_key=api_key
        )
        tenant = f"{session.origin.place('')} {self.account.tenant}"
        jobs = session.kept(DatabaseExportJobs(session.warehouse(), session.source, tenant))
        return budget, credentials, session.client(budget, credentials), jobs
