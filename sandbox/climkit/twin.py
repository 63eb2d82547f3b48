"""The twin of Climkit: login, lists, validated data, raw registers, sensors.

Everything that the provider's document describes is served accordingly; timestamps, undocumented keys, float dust and
negative nights are as working clients have recorded them. What is not documented (error bodies, the waiting time of a
429, a limit of `t_s`) is our choice, and a setting.

| | |
|---|---|
| `POST …/rule` | `{"meter": ID, "start": INSTANT, "end": INSTANT, "percent": 110}`: an operator corrects history |
| `POST …/register` | `{"meter": ID, "event": KIND, "at": INSTANT, …}`: an event of a counter |
| `GET …/asked` | the requests for data and lists so far: path, t_s, t_e, sampling_frequency |
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar, Final

from sandbox.answers import RefusedError, Request, Response, as_json
from sandbox.climkit.house import METERS, QUARTER_MS, SENSORS, SITE, ZONE, instant_of, sensed
from sandbox.climkit.registers import Event, readings
from sandbox.climkit.rows import FREQUENCIES, Book, Rule, local_text, meter_rows, rendered, site_rows
from sandbox.climkit.settings import FAULTS, Settings
from sandbox.faults import Facts, Fired
from sandbox.instants import MS_PER_DAY, as_ms, capped_at_day_end, day_number, epoch_ms, now_ms
from sandbox.measured import FIRST_MS, MISSING
from sandbox.settings import SettingError
from sandbox.twin import BearerTokens, Point, Query, Switch, Twin

ROOT: Final = "/climkit/api/v1"
LOGIN: Final = f"{ROOT}/auth"
_STEPS: Final = 3  # of a path to data: kind, site and subject

_SITE_TYPES: Final = ("electricity", "heating", "cooling", "cold_water", "hot_water", "charge_point")


class Climkit(Twin[Settings]):
    """Climkit's cloud with one house. Safe to use from any thread."""

    slug: ClassVar = "climkit"
    path: ClassVar = "/climkit"
    paths: ClassVar = (f"{ROOT}/{{rest:path}}",)
    settings_type: ClassVar = Settings
    kinds: ClassVar = FAULTS
    endpoints: ClassVar = ("data", "registers", "sensors", "lists", "login")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._tokens = BearerTokens()
        self._rules: list[Rule] = []
        self._events: list[Event] = []
        self._last_asked = float("-inf")
        self._requests: deque[dict[str, str]] = deque(maxlen=200_000)

    @property
    def own_switches(self) -> Sequence[Switch]:
        """The operator's rules, events of counters, and the requests so far."""
        return (
            Switch("POST", "rule", lambda _, body: self.restate(body)),
            Switch("POST", "register", lambda _, body: self.happen(body)),
            Switch("GET", "asked", lambda *_: self.asked()),
        )

    def reset(self) -> None:
        """Settings as started, no faults, rules, events or requests. Tokens stay valid."""
        with self._lock:
            super().reset()
            self._rules.clear()
            self._events.clear()
            self._requests.clear()
            self._last_asked = float("-inf")

    def revoke_tokens(self) -> None:
        """Make every token so far invalid."""
        self._tokens.revoke_all()

    def restate(self, document: object) -> None:
        """Let an operator's rule change history.

        Raises:
            SettingError: The rule is incomplete or its meter unknown.
        """
        if not isinstance(document, Mapping) or document.get("meter") not in METERS:
            raise SettingError('a rule is written {"meter": ID, "start": INSTANT, "end": INSTANT, "percent": 110}.')
        try:
            rule = Rule(document["meter"], as_ms(document["start"]), as_ms(document["end"]), int(document["percent"]))
        except (KeyError, TypeError, ValueError):
            raise SettingError("a rule needs `start`, `end` and a whole number `percent`.") from None
        with self._lock:
            self._rules.append(rule)

    def happen(self, document: object) -> None:
        """Add an event of a counter; see `sandbox.climkit.registers`."""
        with self._lock:
            self._events.append(Event.of(document))

    def asked(self) -> list[dict[str, str]]:
        """The requests for data and lists so far, oldest first."""
        with self._lock:
            return list(self._requests)

    def facts(self, request: Request) -> Facts:
        """What faults look at, whether or not the request is valid."""
        steps = request.path.removeprefix(f"{ROOT}/").split("/")
        endpoint = {"auth": "login", "site_data": "data", "meter_data": "data", "meter_data_raw": "registers"}.get(
            steps[0], "sensors" if steps[1:2] == ["sensor_data"] else "lists"
        )
        query = _query_of(request)
        start, end = (_millis(query.get(name)) for name in ("t_s", "t_e"))
        return Facts(endpoint, steps[-1], start, end)

    def real(self, request: Request, facts: Facts, fired: Fired) -> Response:
        """The response without the common faults.

        Raises:
            RefusedError: The request is answered with an error.
        """
        self._limit()
        if facts.endpoint == "login":
            return self._login(request, fired)
        if not self._tokens.is_valid(request.bearer_token):
            raise _refused(401, "Token is missing, unknown or has expired")
        steps = request.path.removeprefix(f"{ROOT}/").split("/")
        query = _query_of(request)
        self._requests.append({"path": "/".join(steps), **{name: str(value) for name, value in query.items()}})
        if "error_object" in fired:
            return as_json(200, {"error": "the sandbox was told to fail"})
        if facts.endpoint == "lists":
            return self._list(request, steps, fired)
        return self._data(request, steps, query, fired)

    def truth(self, start: int, end: int, query: Query) -> Iterator[Point]:
        """Every point: validated data by quarters (`?frequencies=15T,D` for more), registers, sensors."""
        frequencies = query.get("frequencies", "15T").split(",")
        # A row's last millisecond counts: intervals that are not over do not belong to the truth.
        until = min(end, self._end())
        with self._lock:
            book, events = Book(self._n_known(), tuple(self._rules)), list(self._events)
        for frequency in frequencies:
            for kind in dict.fromkeys(meter.type for meter in METERS.values()):
                rows = site_rows(kind, frequency, max(start, FIRST_MS), until, book)
                yield from _row_points(rows, {"endpoint": "site_data", "type": kind, **_sampled(frequency)})
            for meter in METERS.values():
                labels = {"endpoint": "meter_data", **_labels(meter.id), **_sampled(frequency)}
                yield from _row_points(meter_rows(meter.id, frequency, max(start, FIRST_MS), until, book), labels)
        for meter in METERS.values():
            if not meter.is_rule:
                labels_of: dict[str, Mapping[str, str]] = {}
                for at, row in _once(readings(meter.id, max(start, FIRST_MS), until, events)):
                    for name, value in row.items():
                        known = {**_labels(meter.id), "endpoint": "meter_data_raw", "field": name, "site": SITE}
                        yield Point(labels_of.setdefault(name, known), at, value)
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
        headers = {"seconds": {"retry_after": "1"}, "date": {"retry_after": format_datetime(at, usegmt=True)}}
        raise _refused(429, "Too many requests", **headers.get(self.settings.retry_after, {}))

    def _login(self, request: Request, fired: Fired) -> Response:
        document, settings = request.document, self.settings
        if not {"username", "password"} <= document.keys():
            raise _refused(400, "username and password are required")
        credentials = (document["username"], document["password"])
        if request.method != "POST" or credentials != (settings.username, settings.password):
            raise _refused(401, "Invalid credentials")
        until = time.time() + self.settings.token_seconds
        token = self._tokens.issue(self.settings.token_seconds)
        content: dict[str, Any] = {"access_token": token, "valid_until": {"$date": int(until * 1000)}}
        if "no_valid_until" in fired:
            del content["valid_until"]
        return as_json(200, content)

    def _list(self, request: Request, steps: Sequence[str], fired: Fired) -> Response:
        if request.method != "GET":
            raise _refused(405, "Method not allowed", allow="GET")
        if steps == ["all_installations"]:
            one = {"id": SITE, "site_ref": "CH-1"}
            return as_json(200, [SITE if self.settings.sites_shape == "texts" else one])
        if SITE not in steps:
            raise _refused(404, "No such site")
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
        raise _refused(404, "No such resource")

    def _described(self, number: str) -> dict[str, Any]:
        meter = METERS[number]
        address = str(meter.prim_ad) if self.settings.prim_ad == "text" else meter.prim_ad
        described = {"id": meter.id, "type": meter.type, "name": meter.name, "mode": meter.mode}
        return {**described, "prim_ad": address, "is_rule_meter": meter.is_rule}

    def _data(self, request: Request, steps: Sequence[str], query: Mapping[str, Any], fired: Fired) -> Response:
        is_sensor = steps[1:2] == ["sensor_data"]
        if request.method != ("GET" if is_sensor else "POST"):
            raise _refused(405, "Method not allowed")
        if len(steps) != _STEPS or SITE not in steps[:2]:
            raise _refused(404, "No such site")
        start, end = self._span(query)
        frequency = str(query.get("sampling_frequency") or "15T")
        if frequency not in FREQUENCIES:
            raise _refused(400, "sampling_frequency must be one of 15T, H, D, M, Y")
        rows = list(self._rows_of(steps, frequency, start, end))
        return Response(200, rendered(rows, end, fired, has_dust=self.settings.has_dust), n_documents=len(rows))

    def _rows_of(
        self, steps: Sequence[str], frequency: str, start: int, end: int
    ) -> Iterator[tuple[int | str, Mapping[str, float]]]:
        """The rows with a label between `start` and `end`, each with its label."""
        until = end + 1 if self.settings.is_end_included else end
        kind, subject = steps[0], steps[2]
        if steps[1] == "sensor_data":
            if subject not in SENSORS:
                raise _refused(404, "No such sensor")
            yield from self._stamped_in_epochs(self._sensed(subject, start, until))
            return
        if kind == "meter_data_raw":
            if subject not in METERS or METERS[subject].is_rule:
                raise _refused(404, "No such physical meter")
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
            raise _refused(404, "No such meter")
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

    def _span(self, query: Mapping[str, Any]) -> tuple[int, int]:
        """The requested window in epoch milliseconds; cut where the account has no access."""
        bounds = []
        for name in ("t_s", "t_e"):
            text = query.get(name)
            at = _millis(text)
            if text is not None and at is None:
                raise _refused(400, f"{name} must be an ISO datetime without a time zone")
            bounds.append(at)
        end = self._end() if bounds[1] is None else bounds[1]
        start = end - MS_PER_DAY if bounds[0] is None else bounds[0]
        oldest = self.settings.oldest_day
        if oldest is not None and start < day_number(oldest) * MS_PER_DAY:
            if self.settings.is_oldest_refused:
                raise _refused(403, "t_s lies before what this account may read")
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


def _refused(status: int, sentence: str, **headers: str) -> RefusedError:
    return RefusedError(as_json(status, {"error": sentence}, **headers))


def _query_of(request: Request) -> Mapping[str, Any]:
    """The parameters of a request for data, from its query or its body."""
    if request.method == "GET":
        return request.query
    document = request.document
    names = ("t_s", "t_e", "sampling_frequency")
    return {name: document[name] for name in names if document.get(name) is not None}


def _millis(text: object) -> int | None:
    """Epoch milliseconds of a naive instant, with a blank or a T; None if it is something else."""
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return None if instant.tzinfo else epoch_ms(instant)


def _labels(meter: str) -> dict[str, str]:
    known = METERS[meter]
    return {"meter": known.id, "type": known.type, "mode": known.mode, "name": known.name}


def _sampled(frequency: str) -> dict[str, str]:
    span = {"M": "month", "Y": "year"}.get(frequency)
    return {"sampling_frequency": frequency} | ({"span": span} if span else {})


def _row_points(rows: Iterator[tuple[int, dict[str, int]]], labels: Mapping[str, str]) -> Iterator[Point]:
    labels_of: dict[str, Mapping[str, str]] = {}
    for at, row in rows:
        for name, value in row.items():
            if name not in labels_of:
                field, _, meter = name.partition("_") if name.rpartition("_")[2] in METERS else (name, "", "")
                suffix = "" if labels["sampling_frequency"] == "15T" else f"/{labels['sampling_frequency']}"
                own = {"meter": meter, "copy_of": f"{SITE}/{meter}/{field}{suffix}"} if meter else {}
                labels_of[name] = {**labels, **own, "field": field, "site": SITE}
            yield Point(labels_of[name], at, value / 1000)


def _once(rows: Iterator[tuple[int, dict[str, float]]]) -> Iterator[tuple[int, dict[str, float]]]:
    """Rows without those that only repeat the one before."""
    before = None
    for row in rows:
        if row != before:
            yield row
        before = row
