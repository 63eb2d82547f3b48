"""The faults of a twin: what can go wrong, where, and how often."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from threading import Lock
from typing import Any, Final

from domain.records import Json
from sandbox.instants import MS_PER_DAY, day_number
from sandbox.settings import SettingError, day_from, has_type_of


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One thing that can go wrong.

    Attributes:
        summary: What it does, in a line.
        options: Its own options with their defaults.
        choices: Option → the words that it can be, where they are few.
        endpoint: The endpoint that it is about unless another is named; empty for the twin's first.
    """

    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endpoint: str = ""


COMMON_FAULTS: Final[Mapping[str, FaultKind]] = {
    # instead of the real answer
    "status": FaultKind(
        "Answers `code` with an error body (`json`, `text` or `empty`); `retry_after` is sent unchanged or, "
        "with `as_date`, as the HTTP date that many seconds from now.",
        {"code": 503, "retry_after": None, "as_date": False, "body": "json"},
        {"body": ("json", "text", "empty")},
    ),
    "html_200": FaultKind("Answers 200 with an HTML login page."),
    "answer": FaultKind(
        "Answers exactly `body` with `status`, `content_type` and `headers`.",
        {"status": 200, "body": "", "content_type": "application/json", "headers": {}},
    ),
    "revoke": FaultKind("Makes every token so far invalid, so that this request is unauthorized."),
    # the encoding
    "bom": FaultKind("The body begins with a UTF-8 byte order mark."),
    "utf16": FaultKind("The body is UTF-16."),
    "label": FaultKind(
        "The response has this `status` and `content_type`, whatever its body.",
        {"status": 200, "content_type": "application/json"},
    ),
    # the wire
    "latency": FaultKind("Silence for `seconds` before the first byte.", {"seconds": 1.0}),
    "drip": FaultKind("`bytes` bytes at a time, `seconds` apart.", {"bytes": 1, "seconds": 0.1}),
    "cut": FaultKind(
        "The body breaks off after `fraction` of it. `framing`: `content_length`, `chunked`, `close` or `gzip`; "
        "`reset` ends the connection with RST.",
        {"framing": "content_length", "fraction": 0.5, "reset": False},
        {"framing": ("content_length", "chunked", "close", "gzip")},
    ),
    "huge_body": FaultKind(
        "`mib` mebibytes of spaces follow the body; `gzip` compresses them whatever the client accepts.",
        {"mib": 64, "gzip": False},
    ),
    "endless_body": FaultKind("Spaces follow the body without end."),
}
"""The faults of every twin, applied by `sandbox.disturbance`: kind → its summary and options."""

LIMITS: Final[Mapping[str, str]] = {
    "endpoint": "only this endpoint of the twin, or any; its main one by default",
    "product": "only this product (or meter, or device)",
    "day": "only requests whose window touches this UTC day",
    "page": "only this page of a listing, counted from 1",
    "from_request": "only from the k-th matching request on, counted from 1",
    "times": "at most this many times",
    "probability": "with this probability, drawn from `seed`",
    "seed": "the seed of the draw",
}
"""The options that every fault has, all of them optional."""

_LIMIT_EXAMPLES: Final[Mapping[str, object]] = {
    "endpoint": "", "product": "", "day": "", "page": 1, "from_request": 1, "times": 1, "probability": 1.0, "seed": 1,
}  # fmt: skip
"""Option → a value of its type."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a request that decide whether a fault matches it.

    Attributes:
        endpoint: One of the twin's endpoints.
        subject: The product, meter or device that the request names.
        start: Where the requested window begins, in epoch milliseconds; None without a window.
        end: Where it ends; not included.
        page: Which page of its listing is requested, counted from 1.
    """

    endpoint: str
    subject: str | None = None
    start: int | None = None
    end: int | None = None
    page: int = 1


@dataclass(slots=True)
class Fault:
    """One fault that is on."""

    number: int
    kind: str
    options: Mapping[str, Any]
    endpoint: str = "any"
    product: str | None = None
    day: date | None = None
    page: int | None = None
    from_request: int = 1
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    n_matched: int = 0
    n_fired: int = 0
    draw: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        """Seed the draw."""
        self.draw.seed(self.seed)

    def fires(self, facts: Facts) -> bool:
        """Whether it happens to this request; a matching request is counted."""
        if not self._matches(facts):
            return False
        self.n_matched += 1
        is_spent = self.times is not None and self.n_fired >= self.times
        if is_spent or self.n_matched < self.from_request or self.draw.random() >= self.probability:
            return False
        self.n_fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The fault as JSON."""
        limits = {name: getattr(self, name) for name in LIMITS}
        limits["day"] = self.day and self.day.isoformat()
        counts = {"n_matched": self.n_matched, "n_fired": self.n_fired}
        return {"number": self.number, "fault": self.kind, **self.options, **limits, **counts}

    def _matches(self, facts: Facts) -> bool:
        if (
            self.endpoint not in ("any", facts.endpoint)
            or self.product not in (None, facts.subject)
            or self.page not in (None, facts.page)
        ):
            return False
        if self.day is None or facts.start is None or facts.end is None:
            return self.day is None
        midnight = day_number(self.day) * MS_PER_DAY
        return facts.start < midnight + MS_PER_DAY and facts.end > midnight


class Fired:
    """The faults that happen to one request, by kind; of two of a kind, the one that was switched on later."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        self._faults = faults

    def __contains__(self, kind: str) -> bool:
        """Whether a fault of this kind happens."""
        return kind in self._faults

    def __iter__(self) -> Iterator[str]:
        """The kinds that happen."""
        return iter(self._faults)

    def option(self, kind: str, name: str) -> Json:
        """An option of a fault that happens."""
        return self._faults[kind].options[name]

    def options(self, kind: str, *names: str) -> tuple[Any, ...]:
        """Several options of a fault that happens."""
        return tuple(self.option(kind, name) for name in names)


class FaultSwitches:
    """All faults of one twin. Safe to use from several threads.

    Args:
        kinds: What can go wrong with this twin.
        endpoints: The endpoints of the twin; a fault that names none is about the first.
    """

    def __init__(self, kinds: Mapping[str, FaultKind], endpoints: Sequence[str]) -> None:
        self.kinds = kinds
        self._endpoints = tuple(endpoints)
        self._faults: list[Fault] = []
        self._numbers = count(1)
        self._lock = Lock()

    def add(self, kind: str, **options: Json) -> int:
        """Switch a fault on; its number.

        Args:
            kind: One of `kinds`.
            options: Its own options, and those of `LIMITS`.

        Raises:
            SettingError: The kind or an option is unknown, or a value cannot be.
        """
        known = self.kinds.get(kind)
        if known is None:
            raise SettingError(f"there is no fault {kind!r}; the faults are {', '.join(self.kinds)}.")
        for name, value in options.items():
            self._check(kind, known, name, value)
        own = {name: options.get(name, default) for name, default in known.options.items()}
        limits = {name: value for name, value in options.items() if name in LIMITS and value is not None}
        if isinstance(limits.get("day"), str):
            limits["day"] = day_from("day", limits["day"])
        limits.setdefault("endpoint", known.endpoint or self._endpoints[0])
        with self._lock:
            fault = Fault(next(self._numbers), kind, own, **limits)
            self._faults.append(fault)
            return fault.number

    def remove(self, number: int | None = None) -> int:
        """Switch one fault off, or all of them; how many they were."""
        with self._lock:
            remaining = [] if number is None else [fault for fault in self._faults if fault.number != number]
            removed = len(self._faults) - len(remaining)
            self._faults = remaining
            return removed

    def shown(self) -> list[dict[str, Any]]:
        """The faults that are on, with how often each has matched and fired."""
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def fire(self, facts: Facts) -> Fired:
        """The faults that happen to this request."""
        with self._lock:
            return Fired({fault.kind: fault for fault in self._faults if fault.fires(facts)})

    def _check(self, kind: str, known: FaultKind, name: str, value: object) -> None:
        if name not in known.options and name not in LIMITS:
            possible = ", ".join([*known.options, *LIMITS])
            raise SettingError(f"the fault {kind} has no option {name!r}; it has {possible}.")
        choices = (*self._endpoints, "any") if name == "endpoint" else known.choices.get(name)
        if choices and value not in choices:
            raise SettingError(f"{name} of {kind} cannot be {value!r}; it is one of {', '.join(choices)}.")
        example = _LIMIT_EXAMPLES[name] if name in LIMITS else known.options[name]
        is_day = name == "day" and isinstance(value, date)
        if not (value is None or example is None or is_day or has_type_of(value, example)):
            raise SettingError(f"{name} of {kind} cannot be {value!r}.")
