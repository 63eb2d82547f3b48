"""`joulehouse sandbox …`: the providers' twins as a process of its own, and their faults as switches."""

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from domain.records import Json
from pipelines.console import console, fail, literal, refuse, say
from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxProcess

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


class _Fault(NamedTuple):
    """A fault and the twin that has it."""

    provider: str
    name: str


@group.command()
def start() -> None:
    """Start it, with credentials drawn once for this checkout."""
    project = Project()
    url = project.sandbox.start(project.inherited, [source.sandbox_binding for source in project.sources()])
    say(f"The sandbox serves at {url}.")
    say('To pull from it in this shell: eval "$(joulehouse sandbox env)"')


@group.command()
def stop() -> None:
    """Stop it."""
    say("The sandbox is stopped." if Project().sandbox.stop() else "The sandbox was not running.")


@group.command()
def status() -> None:
    """Whether it runs, whose twins it has, and which faults are on."""
    sandbox = _running_sandbox()
    say(f"The sandbox serves at {sandbox.server.url}; its log is {sandbox.process.log}.")
    n_active = 0
    for slug, facts in _twins(sandbox).items():
        say(f"  twin {slug} at {sandbox.server.url}{facts['path']}")
        for fault in sandbox.request("GET", f"/{slug}/faults"):
            n_active += 1
            say(f"  fault {slug}.{_description(fault)}")
    if not n_active:
        say("  no fault is on")


@group.command("env")
def environment() -> None:
    """Print the variables that point the shipped sources at it, for eval; they are secrets of this machine alone."""
    bindings = [source.sandbox_binding for source in Project().sources()]
    for name, value in _running_sandbox().variables(bindings).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@group.command()
def faults() -> None:
    """Every fault there is, and whose twins have it."""
    twins = _twins(_running_sandbox())
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
    sandbox = _running_sandbox()
    chosen = _find_fault(_twins(sandbox), name, provider)
    document: dict[str, Any] = {"fault": chosen.name}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            refuse(f"{setting!r} is no setting: write it as key=value.")
        document[key] = _parsed(value)
    sandbox.request("PUT", f"/{chosen.provider}/faults", document)
    say(f"On: {chosen.provider}.{_description(document)}")


@group.command()
def clear(provider: ProviderOption = "") -> None:
    """Switch every fault off, of one twin or of all."""
    sandbox = _running_sandbox()
    slugs = list(_twins(sandbox))
    if provider and provider not in slugs:
        refuse(f"there is no twin {provider!r}: use one of {', '.join(slugs)}.")
    for slug in [provider] if provider else slugs:
        sandbox.request("DELETE", f"/{slug}/faults")
    say(f"Every fault of {provider} is off." if provider else "Every fault is off.")


def _running_sandbox() -> SandboxProcess:
    sandbox = Project().sandbox
    if not sandbox.is_running:
        fail("the sandbox is not running (joulehouse sandbox start).")
    return sandbox


def _twins(sandbox: SandboxProcess) -> dict[str, dict[str, Any]]:
    return dict(sandbox.request("GET", "/twins"))


def _find_fault(twins: Mapping[str, Mapping[str, Any]], name: str, provider: str) -> _Fault:
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
    return _Fault(owners[0], bare)


def _description(fault: dict[str, Any]) -> str:
    settings = " ".join(f"{key}={value}" for key, value in fault.items() if key != "fault" and value is not None)
    return f"{fault['fault']} {settings}".strip()


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text
