"""Servitly: an account, the names of the variables that hold its login and its key, and what the key's quota bears."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from domain.contract import Budget
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from providers.servitly.account import Account
from providers.servitly.pace import Pace
from providers.servitly.spec import SPEC
from resources.access import Access

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from providers._http import ApiClient
    from providers._login import BearerLogin
    from providers.servitly.client import Servitly
    from providers.servitly.orders import Orders
    from resources.line import Line
    from warehouse.export_jobs import DatabaseExportJobs

_PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class ServitlyAccess(Access):
    """How to reach one account at Servitly.

    Attributes:
        account: What to ask for, and how to read it.
        password_env: The variable that holds the password, or the personal access token.
        api_key_env: The variable that holds the application's key.
        username_env: The variable that holds the e-mail address; None for a personal access token.
        requests_per_minute: What the key's quota bears.
        poll_seconds: Before a new job is asked after for the first time.
        pace: All other waits for jobs and archives.
    """

    spec = SPEC

    account: Account
    password_env: str
    api_key_env: str
    username_env: str | None
    requests_per_minute: float
    poll_seconds: float
    pace: Pace = _PACE

    def service(self, line: "Line") -> "Servitly":
        """The client, with a ledger of its jobs; the provider counts the requests of each tenant."""
        from providers._limits import FILE_LIMITS  # noqa: PLC0415  # see `Access`
        from providers.servitly.client import Servitly  # noqa: PLC0415  # see `Access`
        from providers.servitly.exports import Exports  # noqa: PLC0415  # see `Access`
        from providers.servitly.files import Files  # noqa: PLC0415  # see `Access`
        from resources.dispatch import Dispatch  # noqa: PLC0415  # see `Access`

        account, pace = self.account, self._pace
        budget, login, http, jobs = self._reached(line)
        own = line.client(budget, login, limits=FILE_LIMITS)
        dispatch = line.counted(Dispatch(self, line.environment(), place=line.source, patience=pace.unknown))
        exports = Exports(http, login, jobs, dispatch.carry, pace=pace)
        files = Files(own, line.files(frozenset(account.file_hosts)), line.home / "spool", waits=pace.files)
        return Servitly(http, exports, files, jobs, account)

    def orders(self, line: "Line") -> "Orders":
        """What a courier needs: what carries an order, and no more than that."""
        from providers.servitly.orders import Orders  # noqa: PLC0415  # see `Access`

        _, login, http, jobs = self._reached(line)
        return Orders(http, login, jobs, pace=self._pace)

    @property
    def _pace(self) -> Pace:
        return replace(self.pace, first_poll=self.poll_seconds)

    def _reached(self, line: "Line") -> "tuple[Budget | None, BearerLogin, ApiClient, DatabaseExportJobs]":
        """The tenant's budget, its login, its API and the ledger of its jobs."""
        from providers.servitly.login import servitly_login  # noqa: PLC0415  # see `Access`
        from warehouse.export_jobs import DatabaseExportJobs  # noqa: PLC0415  # see `Access`

        username = line.variable(self.username_env) if self.username_env else ""
        password, api_key = line.secret(self.password_env), line.secret(self.api_key_env)
        account = self.account
        budget = line.budget(account.tenant, self.requests_per_minute / 60)
        login = servitly_login(line.client(budget), account, username=username, password=password, api_key=api_key)
        tenant = f"{line.origin.place('')} {account.tenant}"
        jobs = line.kept(DatabaseExportJobs(line.warehouse(), line.source, tenant))
        return budget, login, line.client(budget, login), jobs

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # noqa: ARG002  # a header's unit says it
    ) -> "Iterator[Normalized]":
        """What the answers mean; see `Provider.normalize`."""
        from providers.servitly.normalize import normalize  # noqa: PLC0415  # see `Access`

        return normalize(payloads, window, self.account)

    def normalize_each(
        self,
        payloads: Iterable[Payload],
        windows: Sequence[Window],
        kinds: Kinds = NO_KINDS,  # noqa: ARG002  # a header's unit says it
    ) -> "Iterator[tuple[int, Normalized]]":
        """What the answers of a wide pull mean; see `Provider.normalize_each`."""
        from providers.servitly.normalize import normalize_each  # noqa: PLC0415  # see `Access`

        return normalize_each(payloads, windows, self.account)
