"""The twin of Servitly: three logins, exports by jobs, and archives.

What the provider's document says is served as it says it. What it leaves open (what a CSV looks like, what `url` is,
how a second export is refused) follows its import's document and the clients known to work, or is our choice and a
setting.

| | |
|---|---|
| `POST …/rows` | `{"thing": "HM-1001", "put": [{"at": MS, "cells": {"Voltage": V}}], "remove": [MS]}` edits rows |
| `GET …/jobs` | what was ordered, what became of it, and how many were pending at once at most |
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sandbox.answers import Answer, Asked, as_json
from sandbox.bearer import random_token
from sandbox.faults import Facts, Fired
from sandbox.servitly.archive import Wanted, as_csv, as_zip
from sandbox.servitly.faults import FAULTS
from sandbox.servitly.fleet import THINGS, Cells, Fleet, Thing
from sandbox.servitly.settings import Settings
from sandbox.settings import SettingError
from sandbox.twin import Point, Query, Switch, Twin

ROOT: Final = "/servitly"
LOGIN: Final = f"{ROOT}/identity/users/login"
PAT_LOGIN: Final = f"{ROOT}/identity/users/patLogin"
RENEW: Final = f"{ROOT}/identity/users/me/renewToken"
EXPORTS: Final = f"{ROOT}/data/dataExports"
FILES: Final = f"{ROOT}/files"


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = as_json(status, {"message": message})


@dataclass(slots=True)
class Job:
    """One export.

    Attributes:
        id: Its name.
        order: What was asked for.
        done_at: When it is ready, by the clock that never goes back.
        state: What it says from then on; before, it is PENDING.
        message: What it says beside.
        is_unknown: Whether nobody knows it any longer.
        n_downloads: How often its archive was fetched.
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
    def said(self) -> str:
        """Its state now."""
        return self.state if time.monotonic() >= self.done_at else "PENDING"

    @property
    def is_ready(self) -> bool:
        """Whether its archive is there; the document's prose spells the word in another way."""
        return self.said in ("COMPLETED", "COMPLETE")


@dataclass(slots=True)
class _Token:
    ends_at: float
    refresh: str


class Servitly(Twin[Settings]):
    """Servitly's API with three things. Safe to use from any thread.

    Attributes:
        fleet: The rows.
        jobs: Every export, by name, in the order of ordering.
        n_refused: Orders that were refused because one was pending.
        most_pending: The most jobs that were pending at once.
    """

    slug: ClassVar = "servitly"
    path: ClassVar = ROOT
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ("orders", "details", "archive", "login", "renew")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.fleet = Fleet()
        self.jobs: dict[str, Job] = {}
        self.n_refused = 0
        self.most_pending = 0
        self._tokens: dict[str, _Token] = {}

    @property
    def paths(self) -> Sequence[str]:
        """The paths it answers."""
        return (LOGIN, PAT_LOGIN, RENEW, EXPORTS, f"{EXPORTS}/{{id}}", f"{FILES}/{{rest:path}}")

    @property
    def is_gzip(self) -> bool:
        """An archive is compressed already."""
        return False

    @property
    def own_switches(self) -> Sequence[Switch]:
        """Its rows, and its jobs."""
        return (
            Switch("POST", "rows", lambda _, body: self._edited(body)),
            Switch("GET", "jobs", lambda *_: self.shown_jobs()),
        )

    def reset(self) -> None:
        """Settings as started, no faults, no edits, no jobs. Tokens stay valid."""
        with self._lock:
            super().reset()
            self.fleet.reset()
            self.jobs.clear()
            self.n_refused = self.most_pending = 0

    def revoke_tokens(self) -> None:
        """Make every token given so far invalid."""
        with self._lock:
            self._tokens.clear()

    def orders(self) -> list[Mapping[str, Any]]:
        """What was ordered so far, oldest first."""
        with self._lock:
            return [job.order for job in self.jobs.values()]

    def shown_jobs(self) -> dict[str, Any]:
        """Every job, and how many were pending at once."""
        with self._lock:
            jobs = [
                {"id": job.id, "state": job.said, "n_downloads": job.n_downloads, "order": dict(job.order)}
                for job in self.jobs.values()
            ]
            return {"jobs": jobs, "n_refused": self.n_refused, "most_pending": self.most_pending}

    def facts(self, asked: Asked) -> Facts:
        """What faults may look at, whether or not the request is valid."""
        endpoint = "details"
        if asked.path in (LOGIN, PAT_LOGIN):
            endpoint = "login"
        elif asked.path == RENEW:
            endpoint = "renew"
        elif asked.path == EXPORTS:
            endpoint = "orders"
        elif asked.path.startswith(FILES):
            endpoint = "archive"
        order: Mapping[str, Any] = _object(asked.body) if endpoint == "orders" else {}
        if endpoint in ("details", "archive"):
            with self._lock:
                job = self.jobs.get(asked.path.rpartition("/")[2].removesuffix(".zip"))
            order = job.order if job else {}
        return Facts(endpoint, order.get("thingId"), order.get("startTimestamp"), order.get("endTimestamp"), 1)

    def real(self, asked: Asked, facts: Facts, fired: Fired) -> Answer:
        """The answer without the faults that befall any twin."""
        answers: Mapping[str, tuple[str, Callable[[Asked, Fired], Answer]]] = {
            "login": ("POST", self._login),
            "renew": ("POST", self._renewed),
            "orders": ("POST", self._order),
            "details": ("GET", self._details),
            "archive": ("GET", self._archive),
        }
        method, answer = answers[facts.endpoint]
        if asked.method != method:
            return as_json(405, {"message": "Method Not Allowed"})
        try:
            return answer(asked, fired)
        except RefusedError as refused:
            return refused.answer

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every value of every thing, under the names that an export with units and the documented mask has."""
        wanted = Wanted.of({"includeUnit": True})
        for thing in THINGS:
            if query.get("thing", thing.serial) != thing.serial:
                continue
            labels = {
                metric.id: {"thing": wanted.name(thing), "metric": metric.name}
                | ({"unit": metric.unit} if metric.unit else {})
                for metric in thing.metrics
            }
            with self._lock:
                rows = list(self.fleet.rows(thing, start, end, self.settings))
            for at, cells in rows:
                for metric, value in cells.items():
                    yield Point(labels[metric], at, value)

    def _login(self, asked: Asked, _: Fired) -> Answer:
        said, mine = _object(asked.body), self.settings
        if asked.path == LOGIN:
            shown = (asked.query.get("apiKey"), said.get("email"), said.get("password"))
            is_known = shown == (mine.api_key, mine.username, mine.password)
        else:
            is_known = (said.get("apiKey"), said.get("pat")) == (mine.api_key, mine.password)
        if not is_known:
            raise RefusedError(401, "Invalid credentials")
        return self._token()

    def _token(self) -> Answer:
        token = random_token()
        made = _Token(time.monotonic() + self.settings.token_seconds, secrets.token_urlsafe(32))
        self._tokens[token] = made
        return as_json(
            200,
            {
                "token": token,
                "tokenExpirationTimestamp": int((time.time() + self.settings.token_seconds) * 1000),
                "refreshToken": made.refresh,
                "userId": "66c000000000000000000001",
                "tenantId": self.settings.tenant,
            },
        )

    def _renewed(self, asked: Asked, _: Fired) -> Answer:
        """A new token for one that has expired; for no other."""
        known = self._tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if known is None or _object(asked.body).get("refreshToken") != known.refresh:
            raise RefusedError(401, "Invalid refresh token")
        if known.ends_at > time.monotonic():
            raise RefusedError(400, "Token cannot be renewed because not yet expired")
        return self._token()

    def _require_token(self, asked: Asked) -> None:
        known = self._tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if known is None or known.ends_at <= time.monotonic():
            raise RefusedError(401, "User not authenticated")

    def _require_tenant(self, asked: Asked) -> None:
        tenant = asked.headers.get("x-servitly-tenant") or asked.headers.get("x-semioty-tenant")
        if tenant is None:
            raise RefusedError(400, "Missing tenant")
        if tenant != self.settings.tenant:
            raise RefusedError(403, "User not authorized")

    def _order(self, asked: Asked, fired: Fired) -> Answer:
        self._require_token(asked)
        self._require_tenant(asked)
        order = _object(asked.body)
        start, end = order.get("startTimestamp"), order.get("endTimestamp")
        if not isinstance(start, int) or not isinstance(end, int) or start > end:
            raise RefusedError(400, "Bad request: startTimestamp and endTimestamp must be timestamps, in order")
        if order.get("timestampFormat", "ISO_8601") not in ("ISO_8601", "EPOCH_MILLIS"):
            raise RefusedError(400, "Bad request: unknown timestampFormat")
        pending = sum(job.said == "PENDING" and not job.is_unknown for job in self.jobs.values())
        if pending:
            self.n_refused += 1
            raise RefusedError(self.settings.busy_status, "Only one bulk export can be scheduled at a time")
        job = Job(secrets.token_hex(12), order, time.monotonic() + self.settings.job_seconds)
        if "job_fails" in fired:
            job.state, job.message = fired.option("job_fails", "state"), fired.option("job_fails", "message")
        if "job_stuck" in fired:
            job.state, job.done_at = fired.option("job_stuck", "state"), 0.0
        job.is_unknown = "job_vanishes" in fired
        self.jobs[job.id] = job
        self.most_pending = max(self.most_pending, pending + 1)
        said = {"state": "PENDING", **order}
        return as_json(201, said if "no_id" in fired else {"id": job.id, **said})

    def _details(self, asked: Asked, fired: Fired) -> Answer:
        self._require_token(asked)
        self._require_tenant(asked)
        job = self.jobs.get(asked.path.rpartition("/")[2])
        if job is None or job.is_unknown:
            raise RefusedError(404, "Data export not found")
        said = {"id": job.id, **job.order, "state": job.said}
        if job.message and job.said == job.state:
            said["message"] = job.message
        if job.is_ready and "no_url" not in fired:
            said["url"] = fired.option("url", "url") if "url" in fired else self._url(job, asked)
        return as_json(200, said)

    def _url(self, job: Job, asked: Asked) -> str:
        kind, host = self.settings.url_kind, asked.headers.get("host", "")
        if kind == "relative":
            return f"{FILES}/{job.id}.zip"
        if kind == "api":
            return f"http://{host}{FILES}/{job.id}.zip"
        signature = secrets.token_urlsafe(24)
        job.signatures[signature] = time.monotonic() + self.settings.url_seconds
        # The same server under another name stands for another host.
        return f"http://localhost:{host.rpartition(':')[2]}{FILES}/{job.id}.zip?X-Signature={signature}"

    def _archive(self, asked: Asked, fired: Fired) -> Answer:
        if "redirect" in fired:
            return Answer(fired.option("redirect", "code"), b"", headers={"location": fired.option("redirect", "to")})
        job = self.jobs.get(asked.path.removeprefix(f"{FILES}/").removesuffix(".zip"))
        if self.settings.url_kind == "signed":
            if "authorization" in asked.headers:
                raise RefusedError(400, "Only one auth mechanism allowed")
            ends_at = job.signatures.get(asked.query.get("X-Signature", ""), 0.0) if job else 0.0
            if ends_at <= time.monotonic():
                raise RefusedError(403, "Request has expired")
        else:
            self._require_token(asked)
        if job is None or not job.is_ready:
            raise RefusedError(404, "Not found")
        job.n_downloads += 1
        files = list(self._files(job.order, fired))
        body = as_zip(files, are_sizes_behind=self.settings.are_sizes_behind, fired=fired)
        return Answer(200, body, "application/zip", n_documents=len(files))

    def _files(self, order: Mapping[str, Any], fired: Fired) -> Iterator[tuple[str, bytes]]:
        """A CSV for each thing that the order means."""
        wanted = Wanted.of(order)
        chosen = {one.get("metricId") for one in order.get("qualifiedMetricIds") or ()}
        for thing in THINGS:
            said = {"thingId": thing.id, "customerId": thing.customer, "locationId": thing.location}
            if any(order.get(name) not in (None, value) for name, value in said.items()):
                continue
            metrics = [metric for metric in thing.metrics if not chosen or metric.id in chosen]
            rows = list(self.fleet.rows(thing, order["startTimestamp"], order["endTimestamp"] + 1, self.settings))
            if "outside_rows" in fired:
                away = int(float(fired.option("outside_rows", "seconds")) * 1000)
                rows.append((order["endTimestamp"] + away, {metrics[0].id: 1.0}))
            yield wanted.name(thing), as_csv(metrics, rows, wanted, fired)

    def _edited(self, body: object) -> dict[str, int]:
        """Rows of one thing put and removed."""
        known = {thing.serial: thing for thing in THINGS}
        if not isinstance(body, Mapping) or body.get("thing") not in known:
            raise SettingError('edits are written {"thing": "HM-1001", "put": […], "remove": […]}.')
        put, gone = body.get("put", []), body.get("remove", [])
        thing = known[body["thing"]]
        try:
            with self._lock:
                for row in put:
                    self.put(thing, int(row["at"]), dict(row["cells"]))
                for at in gone:
                    self.fleet.put(thing, int(at), None)
        except (KeyError, TypeError, ValueError):
            raise SettingError(
                'a row is written {"at": MS, "cells": {"Voltage": V}}, by the names of metrics.'
            ) from None
        return {"put": len(put), "removed": len(gone)}

    def put(self, thing: Thing, at: int, cells: Cells) -> None:
        """Let a row say exactly this, by the names of metrics; `at` in epoch milliseconds."""
        ids = {metric.name: metric.id for metric in thing.metrics}
        with self._lock:
            self.fleet.put(thing, at, {ids[name]: value for name, value in cells.items()})


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
