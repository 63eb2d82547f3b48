"""The twin of Servitly: three logins, exports by jobs, and archives.

Everything that the provider's document describes is served accordingly. What it leaves open (the form of a CSV and of
`url`, how a second export is refused) follows its import's document and the clients known to work, or is our choice and
a setting.

| | |
|---|---|
| `POST …/rows` | `{"thing": "HM-1001", "put": [{"at": MS, "cells": {"Voltage": V}}], "remove": [MS]}` edits rows |
| `GET …/jobs` | all orders, the state of each, and the most that were pending at once |
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

from sandbox.answers import RefusedError, Request, Response, as_json
from sandbox.edits import Cells, apply_edits
from sandbox.faults import Facts, Fired
from sandbox.servitly.archive import ExportFormat, as_csv, as_zip
from sandbox.servitly.fleet import THINGS, Fleet, Thing
from sandbox.servitly.settings import FAULTS, Settings
from sandbox.settings import SettingError
from sandbox.twin import BearerTokens, Point, Query, Switch, Twin

ROOT: Final = "/servitly"
LOGIN: Final = f"{ROOT}/identity/users/login"
PAT_LOGIN: Final = f"{ROOT}/identity/users/patLogin"
RENEW: Final = f"{ROOT}/identity/users/me/renewToken"
EXPORTS: Final = f"{ROOT}/data/dataExports"
FILES: Final = f"{ROOT}/files"

_ENDPOINTS: Final = {LOGIN: "login", PAT_LOGIN: "login", RENEW: "renew", EXPORTS: "orders"}


@dataclass(slots=True)
class Job:
    """One export.

    Attributes:
        id: Its id.
        order: The document that ordered it.
        done_at: When it is ready, in monotonic seconds.
        state: Its state from then on; before, it is PENDING.
        message: The message beside the state.
        is_unknown: Whether requests for it are answered with 404.
        n_downloads: How often its archive was fetched.
        signatures: Signature of an address → when it ends, in monotonic seconds.
    """

    id: str
    order: Mapping[str, Any]
    done_at: float
    state: str = "COMPLETED"
    message: str = ""
    is_unknown: bool = False
    n_downloads: int = 0
    signatures: dict[str, float] = field(default_factory=dict, repr=False)

    @property
    def current_state(self) -> str:
        """Its state now."""
        return self.state if time.monotonic() >= self.done_at else "PENDING"

    @property
    def is_ready(self) -> bool:
        """Whether it has an archive; the document's prose spells the word differently."""
        return self.current_state in ("COMPLETED", "COMPLETE")


class Servitly(Twin[Settings]):
    """Servitly's API with three things. Safe to use from any thread.

    Attributes:
        fleet: The rows.
        jobs: Every export by its id, oldest first.
        n_refused: Orders that were refused because one was pending.
        most_pending: The most jobs that were pending at once.
    """

    slug: ClassVar = "servitly"
    path: ClassVar = ROOT
    paths: ClassVar = (*_ENDPOINTS, f"{EXPORTS}/{{id}}", f"{FILES}/{{rest:path}}")
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    is_archive: ClassVar = True
    endpoints: ClassVar = ("orders", "details", "archive", "login", "renew")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.fleet = Fleet()
        self.jobs: dict[str, Job] = {}
        self.n_refused = 0
        self.most_pending = 0
        self._tokens = BearerTokens()
        self._refresh_tokens: dict[str, str] = {}

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Its rows and its jobs."""
        return (
            Switch("POST", "rows", lambda _, body: self._edit(body)),
            Switch("GET", "jobs", lambda *_: self.shown_jobs()),
        )

    def reset(self) -> None:
        """Settings as started, no faults, no edits, no jobs. Tokens stay valid."""
        with self._lock:
            super().reset()
            self.fleet.edits.reset()
            self.jobs.clear()
            self.n_refused = self.most_pending = 0

    def revoke_tokens(self) -> None:
        """Make every token so far invalid; none of them can be renewed."""
        with self._lock:
            self._tokens.revoke_all()
            self._refresh_tokens.clear()

    def orders(self) -> list[Mapping[str, Any]]:
        """The orders so far, oldest first."""
        with self._lock:
            return [job.order for job in self.jobs.values()]

    def shown_jobs(self) -> dict[str, Any]:
        """Every job, and how many were pending at once."""
        with self._lock:
            jobs = [
                {"id": job.id, "state": job.current_state, "n_downloads": job.n_downloads, "order": dict(job.order)}
                for job in self.jobs.values()
            ]
            return {"jobs": jobs, "n_refused": self.n_refused, "most_pending": self.most_pending}

    def facts(self, request: Request) -> Facts:
        """What faults look at, whether or not the request is valid."""
        endpoint = _ENDPOINTS.get(request.path, "archive" if request.path.startswith(FILES) else "details")
        order: Mapping[str, Any] = request.document if endpoint == "orders" else {}
        if endpoint in ("details", "archive"):
            with self._lock:
                job = self.jobs.get(request.path.rpartition("/")[2].removesuffix(".zip"))
            order = job.order if job else {}
        return Facts(endpoint, order.get("thingId"), order.get("startTimestamp"), order.get("endTimestamp"), 1)

    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        """The response without the common faults.

        Raises:
            RefusedError: The request is answered with an error.
        """
        endpoints: Mapping[str, tuple[str, Callable[[Request, Fired], Response]]] = {
            "login": ("POST", self._login),
            "renew": ("POST", self._renew),
            "orders": ("POST", self._order),
            "details": ("GET", self._details),
            "archive": ("GET", self._archive),
        }
        method, respond = endpoints[facts.endpoint]
        if request.method != method:
            raise _refused(405, "Method Not Allowed")
        return respond(request, fired)

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every value of every thing, under the names that an export with units and the documented mask has."""
        form = ExportFormat.of({"includeUnit": True})
        for thing in THINGS:
            if query.get("thing", thing.serial) != thing.serial:
                continue
            labels = {
                metric.id: {"thing": form.name(thing), "metric": metric.name}
                | ({"unit": metric.unit} if metric.unit else {})
                for metric in thing.metrics
            }
            with self._lock:
                rows = self.fleet.rows(thing, start, end, self.settings)
            for at, cells in rows:
                for metric, value in cells.items():
                    yield Point(labels[metric], at, value)

    def _login(self, request: Request, _: Fired) -> Response:
        document, settings = request.document, self.settings
        if request.path == LOGIN:
            credentials = (request.query.get("apiKey"), document.get("email"), document.get("password"))
            is_known = credentials == (settings.api_key, settings.username, settings.password)
        else:
            is_known = (document.get("apiKey"), document.get("pat")) == (settings.api_key, settings.password)
        if not is_known:
            raise _refused(401, "Invalid credentials")
        return self._token()

    def _token(self) -> Response:
        token = self._tokens.issue(self.settings.token_seconds)
        self._refresh_tokens[token] = secrets.token_urlsafe(32)
        return as_json(
            200,
            {
                "token": token,
                "tokenExpirationTimestamp": int((time.time() + self.settings.token_seconds) * 1000),
                "refreshToken": self._refresh_tokens[token],
                "userId": "66c000000000000000000001",
                "tenantId": self.settings.tenant,
            },
        )

    def _renew(self, request: Request, _: Fired) -> Response:
        """A new token for one that has expired; for no other."""
        token = request.bearer_token
        if token not in self._refresh_tokens or request.document.get("refreshToken") != self._refresh_tokens[token]:
            raise _refused(401, "Invalid refresh token")
        if self._tokens.is_valid(token):
            raise _refused(400, "Token cannot be renewed because not yet expired")
        return self._token()

    def _require_token(self, request: Request) -> None:
        if not self._tokens.is_valid(request.bearer_token):
            raise _refused(401, "User not authenticated")

    def _require_tenant(self, request: Request) -> None:
        tenant = request.headers.get("x-servitly-tenant") or request.headers.get("x-semioty-tenant")
        if tenant is None:
            raise _refused(400, "Missing tenant")
        if tenant != self.settings.tenant:
            raise _refused(403, "User not authorized")

    def _order(self, request: Request, fired: Fired) -> Response:
        self._require_token(request)
        self._require_tenant(request)
        order = request.document
        start, end = order.get("startTimestamp"), order.get("endTimestamp")
        if not isinstance(start, int) or not isinstance(end, int) or start > end:
            raise _refused(400, "Bad request: startTimestamp and endTimestamp must be timestamps, in order")
        if order.get("timestampFormat", "ISO_8601") not in ("ISO_8601", "EPOCH_MILLIS"):
            raise _refused(400, "Bad request: unknown timestampFormat")
        pending = sum(job.current_state == "PENDING" and not job.is_unknown for job in self.jobs.values())
        if pending:
            self.n_refused += 1
            raise _refused(self.settings.busy_status, "Only one bulk export can be scheduled at a time")
        job = Job(secrets.token_hex(12), order, time.monotonic() + self.settings.job_seconds)
        if "job_fails" in fired:
            job.state, job.message = fired.option("job_fails", "state"), fired.option("job_fails", "message")
        if "job_stuck" in fired:
            job.state, job.done_at = fired.option("job_stuck", "state"), 0.0
        job.is_unknown = "job_vanishes" in fired
        self.jobs[job.id] = job
        self.most_pending = max(self.most_pending, pending + 1)
        document = {"state": "PENDING", **order}
        return as_json(201, document if "no_id" in fired else {"id": job.id, **document})

    def _details(self, request: Request, fired: Fired) -> Response:
        self._require_token(request)
        self._require_tenant(request)
        job = self.jobs.get(request.path.rpartition("/")[2])
        if job is None or job.is_unknown:
            raise _refused(404, "Data export not found")
        document = {"id": job.id, **job.order, "state": job.current_state}
        if job.message and job.current_state == job.state:
            document["message"] = job.message
        if job.is_ready and "no_url" not in fired:
            document["url"] = fired.option("url", "url") if "url" in fired else self._url(job, request)
        return as_json(200, document)

    def _url(self, job: Job, request: Request) -> str:
        kind, host = self.settings.url_kind, request.headers.get("host", "")
        if kind == "relative":
            return f"{FILES}/{job.id}.zip"
        if kind == "api":
            return f"http://{host}{FILES}/{job.id}.zip"
        signature = secrets.token_urlsafe(24)
        job.signatures[signature] = time.monotonic() + self.settings.url_seconds
        # The same server under another name stands for another host.
        return f"http://localhost:{host.rpartition(':')[2]}{FILES}/{job.id}.zip?X-Signature={signature}"

    def _archive(self, request: Request, fired: Fired) -> Response:
        if "redirect" in fired:
            return Response(fired.option("redirect", "code"), b"", headers={"location": fired.option("redirect", "to")})
        job = self.jobs.get(request.path.removeprefix(f"{FILES}/").removesuffix(".zip"))
        if self.settings.url_kind == "signed":
            if "authorization" in request.headers:
                raise _refused(400, "Only one auth mechanism allowed")
            ends_at = job.signatures.get(request.query.get("X-Signature", ""), 0.0) if job else 0.0
            if ends_at <= time.monotonic():
                raise _refused(403, "Request has expired")
        else:
            self._require_token(request)
        if job is None or not job.is_ready:
            raise _refused(404, "Not found")
        job.n_downloads += 1
        files = list(self._files(job.order, fired))
        body = as_zip(files, are_sizes_behind=self.settings.are_sizes_behind, fired=fired)
        return Response(200, body, "application/zip", n_documents=len(files))

    def _files(self, order: Mapping[str, Any], fired: Fired) -> Iterator[tuple[str, bytes]]:
        """A CSV for each thing in the order."""
        form = ExportFormat.of(order)
        chosen = {one.get("metricId") for one in order.get("qualifiedMetricIds") or ()}
        for thing in THINGS:
            ids = {"thingId": thing.id, "customerId": thing.customer, "locationId": thing.location}
            if any(order.get(name) not in (None, value) for name, value in ids.items()):
                continue
            metrics = [metric for metric in thing.metrics if not chosen or metric.id in chosen]
            rows = self.fleet.rows(thing, order["startTimestamp"], order["endTimestamp"] + 1, self.settings)
            if "outside_rows" in fired:
                away = int(float(fired.option("outside_rows", "seconds")) * 1000)
                rows.append((order["endTimestamp"] + away, {metrics[0].id: 1.0}))
            yield form.name(thing), as_csv(metrics, rows, form, fired)

    def _edit(self, body: object) -> dict[str, int]:
        """Rows of one thing put and removed."""
        known = {thing.serial: thing for thing in THINGS}
        if not isinstance(body, Mapping) or body.get("thing") not in known:
            raise SettingError('edits are written {"thing": "HM-1001", "put": […], "remove": […]}.')
        put = partial(self.put, known[body["thing"]])
        return apply_edits(body, put, '{"at": MS, "cells": {"Voltage": V}}, by the names of metrics')

    def put(self, thing: Thing, at: int, cells: Cells | None) -> None:
        """Let a row have exactly these cells, by the names of metrics; None removes it; `at` in epoch milliseconds."""
        ids = {metric.name: metric.id for metric in thing.metrics}
        with self._lock:
            self.fleet.edits.put(thing.id, at, cells and {ids[name]: value for name, value in cells.items()})


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(as_json(status, {"message": message}))
