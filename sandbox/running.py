"""All twins, and the sandbox running: in a thread of this process, or as a process of its own (`python -m sandbox`)."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from domain.records import Json
from sandbox.climkit.twin import Climkit
from sandbox.control import Control, control_routes
from sandbox.export_service.twin import ExportService
from sandbox.server import RequestLog, application, is_loopback
from sandbox.servitly.twin import Servitly
from sandbox.settings import SettingError
from sandbox.smart_house.twin import SmartHouse
from sandbox.twin import Twin
from sandbox.voltstorage.twin import VoltStorage
from sandbox.wire import OpenProtocol

TWINS: Final[tuple[type[Twin[Any]], ...]] = (ExportService, VoltStorage, Climkit, SmartHouse, Servitly)
"""The class of each twin; it is created from its settings."""


def build_twins(settings: Mapping[str, Mapping[str, Any]]) -> list[Twin[Any]]:
    """Every twin, with `settings` (slug → setting → value, as JSON has it) and its own defaults.

    Raises:
        SettingError: A setting is unknown or does not fit.
    """
    return [kind(kind.settings_type().changed(settings.get(kind.slug, {}))) for kind in TWINS]


def variable_of(slug: str, credential: str) -> str:
    """The environment variable with a credential of the twin `slug`, for a sandbox in a process of its own."""
    return f"SANDBOX_{slug}_{credential}".upper()


_GRACE_SECONDS: Final = 1
_JOIN_SECONDS: Final = 10.0
_MAX_MESSAGE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that runs.

    Attributes:
        url: `http://127.0.0.1:PORT`, without a slash at the end.
        control: Its switches.
    """

    url: str
    control: Control

    @property
    def client_id(self) -> str:
        """The client id for the Export Service."""
        return self.control.export_service.settings.client_id

    @property
    def client_secret(self) -> str:
        """Its secret; random unless it is set."""
        return self.control.export_service.settings.client_secret

    def url_of(self, slug: str) -> str:
        """The address to use for the provider `slug`, without a slash at the end."""
        return self.url + self.control.twins[slug].path


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.contextmanager
def running_sandbox(
    *,
    port: int = 0,
    twins: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Json,
) -> Iterator[Sandbox]:
    """A sandbox on a free loopback port, served from a thread of this process until the block ends.

    Args:
        port: The port; 0 for any that is free.
        twins: Slug → setting → value, for each twin that differs from its defaults.
        settings: The Export Service's, as in `sandbox.export_service.settings.Settings`.

    Raises:
        SettingError: A setting is unknown or does not fit.
        OSError: The port is taken.
    """
    with served(build_twins({ExportService.slug: settings, **(twins or {})}), port=port) as sandbox:
        yield sandbox


@contextlib.contextmanager
def served(twins: Sequence[Twin[Any]], *, port: int = 0) -> Iterator[Sandbox]:
    """The same with these twins alone."""
    server, control = _build(twins)
    with _bound("127.0.0.1", port) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), name="sandbox", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            thread.join(0.005)
        try:
            yield Sandbox(f"http://127.0.0.1:{listening.getsockname()[1]}", control)
        finally:
            server.should_exit = True
            thread.join(_JOIN_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m sandbox`: serve until SIGTERM or Ctrl-C; the exit code."""
    options = _parser().parse_args(arguments)
    if not is_loopback(options.host):
        return _refused(f"the sandbox listens on loopback only, and {options.host} is not; use --host 127.0.0.1.")
    try:
        server, _ = _build(build_twins(_settings(options)))
        listening = _bound(options.host, options.port)
    except SettingError as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"cannot listen on {options.host}:{options.port}: {error.strerror}.")
    with listening:
        url = f"http://{options.host}:{listening.getsockname()[1]}"
        asyncio.run(_serve(server, listening, url, options.port_file))
    return 0


def _build(twins: Sequence[Twin[Any]]) -> tuple[_Server, Control]:
    log = RequestLog()
    control = Control(twins, log)
    config = uvicorn.Config(
        application(twins, log, control_routes(control)),
        http=OpenProtocol,
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE,
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return _Server(config), control


def _bound(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio turns Nagle's delay off only where it is: a page would cost 40 ms more.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


async def _serve(server: _Server, listening: socket.socket, url: str, port_file: Path | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)  # noqa: FBT003 - the value to set
    serving = asyncio.create_task(server.serve([listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has a flag, not an event
        await asyncio.sleep(0.005)
    if port_file is not None:
        fresh = port_file.with_name(port_file.name + ".new")
        fresh.write_text(f"{listening.getsockname()[1]}\n", encoding="ascii")
        fresh.replace(port_file)
    sys.stdout.write(f"The sandbox serves at {url}; its switches are at {url}/_sandbox\n")
    sys.stdout.flush()
    await serving


def _settings(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Slug → settings: credentials from the environment, where `ps` does not show them, the rest from the arguments."""
    settings: dict[str, dict[str, Any]] = {twin.slug: {} for twin in TWINS}
    for twin in TWINS:
        for name in twin.settings_type.credentials:
            value = os.environ.get(variable_of(twin.slug, name))  # noqa: TID251 - a process of its own, without the project's settings
            if value:
                settings[twin.slug][name] = value
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"--set takes SLUG.NAME=VALUE, not {text!r}.")
        slug, dot, name = name.rpartition(".")
        slug = slug if dot else ExportService.slug
        if slug not in settings:
            raise SettingError(f"there is no twin {slug!r}; the twins are {', '.join(settings)}.")
        try:
            settings[slug][name] = json.loads(value)
        except ValueError:
            settings[slug][name] = value
    return settings


def _parser() -> argparse.ArgumentParser:
    credentials = [variable_of(twin.slug, name) for twin in TWINS for name in twin.settings_type.credentials]
    known = [f"{twin.slug}.{name}" for twin in TWINS for name in twin.settings_type().shown()]
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="The providers' twins on loopback: measured data, and every fault on a switch.",
        epilog=f"Credentials come from {', '.join(credentials)}; a secret that is not set is random, and lets nobody "
        f"in. Settings for --set: {', '.join(known)}.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one (default)")
    parser.add_argument("--port-file", type=Path, metavar="FILE", help="write the port here once it serves")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SLUG.NAME=VALUE", help="a setting, as JSON or as text"
    )
    return parser


def _refused(sentence: str) -> int:
    sys.stderr.write(f"sandbox: {sentence}\n")
    return 2
