"""How long an export is waited for, and how often it is asked after: in one place, because all of it is ours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PollingPolicy:
    """Waits in seconds. The provider documents none of them, but the quotas that they keep.

    Attributes:
        first_poll: Before a new job is asked after for the first time; each further wait is half as long again …
        longest_poll: … up to this: sixty requests an hour fit into the smallest quota that is known, of a hundred.
        deadline: How long one run waits for jobs. The job lives on, and the next run waits as long for it again.
        given_up: How old a job may become, and how long its archive may stay away that is said to be there. After that
            it is believed to be stuck, and another is ordered.
        unknown: How long a job whose order may have been sent, and which has no name, can be running: nobody can ask
            after it. No order is under way for longer.
        look: Between two looks into the ledger, whether such a job has a name by now.
        cool_down: Between a job that came to nothing and the next one with the same request.
        busy: Between two orders, where the provider says that another export is pending and not how long to wait.
        slot: How long to wait for the tenant's slot.
        files: Before each further try to fetch an archive that is there and cannot be had.
        fresh: How long ago an unused archive may have been completed whose values may still have moved.
    """

    first_poll: float = 15.0
    longest_poll: float = 60.0
    deadline: float = 2700.0
    given_up: float = 4 * 3600.0
    unknown: float = 900.0
    look: float = 2.0
    cool_down: float = 120.0
    busy: float = 60.0
    slot: float = 3000.0
    files: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0)
    fresh: float = 3600.0
