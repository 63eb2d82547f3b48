"""The sensor that fails runs that nobody is at work on any more, so that the daemon starts them again.

It is the only judge, whatever starts the runs: a run's own lease in the warehouse says whether it lives, and neither a
launcher, which believes what it was told, nor a clock of another host. Only Dagster starts a run again.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final

import dagster as dg
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.storage.tags import MAX_RETRIES_TAG  # no public name in 1.13.27

from domain.errors import IngestError
from pipelines.executor import leased_executor
from resources.step_resources import WarehouseOpener

if TYPE_CHECKING:
    from warehouse.run_leases import Lease, Leases
    from warehouse.store import TimescaleWarehouse

LOST_RUNS: Final = "lost_runs"
"""The sensor's name."""

LOST_WORKERS_TAG: Final = "joulehouse/lost_workers"
"""How many processes a run and those that it continues have lost at work."""
LOST_STARTS_TAG: Final = "joulehouse/lost_starts"
"""How often nobody has begun it."""

MOST_LOST_WORKERS: Final = 10
"""Restarts of one run: what ends its process each time must end somewhere."""

_SECONDS: Final = 20
_MOST_LATE: Final = timedelta(seconds=5)
_UNBEGUN: Final = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)
_BEGUN: Final = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
_MOST_DOUBLINGS: Final = 4


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run may be silent.

    Attributes:
        renewal: Since its lease was renewed, which happens every 15 s.
        start: Until somebody begins it; twice as long each time that nobody has. A launcher may say another
            (`start_patience`).
        proof: How long whoever is overdue is then watched, with the database there all the time: an outage of it that
            kept everybody from renewing makes nobody lost, nor does a clock that was set forward (a laptop that slept):
            it is longer than a renewal takes to come.
        sleep: How that is waited for.
    """

    renewal: timedelta = timedelta(seconds=40)
    start: timedelta = timedelta(seconds=150)
    proof: timedelta = timedelta(seconds=18)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


def lost_runs_sensor(patience: Patience | None = None) -> dg.SensorDefinition:
    """Fails every run whose process is gone, and every one that nobody has begun, and frees what it held."""
    patient = patience or Patience()

    @dg.sensor(
        name=LOST_RUNS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_SECONDS,
        required_resource_keys={"warehouse"},
        description="Fails runs that nobody is at work on any more; the daemon starts them again.",
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        runs = _judged_runs(context)
        if not runs:
            return dg.SensorResult(skip_reason="No run is at work.", cursor="{}")
        opener: WarehouseOpener = context.resources.warehouse
        try:
            with opener.open() as warehouse:
                look = _Look(
                    warehouse.run_leases.of_runs(runs.keys()),
                    json.loads(context.cursor or "{}"),
                    replace(patient, start=start_patience(context.instance, patient.start)),
                )
                overdue = [run for run in runs.values() if look.is_overdue(run)]
                if overdue:
                    patient.sleep(patient.proof.total_seconds())
                    # The database may have gone away again meanwhile, and been waited for just now.
                    if warehouse.run_leases.of_runs(()).seen_at - look.leases.seen_at > patient.proof + _MOST_LATE:
                        away = "the database was away while those overdue were watched"
                        return dg.SensorResult(skip_reason=f"Nobody is judged: {away}.", cursor="{}")
                    _give_up(context, warehouse, look, overdue)
        except IngestError as error:
            return dg.SensorResult(skip_reason=f"Nobody is judged: {error}", cursor="{}")
        return dg.SensorResult(
            skip_reason=f"{len(runs)} runs, {len(overdue)} overdue.", cursor=look.cursor(runs.values())
        )

    return lost_runs


def start_patience(instance: dg.DagsterInstance, otherwise: timedelta) -> timedelta:
    """How long the launcher's class says that its processes take to come; `otherwise` if it says nothing.

    Its class, because the launcher itself is made where runs are launched: that of Kubernetes needs a token, which the
    code server has not.
    """
    data = None if instance.is_ephemeral else instance.get_ref().run_launcher_data
    if data is None:
        return otherwise
    found: timedelta = getattr(getattr(import_module(data.module_name), data.class_name), "start_patience", otherwise)
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the leases, and when each run without one was first seen so: by the server's clock, as all here."""

    leases: "Leases"
    noted: Mapping[str, str]
    patience: Patience

    def lease(self, run: dg.DagsterRun) -> "Lease | None":
        return self.leases.by_run.get(run.run_id)

    def is_overdue(self, run: dg.DagsterRun) -> bool:
        lease = self.lease(run)
        if lease is None:
            patience = self.patience.renewal if run.status in _BEGUN else self._start_patience(run)
            return self.leases.seen_at - datetime.fromisoformat(self._first_seen(run)) >= patience
        return lease.lost_at is not None or self.leases.seen_at - lease.renewed_at >= self.patience.renewal

    def cursor(self, runs: Iterable[dg.DagsterRun]) -> str:
        return json.dumps({_noted_as(run): self._first_seen(run) for run in runs if self.lease(run) is None})

    def _first_seen(self, run: dg.DagsterRun) -> str:
        return self.noted.get(_noted_as(run), self.leases.seen_at.isoformat())

    def _start_patience(self, run: dg.DagsterRun) -> timedelta:
        doublings: int = min(_count(run, LOST_STARTS_TAG), _MOST_DOUBLINGS)
        return self.patience.start * (1 << doublings)


def _noted_as(run: dg.DagsterRun) -> str:
    return f"{run.run_id} {'begun' if run.status in _BEGUN else 'waiting'}"


def _judged_runs(context: dg.SensorEvaluationContext) -> dict[str, dg.DagsterRun]:
    """The runs that are not over, of this code location, and of jobs whose executor holds a lease."""
    runs = context.instance.get_runs(dg.RunsFilter(statuses=[*_UNBEGUN, *_BEGUN]))
    return {run.run_id: run for run in runs if _is_of(context, run) and _holds_lease(context, run)}


def _is_of(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    ours, origin = context.code_location_origin, run.remote_job_origin
    return not ours or not origin or origin.repository_origin.code_location_origin.location_name == ours.location_name


def _holds_lease(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    repository = context.repository_def
    if repository is None or not repository.has_job(run.job_name):
        return repository is None
    return repository.get_job(run.job_name).executor_def is leased_executor


def _give_up(
    context: dg.SensorEvaluationContext, warehouse: "TimescaleWarehouse", look: _Look, overdue: list[dg.DagsterRun]
) -> None:
    """Fail those of the overdue that have not moved since the look."""
    for seen in overdue:
        lease = look.lease(seen)
        run = context.instance.get_run_by_id(seen.run_id)
        if run is None or run.status != seen.status or not warehouse.run_leases.give_up(seen.run_id, lease):
            continue
        sentence = _fail(context.instance, run, lease)
        context.log.warning("run %s: %s", run.run_id, sentence)
    warehouse.run_leases.forget_old()


def _fail(instance: dg.DagsterInstance, run: dg.DagsterRun, lease: "Lease | None") -> str:
    """Say to Dagster that a run has ended, and let it start another; what was said."""
    is_unbegun = run.status in _UNBEGUN and not lease
    if is_unbegun:
        sentence = "Nobody has begun this run: whoever was to begin it is gone, or has no place for it."
    else:
        who = lease.holder if lease and lease.holder else "The process"
        sentence = f"{who[0].upper()}{who[1:]} that was at work on this run says nothing any more: it is lost."
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, sentence)
    else:
        tag = LOST_STARTS_TAG if is_unbegun else LOST_WORKERS_TAG
        sentence += _let_be_restarted(instance, run, tag, None if is_unbegun else MOST_LOST_WORKERS)
        reason = RunFailureReason.START_TIMEOUT if is_unbegun else RunFailureReason.UNEXPECTED_TERMINATION
        instance.report_run_failed(run, sentence, JobFailureData(error=None, failure_reason=reason))
    # Or its source's pool would be held for a minute more, and the next run would wait.
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return sentence


def _let_be_restarted(instance: dg.DagsterInstance, run: dg.DagsterRun, tag: str, most: int | None) -> str:
    """Let the daemon start it again without one of the retries for what fails by itself; what is to be said of that.

    Dagster counts every run of the group, those that people have started, too.
    """
    n_lost = _count(run, tag) + 1
    allowed = _count(run, MAX_RETRIES_TAG, instance.run_retries_max_retries)
    if not instance.run_retries_enabled or allowed < 1:
        return " It is not started again: retries of runs are off."
    tags = {tag: str(n_lost)}
    if most is not None and n_lost > most:
        instance.add_run_tags(run.run_id, tags | {MAX_RETRIES_TAG: "0"})
        return (
            f" It is not started again: {n_lost} processes were lost at it, one after the other, so it may be what ends"
            " them (memory?); look at them, then execute it again."
        )
    group = instance.get_run_group(run.run_id)
    n_runs = len(list(group[1])) if group else 1
    instance.add_run_tags(run.run_id, tags | {MAX_RETRIES_TAG: str(max(allowed + 1, n_runs))})
    return " It is started again."


def _count(run: dg.DagsterRun, tag: str, otherwise: int = 0) -> int:
    text = run.tags.get(tag, "")
    return int(text) if text.isdecimal() else otherwise
