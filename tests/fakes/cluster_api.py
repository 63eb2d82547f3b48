"""The API server of a cluster on loopback, for as much of it as Dagster's launcher asks.

It keeps what was asked for as (group, resource, verb), the words of a Role, and refuses with 403 what a Role does not
allow. A pod of a Job is made with it, as the cluster's own controller would.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml

Document = dict[str, Any]

_PREFIXES: Final = {"/api/v1/": "", "/apis/batch/v1/": "batch"}
_ABSENT: Final[tuple[int, Document]] = (HTTPStatus.NOT_FOUND, {})


class Permission(NamedTuple):
    """What a rule of a Role allows."""

    group: str
    resource: str
    verb: str


def permissions(rules: list[Document]) -> set[Permission]:
    """Each thing that the `rules` of a Role allow.

    Raises:
        ValueError: A rule allows more than can be named.
    """
    named = {
        Permission(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    if "*" in {word for one in named for word in one}:
        raise ValueError("a star allows what nobody has named")
    return named


@dataclass
class Cluster:
    """What a namespace holds, and who asked for what.

    Attributes:
        port: Where it listens.
        allowed: What may be asked for; everything when it is None.
        jobs: By name, as they were created.
        pods: By name.
        asked: What was asked for, allowed or not.
        namespaces: In which namespaces.
        failures: Statuses that the next requests are answered with, whatever they ask.
        n_unanswered: How many of the next requests are carried out, and their answers lost.
        begin: What begins a pod, by its name and specification; nothing does unless it is set.
        stop: What ends a pod that is deleted.
    """

    port: int = 0
    allowed: set[Permission] | None = None
    jobs: dict[str, Document] = field(default_factory=dict)
    pods: dict[str, Document] = field(default_factory=dict)
    asked: set[Permission] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    failures: list[int] = field(default_factory=list)
    n_unanswered: int = 0
    begin: Callable[[str, Document], None] = lambda _name, _spec: None
    stop: Callable[[str], None] = lambda _name: None

    def empty(self) -> None:
        """Forget everything, and allow everything again."""
        self.allowed = None
        for kept in (self.jobs, self.pods, self.asked, self.namespaces, self.failures):
            kept.clear()

    def write_kubeconfig(self, path: Path) -> Path:
        """A file as kubectl has it, for the namespace `joulehouse`."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "launcher", "user": {"token": "opens-nothing"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "launcher"}}],
            "current-context": "here",
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def end(self, job: str, *, succeeded: int = 0, failed: int = 0) -> None:
        """Let the only pod of a Job end."""
        self.jobs[job]["status"] = {"succeeded": succeeded, "failed": failed, "startTime": "2026-03-01T00:00:00Z"}

    def answer(self, verb: str, group: str, segments: list[str], query: Document, body: Document) -> tuple[int, Any]:
        """Status and document of one request below `/namespaces/`."""
        namespace, kind, *rest = segments
        name = rest[0] if rest else ""
        resource = "/".join([kind, *rest[1:]])
        wanted = Permission(group, resource, "list" if verb == "get" and not name else verb)
        self.asked.add(wanted)
        self.namespaces.add(namespace)
        if self.failures:
            return self.failures.pop(0), {}
        if self.allowed is not None and wanted not in self.allowed:
            return HTTPStatus.FORBIDDEN, {"message": f"cannot {wanted.verb} {resource}"}
        things = {"jobs": self.jobs, "pods": self.pods}.get(kind, {})
        answers: dict[tuple[str, str], Callable[[], tuple[int, Any]]] = {
            ("jobs", "create"): lambda: self._create(body),
            ("jobs", "delete"): lambda: _removed(things, name),
            ("pods", "delete"): lambda: self._delete_pod(name),
            ("jobs/status", "get"): lambda: (HTTPStatus.OK, things[name]) if name in things else _ABSENT,
            ("jobs", "list"): lambda: (HTTPStatus.OK, {"items": _selected(things, query)}),
            ("pods", "list"): lambda: (HTTPStatus.OK, {"items": _selected(things, query)}),
            ("events", "list"): lambda: (HTTPStatus.OK, {"items": []}),
            ("pods/log", "get"): lambda: (HTTPStatus.OK, "the last line that it printed\n"),
        }
        return answers[resource, wanted.verb]()

    def _delete_pod(self, name: str) -> tuple[int, Document]:
        self.stop(name)
        return _removed(self.pods, name)

    def _create(self, job: Document) -> tuple[int, Document]:
        name = job["metadata"]["name"]
        if name in self.jobs:
            return HTTPStatus.CONFLICT, {}
        job["status"] = {"active": 1, "startTime": "2026-03-01T00:00:00Z"}
        self.jobs[name] = job
        template = job["spec"]["template"]
        labels = template["metadata"]["labels"] | {"job-name": name}
        pod_name = f"{name}-{uuid.uuid4().hex[:5]}"
        state = {"running": {"startedAt": "2026-03-01T00:00:00Z"}}
        status = {"name": "dagster", "ready": True, "restartCount": 0, "image": "", "imageID": "", "state": state}
        self.pods[pod_name] = {
            "metadata": {"name": pod_name, "labels": labels},
            "spec": template["spec"],
            "status": {"phase": "Running", "containerStatuses": [status]},
        }
        self.begin(pod_name, template["spec"])
        return HTTPStatus.CREATED, job


def _removed(things: dict[str, Document], name: str) -> tuple[int, Document]:
    return _ABSENT if things.pop(name, None) is None else (HTTPStatus.OK, {"status": "Success"})


def _selected(things: dict[str, Document], query: Document) -> list[Document]:
    """Those that the one selector of `query` (`metadata.name=…` or a label) names."""
    ((key, _, value),) = [values[0].partition("=") for word, values in query.items() if word.endswith("Selector")]
    if key == "metadata.name":
        return [thing for name, thing in things.items() if name == value]
    return [thing for thing in things.values() if thing["metadata"]["labels"].get(key) == value]


@contextmanager
def cluster_api() -> Iterator[Cluster]:
    """A cluster that answers on loopback while the block lasts."""
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            address = urlsplit(self.path)
            prefix = next(one for one in _PREFIXES if address.path.startswith(one))
            segments = address.path.removeprefix(f"{prefix}namespaces/").split("/")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            verb = {"POST": "create"}.get(self.command, self.command.lower())
            status, document = cluster.answer(verb, _PREFIXES[prefix], segments, parse_qs(address.query), body)
            if cluster.n_unanswered:
                cluster.n_unanswered -= 1
                self.close_connection = True
                return
            is_text = isinstance(document, str)
            content = (document if is_text else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 — the library's names

        def log_message(self, *_arguments: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cluster.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
