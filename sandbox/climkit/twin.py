"""The twin of Climkit: login, lists, validated data, raw registers, sensors.

What the provider's document says is served as it says it; timestamps, undocumented keys, float dust and negative nights
are as working clients have recorded them. What nobody says (error bodies, what 429 says of waiting, a limit of `t_s`)
is our choice, and a setting.

| | |
|---|---|
| `POST …/rule` | `{"meter": ID, "start": INSTANT, "end": INSTANT, "percent": 110}`: an operator restates history |
| `POST …/register` | `{"meter": ID, "event": KIND, "at": INSTANT, …}`: something happens to a counter |
| `GET …/asked` | the questions about data: path, t_s, t_e, sampling_frequency, and when |
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar, Final

from sandbox.answers import Answer, Asked, as_json
from sandbox.bearer import random_token
from sandbox.climkit.house import METERS, QUARTER_MS, SENSORS, SITE, ZONE, instant_of, sensed
from sandbox.climkit.registers import Event, readings
from sandbox.climkit.rendering import local_text, rendered
from sandbox.climkit.rows import FREQUENCIES, Book, Rule, meter_rows, site_rows
from sandbox.climkit.settings import Settings
from sandbox.faults import COMMON_FAULTS, Facts, FaultKind, Fired
from sandbox.instants import MS_PER_DAY, as_ms, capped_at_day_end, day_number, epoch_ms, now_ms
from sandbox.measured import FIRST_MS, MISSING
from sandbox.settings import SettingError
from sandbox.twin import Point, Query, Switch, Twin

ROOT: Final = "/climkit/api/v1"
LOGIN: Final = f"{ROOT}/auth"

_SITE_TYPES: Final = ("electricity", "heating", "cooling", "cold_water", "hot_water", "charge_point")

FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "naive_times": FaultKind("Timestamps lack their offset."),
    "cell": FaultKind("In the first `rows` rows, the first value is `raw`.", {"rows": 1, "raw": '"---"'}),
    "no_time": FaultKind("The first row has no timestamp."),
    "extra_field": FaultKind("Every row has the field `name` with `value`.", {"name": "tariff", "value": 1.5}),
    "duplicates": FaultKind("The first `rows` rows come twice.", {"rows": 1}),
    "contradiction": FaultKind("The first row comes twice, the second time with other values."),
    "unordered": FaultKind("The rows are reversed."),
    "outside_rows": FaultKind("A row is added that lies `days` days after the end.", {"days": 2}),
    "no_valid_until": FaultKind("The login does not say how long the token lives.", endpoint="login"),
    "unknown_meter_type": FaultKind("The last meter is of the type `type`.", {"type": "gas"}, endpoint="lists"),
    "error_object": FaultKind("Answers 200 with an object that tells of an error."),
}
"""Kind → what it does and its options."""


class _RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.answer = as_json(status, {"error": sentence}, **headers)


class Climkit(Twin[Settings]):
    """Climkit's cloud with one house. Safe to use from any thread."""

    slug: ClassVar = "climkit"
    path: ClassVar = "/climkit"
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ("data", "registers", "sensors", "lists", "login")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._tokens: dict[str, float] = {}
        self._rules: list[Rule] = []
        self._events: list[Event] = []
        self._last_asked = float("-inf")
        self._questions: deque[dict[str, str]] = deque(maxlen=200_000)

    @property
    def paths(self) -> Sequence[str]:
        """The paths it answers."""
        return (f"{ROOT}/{{rest:path}}",)

    @property
    def own_switches(self) -> Sequence[Switch]:
        """The operator's rules, what happens to counters, and what was asked."""
        return (
            Switch("POST", "rule", lambda _, body: self.restate(body)),
            Switch("POST", "register", lambda _, body: self.happen(body)),
            Switch("GET", "asked", lambda *_: self.asked()),
        )

    def reset(self) -> None:
        """Settings as started, no faults, rules or events, and nothing asked. Tokens stay valid."""
        with self._lock:
            super().reset()
            self._rules.clear()
            self._events.clear()
            self._questions.clear()
            self._last_asked = float("-inf")

    def revoke_tokens(self) -> None:
        """Make every token given so far invalid."""
        with self._lock:
            self._tokens.clear()

    def restate(self, said: object) -> None:
        """Let an operator's rule change history.

        Raises:
            SettingError: It says what cannot be.
        """
        if not isinstance(said, Mapping) or said.get("meter") not in METERS:
            raise SettingError('a rule is written {"meter": ID, "start": INSTANT, "end": INSTANT, "percent": 110}.')
        try:
            rule = Rule(said["meter"], as_ms(said["start"]), as_ms(said["end"]), int(said["percent"]))
        except (KeyError, TypeError, ValueError):
            raise SettingError("a rule needs `start`, `end` and a whole number `percent`.") from None
        with self._lock:
            self._rules.append(rule)

    def happen(self, said: object) -> None:
        """Let something happen to a counter; see `sandbox.climkit.registers`."""
        with self._lock:
            self._events.append(Event.of(said))

    def asked(self) -> list[dict[str, str]]:
        """The questions about data and lists so far, oldest first."""
        with self._lock:
            return list(self._questions)

    def facts(self, asked: Asked) -> Facts:
        """What faults may look at, whether or not the request is valid."""
        steps = asked.path.removeprefix(f"{ROOT}/").split("/")
        endpoint = {"auth": "login", "site_data": "data", "meter_data": "data", "meter_data_raw": "registers"}.get(
            steps[0], "sensors" if steps[1:2] == ["sensor_data"] else "lists"
        )
        wanted = _wanted(asked)
        start, end = (_millis(wanted.get(name)) for name in ("t_s", "t_e"))
        return Facts(endpoint, steps[-1], start, end)

    def real(self, asked: Asked, facts: Facts, fired: Fired) -> Answer:
        """The answer without the faults that befall any twin."""
        try:
            self._limit()
            if facts.endpoint == "login":
                return self._login(asked, fired)
            self._require_token(asked.headers.get("authorization", ""))
            steps = asked.path.removeprefix(f"{ROOT}/").split("/")
            wanted = _wanted(asked)
            self._questions.append({"path": "/".join(steps), **{name: str(said) for name, said in wanted.items()}})
            if "error_object" in fired:
                return as_json(200, {"error": "the sandbox was told to fail"})
            if facts.endpoint == "lists":
                return self._list(asked, steps, fired)
            return self._data(asked, steps, wanted, fired)
        except _RefusedError as refused:
            return refused.answer

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every point: validated data by quarters (`?frequencies=15T,D` for more), registers, sensors."""
        frequencies = query.get("frequencies", "15T").split(",")
        # A row's last millisecond counts: intervals that are not over are not meant.
        until = min(end, self._end())
        with self._lock:
            book, events = Book(self._n_known(), tuple(self._rules)), list(self._events)
        for frequency in frequencies:
            for kind in dict.fromkeys(meter.type for meter in METERS.values()):
                rows = site_rows(kind, frequency, max(start, FIRST_MS), until, book)
                yield from _said(rows, {"endpoint": "site_data", "type": kind, **_sampled(frequency)})
            for meter in METERS.values():
                labels = {"endpoint": "meter_data", **_labels(meter.id), **_sampled(frequency)}
                yield from _said(meter_rows(meter.id, frequency, max(start, FIRST_MS), until, book), labels)
        for meter in METERS.values():
            if not meter.is_rule:
                made: dict[str, Mapping[str, str]] = {}
                for at, row in _once(readings(meter.id, max(start, FIRST_MS), until, events)):
                    for name, value in row.items():
                        known = {**_labels(meter.id), "endpoint": "meter_data_raw", "field": name, "site": SITE}
                        yield Point(made.setdefault(name, known), at, value)
        for sensor in SENSORS.values():
            known = {"endpoint": "sensor_data", "sensor": sensor.id, "type": sensor.type, "name": sensor.name}
            for at, value in self._sensed(sensor.id, max(start, FIRST_MS), until):
                yield Point({**known, "site": SITE}, at, value)

    def _limit(self) -> None:
        now, per_second = time.monotonic(), self.settings.requests_per_second
        is_early = per_second > 0 and now - self._last_asked < 1 / per_second
        self._last_asked = now
        if not is_early:
            return
        at = datetime.now(UTC) + timedelta(seconds=1)
        said = {"seconds": {"retry_after": "1"}, "date": {"retry_after": format_datetime(at, usegmt=True)}}
        raise _RefusedError(429, "Too many requests", **said.get(self.settings.retry_after, {}))

    def _login(self, asked: Asked, fired: Fired) -> Answer:
        try:
            said = json.loads(asked.body)
            name, password = str(said["username"]), str(said["password"])
        except (ValueError, KeyError, TypeError):
            raise _RefusedError(400, "username and password are required") from None
        if asked.method != "POST" or name != self.settings.username or password != self.settings.password:
            raise _RefusedError(401, "Invalid credentials")
        token = random_token()
        until = time.time() + self.settings.token_seconds
        self._tokens[token] = until
        content: dict[str, Any] = {"access_token": token, "valid_until": {"$date": int(until * 1000)}}
        if "no_valid_until" in fired:
            del content["valid_until"]
        return as_json(200, content)

    def _require_token(self, header: str) -> None:
        if self._tokens.get(header.removeprefix("Bearer "), 0) <= time.time():
            raise _RefusedError(401, "Token is missing, unknown or has expired")

    def _list(self, asked: Asked, steps: Sequence[str], fired: Fired) -> Answer:
        if asked.method != "GET":
            raise _RefusedError(405, "Method not allowed", allow="GET")
        if steps == ["all_installations"]:
            one = {"id": SITE, "site_ref": "CH-1"}
            return as_json(200, [SITE if self.settings.sites_shape == "texts" else one])
        if SITE not in steps:
            raise _RefusedError(404, "No such site")
        if steps[0] == "installation_infos":
            return as_json(200, _SITE_INFO)
        if steps[0] == "meter_info":
            meters = [self._described(meter) for meter in METERS]
            if "unknown_meter_type" in fired:
                meters[-1]["type"] = fired.option("unknown_meter_type", "type")
            return as_json(200, meters)
        if steps[1:] == ["sensors_list"]:
            names = ("id", "name", "type", "unit", "model")
            return as_json(200, [{name: getattr(one, name) for name in names} for one in SENSORS.values()])
        raise _RefusedError(404, "No such resource")

    def _described(self, number: str) -> dict[str, Any]:
        meter = METERS[number]
        address = str(meter.prim_ad) if self.settings.prim_ad == "text" else meter.prim_ad
        said = {"id": meter.id, "type": meter.type, "name": meter.name, "mode": meter.mode}
        return {**said, "prim_ad": address, "is_rule_meter": meter.is_rule}

    def _data(self, asked: Asked, steps: Sequence[str], wanted: Mapping[str, Any], fired: Fired) -> Answer:
        is_sensor = steps[1:2] == ["sensor_data"]
        if asked.method != ("GET" if is_sensor else "POST"):
            raise _RefusedError(405, "Method not allowed")
        if len(steps) != 3 or SITE not in steps[:2]:  # noqa: PLR2004  # kind, site and subject
            raise _RefusedError(404, "No such site")
        start, end = self._span(wanted)
        frequency = str(wanted.get("sampling_frequency") or "15T")
        if frequency not in FREQUENCIES:
            raise _RefusedError(400, "sampling_frequency must be one of 15T, H, D, M, Y")
        rows = list(self._rows_of(steps, frequency, start, end))
        return Answer(200, rendered(rows, end, fired, has_dust=self.settings.has_dust), n_documents=len(rows))

    def _rows_of(
        self, steps: Sequence[str], frequency: str, start: int, end: int
    ) -> Iterator[tuple[int | str, Mapping[str, float]]]:
        """The rows that bear a label between `start` and `end`, as they are labelled."""
        until = end + 1 if self.settings.is_end_included else end
        kind, subject = steps[0], steps[2]
        if steps[1] == "sensor_data":
            if subject not in SENSORS:
                raise _RefusedError(404, "No such sensor")
            yield from self._stamped_in_epochs(self._sensed(subject, start, until))
            return
        if kind == "meter_data_raw":
            if subject not in METERS or METERS[subject].is_rule:
                raise _RefusedError(404, "No such physical meter")
            for at, row in readings(subject, start, min(until, self._end() + 1), self._events):
                yield local_text(at), row
            return
        shift = QUARTER_MS if frequency == "15T" else 0
        span = (start - shift, min(until - shift, self._end()), Book(self._n_known(), tuple(self._rules)))
        if kind == "site_data" and subject in _SITE_TYPES:
            rows = site_rows(subject, frequency, *span)
        elif kind == "meter_data" and subject in METERS:
            rows = meter_rows(subject, frequency, *span)
        else:
            raise _RefusedError(404, "No such meter")
        for at, counts in rows:
            yield local_text(at + shift), {name: value / 1000 for name, value in counts.items()}

    def _stamped_in_epochs(
        self, sensed_rows: Iterator[tuple[int, float]]
    ) -> Iterator[tuple[int | str, Mapping[str, float]]]:
        for number, (at, value) in enumerate(sensed_rows):
            word = self.settings.sensor_epoch
            is_seconds = word == "seconds" or (word == "mixed" and number % 2 == 0)
            yield at // 1000 if is_seconds else at, {"value": value}

    def _sensed(self, sensor: str, start: int, end: int) -> Iterator[tuple[int, float]]:
        column, divisor = sensed(sensor), SENSORS[sensor].divisor
        first = max(-(-(start - FIRST_MS) // QUARTER_MS), 0)
        last = min(-(-(min(end, self._end()) - FIRST_MS) // QUARTER_MS), len(column))
        for quarter in range(first, last):
            if column[quarter] != MISSING:
                yield instant_of(quarter), int(column[quarter]) / divisor

    def _span(self, wanted: Mapping[str, Any]) -> tuple[int, int]:
        """What is asked for, in epoch milliseconds; cut where the account may not look."""
        bounds = []
        for name in ("t_s", "t_e"):
            said = wanted.get(name)
            at = _millis(said)
            if said is not None and at is None:
                raise _RefusedError(400, f"{name} must be an ISO datetime without a time zone")
            bounds.append(at)
        end = self._end() if bounds[1] is None else bounds[1]
        start = end - MS_PER_DAY if bounds[0] is None else bounds[0]
        oldest = self.settings.oldest_day
        if oldest is not None and start < day_number(oldest) * MS_PER_DAY:
            if self.settings.is_oldest_refused:
                raise _RefusedError(403, "t_s lies before what this account may read")
            start = day_number(oldest) * MS_PER_DAY
        return max(start, FIRST_MS), end

    def _end(self) -> int:
        """The instant up to which there are data."""
        now = now_ms() // QUARTER_MS * QUARTER_MS
        return capped_at_day_end(now, self.settings.last_day)

    def _n_known(self) -> int:
        return (self._end() - FIRST_MS) // QUARTER_MS - self.settings.late_quarters


_SITE_INFO: Final = {
    "site_ref": "CH-1",
    "name": "Apartment house",
    "address": {"street_name": "Sunny Street", "street_number": "1", "city": "Lausanne", "postal_code": 1000},
    "creation_date": "2024-12-01T00:00:00",
    "latitude": 46.52,
    "longitude": 6.63,
    "timezone": ZONE,
}


def _wanted(asked: Asked) -> Mapping[str, Any]:
    """What a question about data says, in its query or its body."""
    if asked.method == "GET":
        return asked.query
    try:
        said = json.loads(asked.body or b"{}")
    except ValueError:
        return {}
    kept = ("t_s", "t_e", "sampling_frequency")
    return {name: said[name] for name in kept if said.get(name) is not None} if isinstance(said, dict) else {}


def _millis(said: object) -> int | None:
    """Epoch milliseconds of a naive instant, with a blank or a T; None if it is none."""
    try:
        instant = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return None if instant.tzinfo else epoch_ms(instant)


def _labels(meter: str) -> dict[str, str]:
    known = METERS[meter]
    return {"meter": known.id, "type": known.type, "mode": known.mode, "name": known.name}


def _sampled(frequency: str) -> dict[str, str]:
    span = {"M": "month", "Y": "year"}.get(frequency)
    return {"sampling_frequency": frequency} | ({"span": span} if span else {})


def _said(rows: Iterator[tuple[int, dict[str, int]]], labels: Mapping[str, str]) -> Iterator[Point]:
    made: dict[str, Mapping[str, str]] = {}
    for at, row in rows:
        for name, value in row.items():
            if name not in made:
                field, _, meter = name.partition("_") if name.rpartition("_")[2] in METERS else (name, "", "")
                own = {"meter": meter} if meter else {}
                made[name] = {**labels, **own, "field": field, "site": SITE}
            yield Point(made[name], at, value / 1000)


def _once(rows: Iterator[tuple[int, dict[str, float]]]) -> Iterator[tuple[int, dict[str, float]]]:
    """Rows without those that only repeat the one before."""
    before = None
    for row in rows:
        if row != before:
            yield row
        before = row
