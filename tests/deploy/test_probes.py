"""The probes of `deploy/kubernetes` are answered by what they ask."""

import logging
import threading

import grpc
import pytest
from dagster._core.utils import FuturesAwareThreadPoolExecutor
from dagster._grpc.__generated__.dagster_api_pb2_grpc import DagsterApiServicer
from dagster._grpc.server import DagsterGrpcServer
from dagster_shared.utils import find_free_port
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from pipelines.webserver.origins import OwnOrigins
from tests.deploy.test_manifests import find, spec_of


class NoCode(DagsterApiServicer):
    def cleanup(self) -> None:
        """What the server calls at its end."""


def test_the_code_server_answers_the_probe_that_asks_for_it() -> None:
    (container,) = spec_of(find("large", "Deployment", "code"))["containers"]
    asked = {container[probe]["grpc"]["service"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    (service,) = asked
    port, end = find_free_port(), threading.Event()
    with FuturesAwareThreadPoolExecutor(max_workers=4) as executor:
        server = DagsterGrpcServer(end, NoCode(), logging.getLogger(), executor, host="127.0.0.1", port=port)
        serving = threading.Thread(target=server.serve)
        serving.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                answer = HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=10, wait_for_ready=True)
            assert answer.status == HealthCheckResponse.SERVING
        finally:
            end.set()
            serving.join()


@pytest.mark.parametrize(("name", "ports"), [("webserver", [3000]), ("viewers", [3001, 3000])])
def test_the_guard_lets_the_probes_and_a_forwarded_port_in(name: str, ports: list[int]) -> None:
    (container,) = spec_of(find("large", "Deployment", name))["containers"]
    command = container["command"]
    assert command[:3] == ["python", "-m", "pipelines.webserver"]
    options = dict(word.removeprefix("--").split("=") for word in command if "port=" in word)
    assert [int(options[word]) for word in ("published-port", "port") if word in options] == ports
    own = OwnOrigins.of(ports)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (header,) = container[probe]["httpGet"]["httpHeaders"]
        assert header["name"] == "Host"
        assert own.has_host(header["value"])
    (service,) = find("large", "Service", name)["spec"]["ports"]
    assert own.has_host(f"localhost:{service['port']}")
