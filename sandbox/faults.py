"""The switches: what can go wrong, where, and how often."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from threading import Lock
from typing import Any, Final

from sandbox.days import MS_PER_DAY, day_number
from sandbox.settings import SettingError

ENDPOINTS: Final = ("query", "products", "token", "any")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One thing that can go wrong.

    Attributes:
        summary: What it does, in a line.
        options: Its own options with their defaults.
    """

    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)


FAULTS: Final[dict[str, FaultKind]] = {
    # instead of the real answer
    "status": FaultKind(
        "Answers `code` with an error body (`json`, `text` or `empty`); `retry_after` is sent as given, or, "
        "`as_date`, as the HTTP date so many seconds from now.",
        {"code": 503, "retry_after": None, "as_date": False, "body": "json"},
    ),
    "html_200": FaultKind("Answers 200 with an HTML login page."),
    "answer": FaultKind(
        "Answers exactly `body` with `status`, `content_type` and `headers`.",
        {"status": 200, "body": "", "content_type": "application/json", "headers": {}},
    ),
    "revoke": FaultKind("Makes every bearer token given so far invalid, so that this request is answered 401."),
    "token_fields": FaultKind(
        "Token endpoint: sets the fields of `set` and leaves out those of `drop`.", {"set": {}, "drop": []}
    ),
    # the continueToken
    "token_repeats": FaultKind("From page `cycle` + 1 on, the tokens begin again with the first.", {"cycle": 1}),
    "token_dies": FaultKind(
        "A token for a page after `after_page` is refused with `status`.", {"status": 404, "after_page": 1}
    ),
    "token_never_ends": FaultKind(
        "Where the rows end, fresh tokens come all the same; their pages are `empty` or repeat the `last` rows.",
        {"rows": "last"},
    ),
    "empty_page": FaultKind("The page has no rows, and a token behind which they are."),
    "full_page_without_token": FaultKind("The page has the end marker although more rows exist."),
    "no_progress": FaultKind("The page's token, although a fresh one, leads to the same page again."),
    # the rows
    "unordered": FaultKind("The page's rows are `shuffled` or `reversed`.", {"order": "shuffled"}),
    "ties": FaultKind("Every `width` rows in a row get one timestamp.", {"width": 4}),
    "outside_rows": FaultKind(
        "`rows` rows are added whose times lie `seconds` `before` or `after` the window.",
        {"rows": 1, "where": "after", "seconds": 3600.0},
    ),
    "duplicates": FaultKind("The page's first `rows` rows come twice.", {"rows": 1}),
    "late_documents": FaultKind(
        "Every `every`th row is not there yet. Limited by `times`, it comes later.", {"every": 10}
    ),
    "rows_inserted": FaultKind(
        "Once the page is sent, `rows` rows are written just after the window's start.", {"rows": 1}
    ),
    "rows_removed": FaultKind(
        "Once the page is sent, the product loses its first `rows` rows of the window.", {"rows": 1}
    ),
    # the cells
    "cell": FaultKind(
        "In the first `rows` rows, `field` becomes `raw`, which is JSON or not; without a field, the first number.",
        {"rows": 1, "field": None, "raw": '"n/a"'},
    ),
    "missing_field": FaultKind("In the first `rows` rows, `field` is absent.", {"rows": 1, "field": "timestamp"}),
    "extra_field": FaultKind(
        "In the first `rows` rows, `field` appears with the JSON text `raw`.",
        {"rows": 1, "field": "new_kW", "raw": "1.5"},
    ),
    "duplicate_keys": FaultKind(
        "In the first `rows` rows, `field` comes twice, with `raw` the second time.",
        {"rows": 1, "field": None, "raw": "-1.0"},
    ),
    "deep_nesting": FaultKind("The first row has a field `deep` of `depth` lists in each other.", {"depth": 100_000}),
    # the envelope and the encoding
    "num_results": FaultKind("`numResults` is wrong by `off`; without it, it is missing.", {"off": None}),
    "bom": FaultKind("The body begins with a UTF-8 byte order mark."),
    "utf16": FaultKind("The body is UTF-16."),
    "label": FaultKind(
        "The answer bears `status` and `content_type`, whatever it holds.",
        {"status": 200, "content_type": "application/json"},
    ),
    # the wire
    "latency": FaultKind("Silence for `seconds` before the first byte.", {"seconds": 1.0}),
    "drip": FaultKind("`bytes` bytes at a time, `seconds` apart.", {"bytes": 1, "seconds": 0.1}),
    "cut": FaultKind(
        "The body breaks off after `fraction` of it. `framing`: `content_length`, `chunked`, `close` or `gzip`; "
        "`reset` ends the connection with RST.",
        {"framing": "content_length", "fraction": 0.5, "reset": False},
    ),
    "huge_body": FaultKind(
        "`mib` mebibytes of spaces follow the body; `gzip` compresses them whatever the client accepts.",
        {"mib": 64, "gzip": False},
    ),
    "endless_body": FaultKind("Spaces follow the body for ever."),
}
"""Kind → what it does and its options."""

LIMITS: Final[Mapping[str, str]] = {
    "endpoint": "only this endpoint: query (the default), products, token or any",
    "product": "only this product",
    "day": "only queries whose window [startDate, endDate) touches this UTC day",
    "page": "only this page of a listing, counted from 1",
    "from_request": "only from the k-th matching request on, counted from 1",
    "times": "at most so often",
    "probability": "with this probability, drawn from `seed`",
    "seed": "the seed of the draw",
}
"""The options that every fault has, all of them optional."""

_CHOICES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("status", "body"): ("json", "text", "empty"),
    ("cut", "framing"): ("content_length", "chunked", "close", "gzip"),
    ("unordered", "order"): ("shuffled", "reversed"),
    ("outside_rows", "where"): ("before", "after"),
    ("token_never_ends", "rows"): ("last", "empty"),
}


_LIMIT_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "endpoint": (str,),
    "product": (str,),
    "day": (str, date),
    "page": (int,),
    "from_request": (int,),
    "times": (int,),
    "probability": (int, float),
    "seed": (int,),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a fault may look at to decide whether it is meant.

    Attributes:
        endpoint: `query`, `products` or `token`.
        product: The product that is asked for.
        start: startDate in epoch milliseconds, where there is one.
        end: endDate likewise.
        page: Which page of its listing is asked for, counted from 1.
    """

    endpoint: str
    product: str | None = None
    start: int | None = None
    end: int | None = None
    page: int = 1


@dataclass(slots=True)
class Fault:
    """One switch that is on."""

    number: int
    kind: str
    options: Mapping[str, Any]
    endpoint: str = "query"
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
        """Whether it happens to this request; counts the request if it is one that is meant."""
        if not self._means(facts):
            return False
        self.n_matched += 1
        is_spent = self.times is not None and self.n_fired >= self.times
        if is_spent or self.n_matched < self.from_request or self.draw.random() >= self.probability:
            return False
        self.n_fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The switch as JSON can say it."""
        limits = {name: getattr(self, name) for name in LIMITS}
        limits["day"] = self.day and self.day.isoformat()
        counts = {"n_matched": self.n_matched, "n_fired": self.n_fired}
        return {"number": self.number, "fault": self.kind, **self.options, **limits, **counts}

    def _means(self, facts: Facts) -> bool:
        if self.endpoint not in ("any", facts.endpoint):
            return False
        if self.product is not None and self.product != facts.product:
            return False
        if self.page is not None and self.page != facts.page:
            return False
        if self.day is None:
            return True
        if facts.start is None or facts.end is None:
            return False
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

    def option(self, kind: str, name: str) -> Any:  # noqa: ANN401 - options come from JSON
        """An option of a fault that happens."""
        return self._faults[kind].options[name]


class FaultSwitches:
    """All switches of one twin. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._numbers = count(1)
        self._lock = Lock()

    def add(self, kind: str, **options: Any) -> int:  # noqa: ANN401 - options come from JSON
        """Switch a fault on; its number.

        Args:
            kind: One of `FAULTS`.
            options: Its own options, and those of `LIMITS`.

        Raises:
            SettingError: The kind or an option is unknown, or a value cannot be.
        """
        known = FAULTS.get(kind)
        if known is None:
            raise SettingError(f"there is no fault {kind!r}; the faults are {', '.join(FAULTS)}.")
        for name, value in options.items():
            if name not in known.options and name not in LIMITS:
                possible = ", ".join([*known.options, *LIMITS])
                raise SettingError(f"the fault {kind} has no option {name!r}; it has {possible}.")
            choices = ENDPOINTS if name == "endpoint" else _CHOICES.get((kind, name))
            if choices and value not in choices:
                raise SettingError(f"{name} of {kind} cannot be {value!r}; it is one of {', '.join(choices)}.")
            if not _fits(value, _LIMIT_TYPES[name] if name in LIMITS else _types_like(known.options[name])):
                raise SettingError(f"{name} of {kind} cannot be {value!r}.")
        own = {name: options.get(name, default) for name, default in known.options.items()}
        limits = {name: value for name, value in options.items() if name in LIMITS and value is not None}
        if isinstance(limits.get("day"), str):
            limits["day"] = _day(limits["day"])
        if kind == "token_fields":
            limits.setdefault("endpoint", "token")
        with self._lock:
            fault = Fault(next(self._numbers), kind, own, **limits)
            self._faults.append(fault)
            return fault.number

    def remove(self, number: int | None = None) -> int:
        """Switch one fault off, or all of them; how many they were."""
        with self._lock:
            kept = [] if number is None else [fault for fault in self._faults if fault.number != number]
            removed = len(self._faults) - len(kept)
            self._faults = kept
            return removed

    def shown(self) -> list[dict[str, Any]]:
        """The switches that are on, with how often each has matched and fired."""
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def fire(self, facts: Facts) -> Fired:
        """The faults that happen to this request."""
        with self._lock:
            return Fired({fault.kind: fault for fault in self._faults if fault.fires(facts)})


def _types_like(default: object) -> tuple[type, ...]:
    """What may stand where `default` stands; where it is None, anything."""
    if default is None:
        return (object,)
    return (int, float) if isinstance(default, float) else (type(default),)


def _fits(value: object, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types or object in types
    return value is None or isinstance(value, types)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError(f"day cannot be {text!r}; write it as 2026-06-01.") from None
