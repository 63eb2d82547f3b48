"""The load: one transaction that makes a partition's measurements equal to what its payloads say.

The order inside the transaction: lock the days, fence out older pulls, compare with what is held, guard against
losses, write, check the sums, quarantine, and the ledger row last. Either all of it is there or nothing.
"""

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Final

import numpy as np
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from domain.contract import LandedPull
from domain.errors import (
    AccountingError,
    IngestError,
    OutsidePartitionError,
    OverwriteRefusedError,
    PayloadMissingError,
    RowsRefusedError,
    ShrinkRefusedError,
    StaleLoadError,
)
from domain.records import LoadReport
from domain.window import Window
from warehouse import lateness, registers, series_days, summaries
from warehouse.day_facts import Ints
from warehouse.deleted_upstream import DeletedUpstream
from warehouse.difference import nothing_stored
from warehouse.load_buffer import LoadBuffer
from warehouse.partition import Partition, Written, numbers_of, states_of
from warehouse.provisional import Provisional
from warehouse.statements import statement

MOST_LOST_SHARE: Final = 0.2
"""Of the points a partition holds, a load may lose at most this share, unless it is a correction."""

_PAUSES: Final = (0.2, 1.0)  # seconds at most before a second and a third try


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be loaded, and on whose word."""

    source: str
    window: Window
    pull_id: int | None
    sha256s: tuple[str, ...]
    proof: str
    is_correction: bool
    code_version: str

    @classmethod
    def of(
        cls, source: str, window: Window, landed: LandedPull, *, is_correction: bool, code_version: str
    ) -> "Assignment":
        """The load of `landed` into `window`."""
        return cls(source, window, landed.pull_id, landed.sha256s, landed.proof, is_correction, code_version)

    @property
    def place(self) -> str:
        """For messages."""
        return place_of(self.source, self.window)


def place_of(source: str, window: Window) -> str:
    """A load, for messages."""
    return f"{source}, {window}"


def commit(
    connection: psycopg.Connection, assignment: Assignment, buffer: LoadBuffer, seconds: Callable[[], float]
) -> LoadReport:
    """Load, in one transaction.

    Args:
        connection: In autocommit.
        assignment: What.
        buffer: The points, deduplicated.
        seconds: How long the load has taken so far.

    Raises:
        StaleLoadError: A newer pull of some day of the window is loaded already.
        OutsidePartitionError: The pull is another source's or does not cover the window.
        RowsRefusedError: A series has got another quantity since its points were taken in.
        ShrinkRefusedError: Too many points of the partition would vanish.
        OverwriteRefusedError: Too many of them would be zeros or one value.
        AccountingError: The sums do not agree.
        psycopg.Error: Whatever the server says.
    """
    with connection.transaction():
        connection.execute(statement("load/limits"))
        _lock(connection, assignment)
        return _loaded(connection, assignment, buffer, seconds)


def complete(
    connection: psycopg.Connection, assignment: Assignment, buffer: LoadBuffer, seconds: Callable[[], float]
) -> LoadReport:
    """What is left of a load whose numbers were copied ahead (`LoadBuffer.n_copied`); see `commit`.

    Args:
        connection: In the transaction that has copied them into an empty partition, and holds the locks of its days.
        assignment: What.
        buffer: The points, deduplicated.
        seconds: How long the load has taken so far.

    Raises:
        What `commit` raises.
    """
    _share_catalogue(connection, assignment)
    return _loaded(connection, assignment, buffer, seconds)


def record_failure(
    connection: psycopg.Connection, assignment: Assignment, buffer: LoadBuffer, error: IngestError, seconds: float
) -> None:
    """A `failed` row in the ledger, and the rows rejected until then: in a transaction of their own."""
    with connection.transaction():
        load_id = _scalar(connection, "load/next_load_id")
        buffer.quarantine.record(connection, assignment.source, assignment.window, load_id)
        _enter(connection, _report(assignment, buffer, load_id, seconds, error=error))


def commit_again(
    connection: psycopg.Connection, assignment: Assignment, buffer: LoadBuffer, seconds: Callable[[], float]
) -> LoadReport:
    """`commit`, tried anew where the server chose this transaction to make way for another one."""
    for pause_seconds in _PAUSES:
        try:
            return commit(connection, assignment, buffer, seconds)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            # Not for a secret: two losers of one deadlock must not meet again at the same instant.
            time.sleep(pause_seconds * random.random())  # noqa: S311
    return commit(connection, assignment, buffer, seconds)


def _lock(connection: psycopg.Connection, assignment: Assignment) -> None:
    _share_catalogue(connection, assignment)
    # In the order of days: two loads that share several days cannot wait for each other.
    for day in assignment.window.days():
        connection.execute(statement("load/lock_day"), {"source": assignment.source, "day": day})


def _share_catalogue(connection: psycopg.Connection, assignment: Assignment) -> None:
    # No series may change its quantity between here and the commit.
    connection.execute(statement("load/share_catalogue"), {"source": assignment.source})


def _loaded(
    connection: psycopg.Connection, assignment: Assignment, buffer: LoadBuffer, seconds: Callable[[], float]
) -> LoadReport:
    _fence(connection, assignment)
    load_id = _scalar(connection, "load/next_load_id")
    written = _write(connection, assignment, buffer, load_id)
    report = _report(assignment, buffer, load_id, seconds(), written=written)
    _check(report, assignment.place)
    buffer.quarantine.record(connection, assignment.source, assignment.window, load_id)
    return _enter(connection, report)


def _fence(connection: psycopg.Connection, assignment: Assignment) -> None:
    bounds = {"start": assignment.window.start, "end": assignment.window.end}
    values = {"source": assignment.source, "pull_id": assignment.pull_id, **bounds}
    row = connection.execute(statement("load/fence"), values).fetchone()
    if row is None:
        raise PayloadMissingError(
            f"there is no pull {assignment.pull_id}", place=assignment.place, fix="land the window first"
        )
    is_ours, newer_loaded = row
    if not is_ours:
        raise OutsidePartitionError(
            f"pull {assignment.pull_id} is not a complete pull of this source that covers this window",
            place=assignment.place,
            fix="load what `payloads` returns for this source and window",
        )
    if newer_loaded is not None:
        raise StaleLoadError(
            f"pull {newer_loaded} is already loaded, which is newer than pull {assignment.pull_id}",
            place=assignment.place,
            fix="nothing is to be done, or load the newest pull again",
        )


def _write(connection: psycopg.Connection, assignment: Assignment, buffer: LoadBuffer, load_id: int) -> Written:
    rows = connection.execute(statement("catalogue/all_ids"), {"source": assignment.source}).fetchall()
    quantities = {int(series_id): str(quantity) for series_id, quantity, _ in rows}
    for series_id, quantity in buffer.quantities.items():
        now = quantities.get(series_id, "gone")
        if now != quantity:
            raise RowsRefusedError(
                f"the series {series_id} was {quantity} and is {now} in the catalogue now",
                place=assignment.place,
                fix="load the day again",
            )
    source_ids = list(quantities)
    numbers = Partition(connection, numbers_of(buffer), assignment.window, buffer.series_ids, place=assignment.place)
    states = Partition(connection, states_of(buffer), assignment.window, buffer.series_ids, place=assignment.place)
    n_streamed = 0
    streamed = Provisional.of(connection, assignment.source, assignment.window, buffer)
    # What was copied ahead is in the table already, where nothing else is.
    was_empty = buffer.n_copied is not None
    of_numbers = nothing_stored(np.float64) if was_empty else numbers.differ(source_ids, streamed.instants)
    of_states = states.differ(source_ids, streamed.instants)
    if streamed:
        of_numbers, n_numbers = streamed.spare(of_numbers, buffer.numbers)
        of_states, n_states = streamed.spare(of_states, buffer.states)
        n_streamed = n_numbers + n_states
    # What a stream has put goes by the stream's rules, and is not counted twice.
    deleted = DeletedUpstream.of(connection, assignment.source, buffer.absent_sites, spared=streamed.instants)
    gone = (of_numbers.vanished.series_id, of_states.vanished.series_id)
    n_spared = n_streamed + sum(map(deleted.n_points, gone))
    _guard(
        n_stored=of_numbers.n_stored + of_states.n_stored - n_spared,
        n_vanished=sum(map(len, gone)) - n_spared,
        n_overwritten=of_numbers.n_overwritten + of_states.n_overwritten,
        n_points=len(buffer.numbers) + len(buffer.states),
        assignment=assignment,
    )
    written = numbers.write(of_numbers, load_id, n_copied=buffer.n_copied) + states.write(of_states, load_id)
    touched = numbers.touched(of_numbers)
    summaries.write_loaded(
        connection,
        buffer.numbers,
        touched,
        is_first=of_numbers.new is None,
        series_ids=buffer.series_ids,
        zone_of={int(series_id): str(time_zone) for series_id, _, time_zone in rows},
        streamed=list(streamed.instants),
        window=assignment.window,
    )
    n_facts = series_days.write_loaded(
        connection,
        buffer,
        {"numbers": touched, "states": states.touched(of_states)},
        {"numbers": of_numbers.new is None, "states": of_states.new is None},
        streamed=list(streamed.instants),
        window=assignment.window,
    )
    if not n_facts and of_numbers.new is None and of_states.new is None:
        days = list(assignment.window.days())
        connection.execute(statement("series_day/note_empty"), {"source": assignment.source, "days": days})
    _note_late(connection, assignment, load_id, lambda: [numbers.added(of_numbers), states.added(of_states)])
    streamed.confirm(connection, assignment.window)
    registers.rewrite(
        connection,
        assignment.source,
        touched,
        assignment.window,
        place=assignment.place,
        is_first=of_numbers.new is None,
    )
    return replace(written, withdrawn=deleted.sites(*gone))


def _note_late(
    connection: psycopg.Connection, assignment: Assignment, load_id: int, added: Callable[[], list[tuple[Ints, Ints]]]
) -> None:
    """Note which points came behind the first answer of their day, and how long behind it."""
    days = list(assignment.window.days())
    late = lateness.after_first_answer(connection, assignment.source, assignment.pull_id, days)
    for series_id, at_us in added() if late else ():
        lateness.note_late(connection, load_id, series_id, at_us, late)


def _guard(*, n_stored: int, n_vanished: int, n_overwritten: int, n_points: int, assignment: Assignment) -> None:
    # Not the net: as many points of other series or instants must not hide that the held ones are gone. A partition
    # that has fewer points than before has lost at least as many, hence this is the stricter of the two.
    n_bearable = n_stored * MOST_LOST_SHARE
    if assignment.is_correction or n_vanished + n_overwritten <= n_bearable:
        return
    fix = "look at what the provider sends now; if it is right, run the day again as a correction"
    if n_vanished > n_bearable:
        culprit = f"{n_points} points would replace {n_stored}, of which {n_vanished} would vanish"
        raise ShrinkRefusedError(culprit, place=assignment.place, fix=fix)
    culprit = f"of {n_stored} points {n_overwritten} would become zeros or one value, and {n_vanished} would vanish"
    raise OverwriteRefusedError(culprit, place=assignment.place, fix=fix)


def _check(report: LoadReport, place: str) -> None:
    n_accounted = report.n_inserted + report.n_changed + report.n_unchanged + report.n_rejected + report.n_duplicate
    if report.n_received != n_accounted:
        raise AccountingError(
            f"{report.n_received} points were received and {n_accounted} are accounted for",
            place=place,
            fix="report it: nothing was written, and the loader or the provider's normalize is wrong",
        )


def _report(
    assignment: Assignment,
    buffer: LoadBuffer,
    load_id: int,
    seconds: float,
    *,
    written: Written | None = None,
    error: IngestError | None = None,
) -> LoadReport:
    done = written or Written()
    return LoadReport(
        load_id=load_id,
        status="failed" if error else "committed",
        reason=error.code if error else None,
        sentence=str(error) if error else None,
        source=assignment.source,
        window_start=assignment.window.start,
        window_end=assignment.window.end,
        pull_id=assignment.pull_id,
        payload_sha256s=list(assignment.sha256s),
        n_series=buffer.n_series,
        n_received=buffer.n_received,
        **asdict(done) | {"withdrawn": list(done.withdrawn)},
        n_rejected=len(buffer.quarantine),
        n_duplicate=buffer.n_duplicate,
        n_points=0 if error else len(buffer.numbers) + len(buffer.states),
        proof=assignment.proof,
        code_version=assignment.code_version,
        seconds=seconds,
        is_correction=assignment.is_correction,
        unmapped=dict(buffer.unmapped),
        rejected_by_reason=dict(buffer.quarantine.by_reason),
    )


def _enter(connection: psycopg.Connection, report: LoadReport) -> LoadReport:
    """Write the row, of the columns that the report has fields for; the report with what the server adds."""
    columns = [column.name for column in fields(report) if column.name != "loaded_at"]
    values = [getattr(report, column) for column in columns]
    insert = statement("load/enter_ledger").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(sql.Placeholder() for _ in columns),
    )
    row = connection.execute(
        insert, [Jsonb(value) if isinstance(value, dict) else value for value in values]
    ).fetchone()
    return replace(report, loaded_at=row[0] if row else None)


def _scalar(connection: psycopg.Connection, name: str) -> int:
    row = connection.execute(statement(name)).fetchone()
    return int(row[0]) if row else 0
