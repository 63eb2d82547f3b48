"""`joulehouse landing …`: the answers as received, wherever `LANDING_URL` keeps them."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer

from domain.errors import ConfigurationError
from domain.texts import counted
from domain.window import Window
from pipelines.cli.days import day_of
from pipelines.cli.overview import JsonOption, SourceArgument
from pipelines.console import FAILED, complain, days_in_words, fail, refuse, say, say_json
from pipelines.local.project import Project
from resources.settings import Settings
from warehouse.landing import LANDING_URL, BodyState, Landing
from warehouse.landing_index import IndexedBody
from warehouse.landing_move import Outcome

group: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The answers as received (LANDING_URL).")

_EVERY: Final = 1000  # answers between two lines of progress

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
                complain(f"{state}: {body}.")
    if as_json:
        damage = {state.value: [as_dict(body) for body in bodies] for state, bodies in wrong.items()}
        say_json({"place": zone.place, "n_payloads": n_bodies, "n_bytes": n_bytes, **damage})
        if any(wrong.values()):
            raise typer.Exit(FAILED)
        return
    if not n_bodies:
        asked = "".join(f" of {one}" for one in (source, window) if one)
        if source:  # it may be mistyped: a source that is retired has its answers still
            fail(f"no answer{asked} is indexed: nothing was looked at.")
        say(f"No answer{asked} is indexed: nothing was looked at in {zone.place}.")
        return
    looked_at = f"{counted(n_bodies, 'answer')} of {counted(n_bytes, 'byte')} looked at in {zone.place}"
    if not any(wrong.values()):
        say(f"{looked_at}: each is there, and whole.")
        return
    say(f"{looked_at}: {', '.join(f'{len(bodies):,} {state}' for state, bodies in wrong.items())}.")
    fail(how_to_mend([body for bodies in wrong.values() for body in bodies]))


@group.command()
def move(
    origin: Annotated[str, typer.Argument(metavar="FROM", help="Where the answers are, written as LANDING_URL.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Where they are to be.")],
) -> None:
    """Copy every indexed answer to another place, each checked by its hash; nothing is deleted at FROM.

    Interrupted, it goes on where it was. Loads may go on meanwhile, at FROM. When all is at TO and no pull is under
    way, TO becomes the warehouse's landing zone, and FROM is refused: then set LANDING_URL to TO everywhere and start
    again what runs. Until then pulls fail by name, and lose nothing; none fails where the loads are stopped before.
    """
    project = Project()
    counts: Counter[Outcome] = Counter()
    wrong: list[IndexedBody] = []
    n_bytes = 0
    project.settings.lend_proxy()
    former, new = landing_of(project.settings, origin, "FROM"), landing_of(project.settings, target, "TO")
    with project.warehouse(landing=former) as warehouse:
        moving = warehouse.move_landing(new)
        for body, outcome in moving.run():
            counts[outcome] += 1
            n_bytes += body.n_bytes if outcome is Outcome.MOVED else 0
            if outcome in (Outcome.DAMAGED, Outcome.MISSING):
                wrong.append(body)
                complain(f"{outcome}: {body}.")
            if counts.total() % _EVERY == 0:
                say(f"{counts.total():,} answers looked at.")
    moved = f"{counted(counts[Outcome.MOVED], 'answer')} of {counted(n_bytes, 'byte')} moved"
    others = ", ".join(f"{counts[one]:,} {one}" for one in Outcome if one is not Outcome.MOVED)
    say(f"From {moving.origin} to {moving.target}: {moved}, {others}.")
    say(f"{moving.target} is the warehouse's landing zone: set LANDING_URL to it. {moving.origin} stays as it is.")
    if wrong:
        fail(how_to_mend(wrong))


@group.command()
def adopt(*, yes: Annotated[bool, typer.Option("--yes", help="Say so, or nothing is changed.")] = False) -> None:
    """Make the zone at LANDING_URL the warehouse's, whatever it lacks: where the former is lost or moved by hand."""
    with Project().warehouse() as warehouse:
        place = warehouse.landing_zone.place
        if not yes:
            refuse(f"pulls will keep their answers in {place}, and nowhere else: say --yes.")
        warehouse.landing_zone.adopt()
    say(f"The landing zone at {place} is the warehouse's; joulehouse landing verify says what it lacks.")


def as_dict(body: IndexedBody) -> dict[str, Any]:
    """A body for programs; instants in ISO 8601, UTC."""
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


def landing_of(settings: Settings, url: str, argument: str) -> Landing:
    """The landing zone at `url`, which `argument` has named: as `LANDING_URL` would have it.

    Raises:
        ConfigurationError: It is no place for answers.
    """
    if not url.strip():
        refuse(f"{argument} is empty: write it as LANDING_URL.")
    try:
        url = Settings({**settings.environment, LANDING_URL: url}).landing_url
    except ConfigurationError as error:
        raise ConfigurationError(error.culprit, place=argument, fix=error.fix) from None
    return Landing(url, setting=argument)


def _window(first: str, last: str) -> Window | None:
    if not first and not last:
        return None
    start = day_of(first, "--from") if first else date(1970, 1, 1)
    end = day_of(last, "--to") if last else datetime.now(UTC).date()
    if end < start:
        refuse(f"--to {end} lies before --from {start}: name the earlier day first.")
    return Window.of_days(start, end)
