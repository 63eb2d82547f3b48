"""`flags`: which series are implausible on which days, and what was seen."""

from rich.table import Table

from domain.texts import counted
from pipelines.cli.gaps import FromOption, ToOption, chosen_sources, judged_span
from pipelines.cli.overview import JsonOption, SourceArgument
from pipelines.console import console, literal, say, say_json
from pipelines.local.project import Project


def flags(
    source: SourceArgument = "", first: FromOption = "", last: ToOption = "", *, as_json: JsonOption = False
) -> None:
    """What is implausible: which device and series, on which day, of what kind, and what was seen."""
    project = Project()
    documents = []
    with project.warehouse() as warehouse:
        for one in chosen_sources(project, source):
            span = judged_span(one, warehouse, first, last)
            found = warehouse.completeness.flags(one.slug, *span) if span else []
            n_waiting = warehouse.completeness.unflagged(one.slug, *span) if span else 0
            documents.append(
                {
                    "source": one.slug,
                    "flags": [
                        {
                            "device": raised.name,
                            "series": raised.key,
                            "day": raised.day.isoformat(),
                            "kind": raised.kind,
                            "evidence": raised.evidence,
                            "copies": raised.copies,
                        }
                        for raised in found
                    ],
                    "days_not_judged": n_waiting,
                }
            )
            if as_json:
                continue
            if span is None:
                say(f"{one.slug}: nothing is judged yet.")
                continue
            shown = f"{one.slug}, {span[0]} to {span[1]}"
            waiting = f" {counted(n_waiting, 'day')} wait: `joulehouse assess {one.slug}`." if n_waiting else ""
            if not found:
                say(f"{shown}: nothing is implausible.{waiting}")
                continue
            table = Table()
            for name in ("device", "series", "day", "kind", "evidence"):
                table.add_column(name, overflow="fold")
            for raised in found:
                copies = f" (and its copies: {', '.join(raised.copies)})" if raised.copies else ""
                table.add_row(
                    literal(raised.name),
                    literal(f"{raised.key}{copies}"),
                    str(raised.day),
                    raised.kind,
                    literal(raised.evidence),
                )
            console.print(table)
            devices = {raised.name for raised in found}
            say(f"{shown}: {counted(len(found), 'flag')} of {counted(len(devices), 'device')}.{waiting}")
    if as_json:
        say_json(documents)
