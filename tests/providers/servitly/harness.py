"""Servitly's client over its twin on loopback, with a ledger of jobs: what the tests of the provider talk through."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from domain.export_jobs import ExportJob, ExportJobs, JobState, Order
from domain.window import Window
from providers._archive import ArchiveLimits
from providers._http import ApiClient, BlobClient, Origin, Secret
from providers._login import BearerLogin
from providers.servitly.account import AccountConfig, FieldMeaning
from providers.servitly.client import Servitly
from providers.servitly.exports import Exports
from providers.servitly.files import Files
from providers.servitly.login import servitly_login
from providers.servitly.orders import Orders
from providers.servitly.polling_policy import PollingPolicy
from sandbox.running import Sandbox
from sandbox.servitly import twin as served
from tests.fakes.api import QUICK, Naps
from tests.fakes.harness import ProviderOver, Served, shared_sandbox

DAY = Window.of_day(date(2025, 6, 1))
MIDNIGHT = 1_748_736_000_000
ACCOUNT = AccountConfig(tenant="acme", fields={"Water heater": FieldMeaning("energy", "Wh")})
PACE = PollingPolicy(
    first_poll=0.02, longest_poll=0.05, busy=0.02, unknown=0.3, look=0.05, cool_down=0.05, files=(0.01,) * 4
)


@dataclass
class ListedJobs:
    """A ledger of jobs in memory, for one process: the promises of `domain.export_jobs.ExportJobs` in few lines.

    Attributes:
        jobs: Number → job and when it was ordered and seen.
    """

    source: str = "fleet"
    jobs: dict[int, ExportJob] = field(default_factory=dict)
    ordered: dict[int, float] = field(default_factory=dict)
    touched: dict[int, float] = field(default_factory=dict)
    sentences: dict[int, str] = field(default_factory=dict)
    archives: dict[int, str] = field(default_factory=dict)
    n_slots: int = 0

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    @contextmanager
    def slot(self, patience_seconds: float) -> Iterator[None]:
        assert patience_seconds > 0
        self.n_slots += 1
        yield

    def alive(self) -> Sequence[ExportJob]:
        alive = (JobState.INTENDED, JobState.SENT, JobState.PENDING)
        return [job for job in self.listed() if job.state in alive]

    def ready(
        self, sha256: str, *, fresh_seconds: float, settled_seconds: float, kept_seconds: float
    ) -> ExportJob | None:
        assert fresh_seconds <= kept_seconds
        assert settled_seconds >= 0
        found = [job for job in self.listed() if job.sha256 == sha256 and job.state is JobState.COMPLETED]
        return found[-1] if found else None

    def unhappy_seconds(self, sha256: str) -> float | None:
        ended = (JobState.COMPLETED, JobState.LANDED, JobState.FAILED, JobState.LOST)
        found = [
            job for job in self.listed() if job.sha256 == sha256 and job.state in ended and job.provider_job is not None
        ]
        unhappy = (JobState.FAILED, JobState.LOST)
        return found[-1].unseen_seconds if found and found[-1].state in unhappy else None

    def intend(self, order: Order) -> ExportJob:
        number = next(self._numbers)
        self.jobs[number] = ExportJob(number, self.source, order.sha256, JobState.INTENDED, None, "", 0.0, 0.0)
        self.ordered[number] = self.touched[number] = time.monotonic()
        return self.jobs[number]

    def sent(self, number: int) -> bool:
        if self.jobs[number].state is not JobState.INTENDED:
            return False
        self.ordered[number] = time.monotonic()
        self._change(number, state=JobState.SENT)
        return True

    def cancelled(self, number: int) -> bool:
        if self.jobs[number].state is not JobState.INTENDED:
            return False
        self._change(number, state=JobState.REFUSED)
        return True

    def taken(self, number: int, provider_job: str, provider_state: str) -> None:
        self._change(number, state=JobState.PENDING, provider_job=provider_job, provider_state=provider_state)

    def seen(self, number: int, provider_state: str) -> None:
        self._change(number, provider_state=provider_state)

    def ended(self, number: int, state: JobState, sentence: str = "") -> None:
        self.sentences[number] = sentence
        self._change(number, state=state)

    def fetched(self, number: int, sha256: str, n_bytes: int) -> None:
        assert n_bytes > 0
        self.archives[number] = sha256

    def landed(self, sha256: str) -> None:
        for job in self.listed():
            if job.sha256 == sha256 and job.state is JobState.COMPLETED:
                self._change(job.number, state=JobState.LANDED)

    def states(self) -> list[str]:
        """The states of all jobs, the oldest first."""
        return [job.state.value for job in self.listed()]

    def listed(self) -> list[ExportJob]:
        now = time.monotonic()
        return [
            replace(job, age_seconds=now - self.ordered[number], unseen_seconds=now - self.touched[number])
            for number, job in self.jobs.items()
        ]

    def _change(self, number: int, **changes: Any) -> None:
        self.jobs[number] = replace(self.jobs[number], **changes)
        self.touched[number] = time.monotonic()


@dataclass
class Boilers(Served[served.Servitly, Servitly]):
    """Servitly and its twin.

    Attributes:
        jobs: Its ledger.
        login: Its credentials.
        waits: The waits for jobs, files and the slot.
        spool: Where archives lie meanwhile.
        looked_up: The names of other hosts that were looked up.
    """

    day = DAY

    jobs: Any
    login: BearerLogin
    waits: list[float]
    spool: Path
    looked_up: list[str]

    def asked(self, *paths: str) -> list[dict[str, Any]]:
        """The requests to paths that begin with any of `paths` so far, oldest first."""
        entries = self.requests()
        return [one for one in entries if not paths or any(one["path"].startswith(path) for path in paths)]


@contextmanager
def boilers(
    *,
    account: AccountConfig = ACCOUNT,
    jobs: ExportJobs | None = None,
    policy: PollingPolicy = PACE,
    slice_of: timedelta = timedelta(days=31),
    in_memory_bytes: int = 4 * 2**20,
    archive_limits: ArchiveLimits = ArchiveLimits(),
    password: str | None = None,
    is_reset: bool = True,
    sandbox: Sandbox | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    **settings: Any,
) -> Iterator[Boilers]:
    """A provider over the running twin.

    Args:
        account: What is asked, and how it is read. `localhost` stands for another host, and is put on its list.
        jobs: The ledger of jobs; one in memory by default.
        policy: Waits, really waited for.
        slice_of: The widest span of one job.
        in_memory_bytes: Archives that are larger lie in files.
        archive_limits: What an archive may be.
        password: What the provider takes for its password; None for the right one.
        is_reset: Whether the twin begins anew.
        sandbox: Another one than the shared one.
        now: The time it is, for the provider.
        settings: Fields of the twin's settings.
    """
    sandbox = sandbox or shared_sandbox()
    if is_reset:
        sandbox.control.reset()
    twin = sandbox.control.twins["servitly"]
    assert isinstance(twin, served.Servitly)
    if is_reset:
        twin.configure(**{"job_seconds": 0.05, **settings})
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    looked_up: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    naps, quick = Naps(), replace(QUICK, read_seconds=30.0)
    origin = Origin.parse(sandbox.url + served.ROOT, place="test")
    hosts = frozenset({f"localhost:{urlsplit(sandbox.url).port}", *account.file_hosts})
    with ExitStack() as opened:
        logins = opened.enter_context(ApiClient(origin, source="fleet", limits=quick, sleep=naps))
        secret = Secret(password or twin.settings.password)
        key = Secret(twin.settings.api_key)
        login = servitly_login(logins, account, username=twin.settings.username, password=secret, api_key=key)
        http = opened.enter_context(ApiClient(origin, source="fleet", credentials=login, limits=quick, sleep=naps))
        own = opened.enter_context(ApiClient(origin, source="fleet", credentials=login, limits=quick, sleep=naps))
        others = opened.enter_context(BlobClient(hosts, source="fleet", limits=quick, sleep=naps, resolve=resolve))
        spool = Path(opened.enter_context(TemporaryDirectory()))
        ledger = jobs or ListedJobs()
        client = Servitly(
            http,
            Exports(
                http,
                login,
                ledger,
                Orders(http, login, ledger, policy=policy).carry,
                policy=policy,
                sleep=sleep,
            ),
            Files(own, others, spool, waits=policy.files, limits=archive_limits, sleep=sleep),
            ledger,
            account,
            slice_of=slice_of,
            in_memory_bytes=in_memory_bytes,
            now=now,
        )
        clients = (logins, http, own, others)
        provider = ProviderOver(client, account, http, own, others)
        yield Boilers(sandbox, twin, provider, clients, naps, ledger, login, waits, spool, looked_up)
