"""From the landed answer to the commit, of every provider: no request, a million points each, as many a second.

Each shape is made here and kept by a pull of its own; what is measured is reading it back, saying what it means, and
loading it, in a process of its own: its processor seconds, and how far its memory rises above the idle worker. Asking a
server for the same answers and landing them is a line of its own.
"""

import hashlib
import json
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.records import BodyFile, Payload
from domain.window import Window
from providers._http import ApiClient, Origin
from tests.bench.history import note
from tests.bench.rooms import database, forget_peak, peak_mib, say, server, truncate
from warehouse.store import open_warehouse

ROOT: Final = Path(__file__).resolve().parents[2]
ROUNDS: Final = 3
LEAST_SHARE: Final = 0.5
DAY: Final = Window.of_day(date(2025, 6, 3))
YEAR: Final = Window.of_days(date(2025, 1, 1), date(2025, 12, 31))
_COLUMNS: Final = 12
_SITE: Final = "0" * 23 + "1"


def _answer(endpoint: str, body: bytes, window: Window, *, part: str = "bench", **more: Any) -> Payload:
    said = {"params": {}, "page": 1, "media_type": "application/json", "proof": "content-length", **more}
    return Payload(
        endpoint=endpoint, window=window, part=part, received_at=datetime(2026, 6, 1, tzinfo=UTC), body=body, **said
    )


def _export_service(_: Path) -> Iterator[Payload]:
    start = int(DAY.start.timestamp() * 1000)
    for page in range(50):
        rows = [
            {"timestamp": start + (page * 10_000 + n) * 172, "load_kW": 1000.5 + n % 977, "grid_V": 230.25 + n % 13}
            for n in range(10_000)
        ]
        document = {"result": rows, "numResults": len(rows), "continueToken": "x" if page < 49 else ""}
        yield _answer("query", json.dumps(document).encode(), DAY, page=page + 1, cursor=None)


def _times() -> Iterator[str]:
    return (f"{DAY.start + timedelta(seconds=second):%FT%T}.562Z" for second in range(86_400))


def _voltstorage(form: str, body: bytes) -> Iterator[Payload]:
    params = {"productId": "77", "format": form}
    yield _answer("data/export", body, DAY, params=params, media_type="text/csv")


def _voltstorage_csv(_: Path) -> Iterator[Payload]:
    names = ",".join(["Time", *(f"Power_Module_{n}" for n in range(_COLUMNS))])
    cells = ",".join(f"{1000 + n}.25" for n in range(_COLUMNS))
    return _voltstorage("csv", "\r\n".join(["sep=,", names, *(f"{at},{cells}" for at in _times()), ""]).encode())


def _voltstorage_json(_: Path) -> Iterator[Payload]:
    cells = ",".join(f'"Power_Module_{n}":{1000 + n}.25' for n in range(_COLUMNS))
    return _voltstorage("json", ("[" + ",".join(f'{{"Time":"{at}",{cells}}}' for at in _times()) + "]").encode())


def _climkit(_: Path) -> Iterator[Payload]:
    meters = [f"{number:024x}" for number in range(10, 20)]
    described = [
        {"id": one, "type": "electricity", "mode": "consumption", "name": one[-2:], "prim_ad": "1", "virtual": False}
        for one in meters
    ]
    lists = {
        f"installation_infos/{_SITE}": {"name": "House", "timezone": "Europe/Zurich"},
        f"meter_info/{_SITE}": described,
        f"{_SITE}/sensors_list": [],
    }
    for page, (endpoint, document) in enumerate(lists.items(), start=1):
        yield _answer(endpoint, json.dumps(document).encode(), YEAR, part=_SITE, page=page)
    zone = ZoneInfo("Europe/Zurich")
    ends = [(YEAR.start + timedelta(minutes=15 * (n + 1))).astimezone(zone) for n in range(365 * 96)]
    for number, meter in enumerate(meters):
        rows = [
            {"timestamp": str(at), "ext": 0.028, "self": 0.001, "total": 0.029 + n % 7 / 1000 + number / 100}
            for n, at in enumerate(ends)
        ]
        endpoint = f"meter_data/{_SITE}/{meter}"
        params = {"sampling_frequency": "15T"}
        yield _answer(endpoint, json.dumps(rows).encode(), YEAR, part=endpoint, params=params)


def _servitly(folder: Path) -> Iterator[Payload]:
    start = int(DAY.start.timestamp() * 1000)
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for thing in range(10):
            rows = (f"{start + n * 2590},{n % 997}.5,{220 + n % 20}.25,{n % 90}.75\n" for n in range(33_334))
            archive.writestr(f"B{thing}.csv", "TIMESTAMP,P [W],U [V],T [°C]\n" + "".join(rows))
    yield _in_a_file("data/dataExports", path, DAY)


def _smart_house(folder: Path) -> Iterator[Payload]:
    def changes(entity: str) -> list[dict[str, str]]:
        return [
            {
                "entity_id": entity,
                "last_changed": (at := f"{DAY.start + timedelta(seconds=3.4 * n):%FT%T.%f}+00:00"),
                "last_updated": at,
                "state": f"{n % 997}.5",
                "attributes": "{unit_of_measurement=W, friendly_name=X}",
            }
            for n in range(25_000)
        ]

    rows = [{"id": 0, "year": 2025, "month": 6, "day": 3, f"sensor_e{n}": changes(f"sensor.e{n}")} for n in range(40)]
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("crowdsorcerer_extract.json", json.dumps(rows))
    yield _answer(
        "json",
        path.read_bytes(),
        Window(DAY.start - timedelta(days=2), DAY.end),
        part="uploads",
        media_type="application/zip",
    )


def _in_a_file(endpoint: str, path: Path, window: Window) -> Payload:
    with path.open("rb") as file:
        body = BodyFile(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return _answer(endpoint, b"", window, media_type="application/zip", proof="zip crc", file=body)


def _fields(n: int) -> dict[str, Any]:
    from providers.voltstorage.account import FieldMeaning  # noqa: PLC0415 - of one shape only

    return {"fields": {f"Power_Module_{number}": FieldMeaning("power", "W") for number in range(n)}}


SHAPES: Final[Mapping[str, tuple[str, Window, Callable[[Path], Iterator[Payload]], Callable[[], dict[str, Any]]]]] = {
    "Export Service, pages": (
        "export_service",
        DAY,
        _export_service,
        lambda: {"organization": "bench", "products": ("bench",)},
    ),
    "Servitly, archive": ("servitly", DAY, _servitly, lambda: {"tenant": "acme"}),
    "VoltStorage, CSV": ("voltstorage", DAY, _voltstorage_csv, lambda: _fields(_COLUMNS)),
    "VoltStorage, JSON": ("voltstorage", DAY, _voltstorage_json, lambda: _fields(_COLUMNS)),
    "Climkit, a year of quarters": ("climkit", YEAR, _climkit, lambda: {"sites": (_SITE,)}),
    "Smart House, JSON": (
        "smart_house",
        DAY,
        _smart_house,
        lambda: {"homes": {"bench": tuple(f"sensor.e{n}" for n in range(40))}},
    ),
}


def asker() -> None:
    """Ask for the answers of a shape as a server sends them, and land them. The order comes by standard input."""
    given = json.load(sys.stdin)
    package, window, answers, _ = SHAPES[given["shape"]]
    payloads: list[Payload] = []
    with TemporaryDirectory() as made, open_warehouse(given["database"], given["landing"]) as warehouse:
        folder = Path(made)
        for payload in answers(folder):
            body = payload.file.path.read_bytes() if payload.file else payload.body
            (folder / str(len(payloads))).write_bytes(body)
            payloads.append(payload if payload.file else replace(payload, body=b"-"))
        with _served(folder) as client:
            began = perf_counter()
            pull = warehouse.begin_pull(package, window)
            for number, payload in enumerate(payloads):
                if payload.file:
                    with (folder / "received").open("wb+") as received:
                        client.fetch_own(f"/{number}", received)
                    pull.keep(payload)
                else:
                    body = client.get(f"/{number}", accept=("application/octet-stream",)).body
                    pull.keep(replace(payload, body=body))
            pull.finish(n_requests=len(payloads))
            seconds = perf_counter() - began
    sys.stdout.write(json.dumps({"asked": seconds}) + "\n")


@contextmanager
def _served(folder: Path) -> Iterator[ApiClient]:
    """A client of a server that has the files of `folder`, and is a process of its own."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server_process:
        assert server_process.stdout is not None
        port = server_process.stdout.readline().split(" port ")[1].split()[0]
        origin = Origin.parse(f"http://127.0.0.1:{port}", place="bench")
        try:
            with ApiClient(origin, source="bench") as client:
                yield client
        finally:
            server_process.terminate()


def worker() -> None:
    """Land a shape, load it once for what is imported, and measure the replays. The order comes by standard input."""
    given = json.load(sys.stdin)
    package, window, answers, settings = SHAPES[given["shape"]]
    account = import_module(f"providers.{package}.account").AccountConfig(**settings())
    normalize = import_module(f"providers.{package}.normalize").normalize
    with TemporaryDirectory() as folder, open_warehouse(given["database"], given["landing"]) as warehouse:
        pull = warehouse.begin_pull(package, window)
        n_bytes = 0
        for payload in answers(Path(folder)):
            pull.keep(payload)
            n_bytes = max(n_bytes, payload.n_bytes)
        pull.finish(n_requests=0)
        forget_peak()
        idle, started, spent = peak_mib(), perf_counter(), process_time()
        landed = warehouse.payloads(package, window)
        kinds = warehouse.known_kinds(package)
        report = warehouse.load(package, window, landed, normalize(landed, window, account, kinds))
    answer = {
        "seconds": perf_counter() - started,
        "processor": process_time() - spent,
        "points": report.n_inserted,
        "rise_mib": peak_mib() - idle,
        "body_mib": n_bytes / 2**20,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def _run(step: str, order: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", f"from tests.bench.replay import {step}; {step}()"],
        input=json.dumps(order),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> bool:
    """Measure, say the lines, and whether they are what was promised."""
    runs: dict[str, list[dict[str, Any]]] = {shape: [] for shape in SHAPES}
    with server() as address, TemporaryDirectory() as landing, TemporaryDirectory() as other:
        url, other_url = database(address, "replay"), database(address, "asked")
        for _ in range(ROUNDS):
            for shape, of_shape in runs.items():
                truncate(url)
                asked = _run("asker", {"shape": shape, "database": other_url, "landing": other})
                of_shape.append(asked | _run("worker", {"shape": shape, "database": url, "landing": landing}))
    rates = {shape: statistics.median(run["points"] / run["seconds"] for run in runs[shape]) for shape in SHAPES}
    best = rates["Export Service, pages"]
    say(f"replay: from the landed answer to the commit, medians of {ROUNDS} rounds")
    for shape, rate in rates.items():
        run = sorted(runs[shape], key=lambda one: one["seconds"])[ROUNDS // 2]
        say(
            f"  {shape:<28} {run['points']:>9,} points {rate:>10,.0f} points/s  {rate / best:.2f} of the Export Service"
            f"  ({run['processor']:.2f} s of processor here; memory {run['rise_mib']:.0f} MiB above idle,"
            f" largest answer {run['body_mib']:.0f} MiB)"
        )
        asked = runs[shape][0]["asked"]  # later rounds find the answers where they land
        say(f"  {'':<28} asked for over HTTP and landed in {asked:.2f} s")
        note(f"replay: {shape}, asked for and landed", asked, "s")
        note(
            f"replay: {shape}",
            rate / best,
            "of the Export Service",
            f"{LEAST_SHARE} or more",
            holds=rate >= LEAST_SHARE * best,
        )
    json_run = max(runs["VoltStorage, JSON"], key=lambda one: one["rise_mib"])
    share = json_run["rise_mib"] / json_run["body_mib"]
    note("replay: VoltStorage, JSON, memory / answer", share, "", "1.50 or less", holds=share <= 1.5)
    note("replay: Export Service, points a second", best, "points/s")
    say(f"  none is below {LEAST_SHARE} of the Export Service: {min(rates.values()) / best:.2f} is the least")
    say(f"  VoltStorage's JSON: memory above idle / the answer: {share:.2f} (promised: 1.50 or less)")
    return bool(min(rates.values()) >= LEAST_SHARE * best and share <= 1.5)
