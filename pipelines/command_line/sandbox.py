"""`joulehouse sandbox …`: the provider's twin as a process beside you, and its faults on switches."""

import json
import shlex
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.command_line.house import House
from pipelines.command_line.speech import console, fail, literal, refuse, say
from pipelines.command_line.twin import Twin

group = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The providers' twin on this machine: measured data, every fault."
)

SettingArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="How: `status=503 times=2 product=…`.")
]


@group.command()
def start() -> None:
    """Start it, with credentials drawn once for this checkout."""
    url = _twin().start(House().inherited)
    say(f"The sandbox serves at {url}.")
    say('To pull from it in this shell: eval "$(joulehouse sandbox env)"')


@group.command()
def stop() -> None:
    """Stop it."""
    say("The sandbox is stopped." if _twin().stop() else "The sandbox was not running.")


@group.command()
def status() -> None:
    """Whether it runs, and which faults are on."""
    twin = _twin()
    if not twin.is_running:
        fail("the sandbox is not running (joulehouse sandbox start).")
    say(f"The sandbox serves at {twin.server.url}; its log is {twin.process.log}.")
    active = _active(twin)
    for fault in active:
        say(f"  fault {_in_words(fault)}")
    if not active:
        say("  no fault is on")


@group.command("env")
def environment() -> None:
    """Print the variables that point the shipped source at it, for eval; they are secrets of this machine alone."""
    for name, value in _running().variables().items():
        print(f"export {name}={shlex.quote(value)}")


@group.command()
def faults() -> None:
    """Every fault there is."""
    table = Table("fault", "what it does")
    for name, what in _running().ask("GET", "/faults").items():
        table.add_row(name, literal(what))
    console.print(table)


@group.command()
def fault(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A fault; `joulehouse sandbox faults` lists them.")],
    settings: SettingArgument = None,
) -> None:
    """Switch a fault on."""
    twin = _running()
    known = sorted(fault for fault in twin.ask("GET", "/faults") if not fault.startswith("("))
    if name not in known:
        refuse(f"there is no fault {name!r}: use one of {', '.join(known)}.")
    document: dict[str, Any] = {"fault": name}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            refuse(f"{setting!r} is no setting: write it as key=value.")
        document[key] = _value(value)
    twin.ask("PUT", "/export_service/faults", document)
    say(f"On: {_in_words(document)}")


@group.command()
def clear() -> None:
    """Switch every fault off."""
    _running().ask("DELETE", "/export_service/faults")
    say("Every fault is off.")


def _twin() -> Twin:
    return Twin(House().home, House().root)


def _running() -> Twin:
    twin = _twin()
    if not twin.is_running:
        fail("the sandbox is not running (joulehouse sandbox start).")
    return twin


def _active(twin: Twin) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = twin.ask("GET", "/export_service/faults")
    return list(answer)


def _in_words(fault: dict[str, Any]) -> str:
    rest = " ".join(f"{key}={value}" for key, value in fault.items() if key != "fault" and value is not None)
    return f"{fault['fault']} {rest}".strip()


def _value(text: str) -> Any:  # noqa: ANN401 — a JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text
