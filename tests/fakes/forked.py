"""Real processes for tests, made by fork: quick, because everything is imported already."""

import os
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

_Result = TypeVar("_Result")


def fork(job: Callable[[], object]) -> int:
    """Run `job` in a child; its process id. The child ends with 0, or with 1 if the job raised."""
    with warnings.catch_warnings():
        # Python 3.12 warns of threads; the workers of pytest-xdist have one, which the child does not need.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        job()
        status = 0
    except BaseException:  # noqa: BLE001 - a child must not go on as a second pytest
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def replace_in_child(owner: object, name: str, stand_in: object) -> None:
    """Have `owner` call `stand_in` by that name. Only ever called in a child: nothing is put back."""
    setattr(owner, name, stand_in)


def ended(pid: int) -> int:
    """Wait for a child: its exit code, or the negative signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def together(jobs: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """Run jobs in one process each, all starting at the same moment; their results, in the order of jobs.

    Raises:
        RuntimeError: A job failed; the child's traceback is on stderr.
    """
    gate_out, gate_in = os.pipe()
    children = []
    for job in jobs:
        out, into = os.pipe()
        children.append((fork(partial(_report, job, into, (gate_out, gate_in))), out))
        os.close(into)
    os.close(gate_out)
    os.close(gate_in)  # Everybody's read of the gate ends now.
    answers = []
    for pid, out in children:
        with os.fdopen(out, "rb") as file:
            answers.append((file.read(), ended(pid)))
    if any(status for _, status in answers):
        msg = f"children ended with {[status for _, status in answers]}"
        raise RuntimeError(msg)
    return [pickle.loads(body) for body, _ in answers]


def _report(job: Callable[[], object], into: int, gate: tuple[int, int]) -> None:
    os.close(gate[1])
    os.read(gate[0], 1)
    with os.fdopen(into, "wb") as file:
        file.write(pickle.dumps(job()))
