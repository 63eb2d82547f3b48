"""`joulehouse landing …`: the answers as received, wherever `LANDING_URL` keeps them."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer

from domain.window import Window
from pipelines.cli.days import day_of
from pipelines.cli.overview import JsonOption, SourceArgument
from pipelines.console import FAILED, complain, counted, days_in_words, fail, refuse, say, say_json
from pipelines.local.project import Project
from warehouse.landing import BodyState
from warehouse.landing_zone import IndexedBody

group: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The answers as received (LANDING_URL).")

FromOption = Annotated[str, typer.Option("--from", metavar="DAY", help="The first UTC day [default: all].")]
ToOption = Annotated[str, typer.Option("--to", metavar="DAY", help="The last UTC day, included [default: all].")]


@group.callback()
def _group() -> None:
    """The answers as received (LANDING_URL)."""


@group.command()
def verify(
    source: SourceArgument = "", first: FromOption = "", last: ToOption = "", *, as_json: JsonOption = False
) -> None:
    """Read every answer that is indexed and compare its hash; exit 1 if one is damaged or missing."""
    window = _window(first, last)
    n_bodies, n_bytes = 0, 0
    wrong: dict[BodyState, list[IndexedBody]] = {BodyState.DAMAGED: [], BodyState.MISSING: []}
    with Project().warehouse() as warehouse:
        zone = warehouse.landing_zone
        for body, state in zone.verify(source or None, window):
            n_bodies, n_bytes = n_bodies + 1, n_bytes + body.n_bytes
            if state is BodyState.WHOLE:
                continue
            wrong[state].append(body)
            if not as_json:
                complain(f"{state}: {in_words(body)}.")
    if as_json:
        damage = {state.value: [as_dict(body) for body in bodies] for state, bodies in wrong.items()}
        say_json({"place": zone.place, "n_payloads": n_bodies, "n_bytes": n_bytes, **damage})
        if any(wrong.values()):
            raise typer.Exit(FAILED)
        return
    looked_at = f"{counted(n_bodies, 'answer')} of {counted(n_bytes, 'byte')} looked at in {zone.place}"
    if not any(wrong.values()):
        say(f"{looked_at}: each is there, and whole.")
        return
    say(f"{looked_at}: {', '.join(f'{len(bodies):,} {state}' for state, bodies in wrong.items())}.")
    fail(how_to_mend([body for bodies in wrong.values() for body in bodies]))


def in_words(body: IndexedBody) -> str:
    """Which answer a body is, and where it should be."""
    window = Window(body.window_start, body.window_end)
    return f"payload {body.sha256[:12]} of {body.source}, {window}, at {body.path}"


def as_dict(body: IndexedBody) -> dict[str, Any]:
    """The same for programs; instants in ISO 8601, UTC."""
    return {
        "source": body.source,
        "window_start": body.window_start.astimezone(UTC).isoformat(),
        "window_end": body.window_end.astimezone(UTC).isoformat(),
        "path": body.path,
        "sha256": body.sha256,
        "n_bytes": body.n_bytes,
    }


def how_to_mend(bodies: list[IndexedBody]) -> str:
    """Which days are to be asked for again, so that what is damaged or missing is kept anew."""
    days: dict[str, set[date]] = {}
    for body in bodies:
        days.setdefault(body.source, set()).update(Window(body.window_start, body.window_end).days())
    named = "; ".join(f"{source}: {days_in_words(sorted(found))}" for source, found in sorted(days.items()))
    return (
        f"what is damaged or missing cannot be replayed; joulehouse backfill asks for these days again, and keeps"
        f" their answers anew ({named})."
    )


def _window(first: str, last: str) -> Window | None:
    if not first and not last:
        return None
    start = day_of(first, "--from") if first else date(1970, 1, 1)
    end = day_of(last, "--to") if last else datetime.now(UTC).date()
    if end < start:
        refuse(f"--to {end} lies before --from {start}: name the earlier day first.")
    return Window.of_days(start, end)
