"""`watch`: tell people what is wrong, also when the daemon or the database is down."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

import typer

from domain.texts import counted
from domain.troubles import Trouble
from pipelines.console import complain, fail, say
from pipelines.local.processes import handle_signals
from pipelines.local.project import Project
from pipelines.notifications.notifier import Notifier, project_notifier
from pipelines.notifications.sender import Message
from pipelines.notifications.watch import Watch, WatchSettings
from resources.recipients import URLS, digest_instant, ping_url
from warehouse.store import TimescaleWarehouse, open_warehouse

_LEAST_SECONDS: Final = 1.0

EveryOption = Annotated[
    float, typer.Option("--every", min=_LEAST_SECONDS, metavar="SECONDS", help="Between two looks.")
]
OnceOption = Annotated[bool, typer.Option("--once", help="Look once, print what is wrong, and end.")]
TestOption = Annotated[bool, typer.Option("--test", help="Send everybody a message that means nothing, and end.")]


def watch(*, every: EveryOption = 60.0, once: OnceOption = False, test: TestOption = False) -> None:
    """Tell people what is wrong, and ping a watchdog outside while all is at work. Ctrl-C ends it."""
    project = Project()
    sources = [source.component.facts for source in project.sources()]
    notifier = project_notifier(project.settings, sources)
    if test:
        _send_tests(notifier)
        return
    watching = Watch(
        partial(_opened, project),
        sources,
        notifier,
        ping_url=ping_url(project.settings),
        digest_at=partial(digest_instant, project.settings),
        now=lambda: datetime.now(UTC),
        settings=WatchSettings(n_database_looks=1) if once else WatchSettings(),
    )
    digest_instant(project.settings, datetime.now(UTC))  # a mistake in it is said now, and not in the morning
    handle_signals()
    known = notifier.recipients.known
    say(f"Watching {counted(len(sources), 'source')} for {counted(len(known), 'recipient')}; Ctrl-C ends it.")
    printed: dict[str, Trouble] = {}
    try:
        while True:
            watching.look()
            printed = _print_changes(watching, printed)
            if once:
                return
            time.sleep(every)
    except KeyboardInterrupt:
        say("The watch has ended.")


@contextmanager
def _opened(project: Project) -> Iterator[TimescaleWarehouse]:
    """The warehouse as it is: an embedded one that is stopped is not started, since that is what is to be told."""
    settings = project.settings
    url = settings.warehouse_url or project.embedded.url
    settings.lend_proxy()
    with open_warehouse(url, settings.landing_url, patience_seconds=0) as warehouse:
        yield warehouse


def _print_changes(watching: Watch, before: dict[str, Trouble]) -> dict[str, Trouble]:
    """Print what is new and what is over."""
    lasting = {trouble.key: trouble for trouble in watching.troubles}
    for key, trouble in lasting.items():
        if key not in before:
            complain(f"{trouble.culprit} Since {trouble.since:%Y-%m-%d %H:%M} UTC. {trouble.fix}")
    for key, trouble in before.items():
        if key not in lasting:
            say(f"Over: {trouble.culprit}")
    for complaint in watching.complaints:
        complain(complaint)
    return lasting


def _send_tests(notifier: Notifier) -> None:
    """Send everybody a message, and say who got it."""
    known = notifier.recipients.known
    if not known:
        fail(f"nobody can be told: {URLS} is not set (docs/operate/notifications.md).")
    text = "This is a test: whoever reads it is told of troubles."
    failures = notifier.sender.send([Message(one.url, "Joulehouse: test", text) for one in known])
    for recipient, failure in zip(known, failures, strict=True):
        say(f"{recipient.name}: {failure or 'sent'}.")
    if any(failures):
        fail(f"{counted(sum(map(bool, failures)), 'message')} of {len(known)} not sent.")
