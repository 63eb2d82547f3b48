"""`joulehouse sandbox …`: the providers' twins as a process beside you, and their faults on switches."""

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from pipelines.console import console, fail, literal, refuse, say
from pipelines.local.project import House
from pipelines.local.sandbox_process import Twin

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The providers' twins on this machine: measured data, every fault.",
)

SettingArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="How: `status=503 times=2 product=…`.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="`FAULT` or `SLUG.FAULT`; `joulehouse sandbox faults` lists them.")
]
ProviderOption = Annotated[str, typer.Option("--provider", metavar="SLUG", help="Whose twin.")]


class _Named(NamedTuple):
    """A fault as it is asked for."""

    provider: str
    name: str


@group.command()
def start() -> None:
    """Start it, with credentials drawn once for this checkout."""
    house = House()
    url = house.twin.start(house.inherited, [source.account for source in house.sources()])
    say(f"The sandbox serves at {url}.")
    say('To pull from it in this shell: eval "$(joulehouse sandbox env)"')


@group.command()
def stop() -> None:
    """Stop it."""
    say("The sandbox is stopped." if House().twin.stop() else "The sandbox was not running.")


@group.command()
def status() -> None:
    """Whether it runs, whose twins it has, and which faults are on."""
    twin = _running()
    say(f"The sandbox serves at {twin.server.url}; its log is {twin.process.log}.")
    n_on = 0
    for slug, facts in _twins(twin).items():
        say(f"  twin {slug} at {twin.server.url}{facts['path']}")
        for fault in twin.ask("GET", f"/{slug}/faults"):
            n_on += 1
            say(f"  fault {slug}.{_in_words(fault)}")
    if not n_on:
        say("  no fault is on")


@group.command("env")
def environment() -> None:
    """Print the variables that point the shipped sources at it, for eval; they are secrets of this machine alone."""
    accounts = [source.account for source in House().sources()]
    for name, value in _running().variables(accounts).items():
        print(f"export {name}={shlex.quote(value)}")


@group.command()
def faults() -> None:
    """Every fault there is, and whose twins have it."""
    twins = _twins(_running())
    table = Table("fault", "of", "what it does")
    sentences = {name: what for facts in twins.values() for name, what in facts["faults"].items()}
    for name, what in sentences.items():
        owners = [slug for slug, facts in twins.items() if facts["faults"].get(name) == what]
        table.add_row(name, "all" if len(owners) == len(twins) else ", ".join(owners), literal(what))
    console.print(table)


@group.command()
def fault(
    name: NameArgument,
    settings: SettingArgument = None,
    provider: ProviderOption = "",
) -> None:
    """Switch a fault on."""
    twin = _running()
    meant = _meant(_twins(twin), name, provider)
    document: dict[str, Any] = {"fault": meant.name}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            refuse(f"{setting!r} is no setting: write it as key=value.")
        document[key] = _value(value)
    twin.ask("PUT", f"/{meant.provider}/faults", document)
    say(f"On: {meant.provider}.{_in_words(document)}")


@group.command()
def clear(provider: ProviderOption = "") -> None:
    """Switch every fault off, of one twin or of all."""
    twin = _running()
    known = list(_twins(twin))
    if provider and provider not in known:
        refuse(f"there is no twin {provider!r}: use one of {', '.join(known)}.")
    for slug in [provider] if provider else known:
        twin.ask("DELETE", f"/{slug}/faults")
    say(f"Every fault of {provider} is off." if provider else "Every fault is off.")


def _running() -> Twin:
    twin = House().twin
    if not twin.is_running:
        fail("the sandbox is not running (joulehouse sandbox start).")
    return twin


def _twins(twin: Twin) -> dict[str, dict[str, Any]]:
    return dict(twin.ask("GET", "/twins"))


def _meant(twins: Mapping[str, Mapping[str, Any]], name: str, provider: str) -> _Named:
    """The fault `name` of the twin `provider`; without a provider, of the only twin that has it."""
    slug, _, bare = name.rpartition(".")
    slug = provider or slug
    if slug and slug not in twins:
        refuse(f"there is no twin {slug!r}: use one of {', '.join(twins)}.")
    owners = [one for one, facts in twins.items() if bare in facts["faults"] and slug in ("", one)]
    if not owners:
        known = sorted({fault for one, facts in twins.items() if slug in ("", one) for fault in facts["faults"]})
        refuse(f"there is no fault {bare!r}: use one of {', '.join(known)}.")
    if len(owners) > 1:
        refuse(f"several twins have the fault {bare!r}: write {' or '.join(f'{one}.{bare}' for one in owners)}.")
    return _Named(owners[0], bare)


def _in_words(fault: dict[str, Any]) -> str:
    rest = " ".join(f"{key}={value}" for key, value in fault.items() if key != "fault" and value is not None)
    return f"{fault['fault']} {rest}".strip()


def _value(text: str) -> Any:  # noqa: ANN401 — a JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text
