"""What registers have counted: readings of a counter made into intervals, each judged by what stands on both its sides.

A reading that does not follow from the one before is a glitch, a reset, a rollover, another meter or jitter; only what
comes after it tells which. So that a warehouse can keep the intervals of single days right, whatever is loaded in
whatever order, the intervals of a day depend on the readings of a bounded neighbourhood and on nothing else (`days`).
"""

from domain.registers.days import HOP_READINGS, HOPS, changes
from domain.registers.intervals import FLAGS, Intervals, judge, judge_rising
from domain.registers.register import Register, register_of
from domain.registers.usual import NEAREST

__all__ = [
    "FLAGS",
    "HOPS",
    "HOP_READINGS",
    "NEAREST",
    "Intervals",
    "Register",
    "changes",
    "judge",
    "judge_rising",
    "register_of",
]
