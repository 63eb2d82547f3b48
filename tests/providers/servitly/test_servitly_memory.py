"""An archive of any size loads within a bound of memory that does not grow with it."""

import hashlib
import random
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.records import BodyFile, Payload
from domain.window import Window
from providers._archive import Archive
from providers.servitly.account import AccountConfig
from providers.servitly.csv_file import read_csv
from providers.servitly.normalize import normalize
from providers.servitly.spec import BATCH_POINTS
from tests.fakes.forked import together
from tests.fakes.memory import rise_of
from warehouse.store import open_warehouse

MEBIBYTE = 2**20
MONTH = Window.of_days(date(2025, 6, 1), date(2025, 6, 30))
FIRST = Window.of_day(date(2025, 6, 1))
ACCOUNT = AccountConfig(tenant="acme")
N_POINTS = 20_000
N_METRICS = 300
N_WIDE_ROWS = 5_000
MOST = 128 * MEBIBYTE


def _archive(path: Path, mebibytes: int) -> BodyFile:
    """Many things: one with points on the first day, all others on days that nobody loads here."""
    draw = random.Random(1)
    start = int(FIRST.start.timestamp() * 1000)
    other = start + 5 * 86_400_000
    block = "TIMESTAMP,P [W],U [V],T [°C]\n" + "".join(
        f"{other + row * 350},{draw.random() * 5000:.1f},{draw.random() * 20 + 220:.2f},{draw.random() * 90:.2f}\n"
        for row in range(110_000)
    )
    wanted = "TIMESTAMP,P [W]\n" + "".join(f"{start + row * 4000},{row}\n" for row in range(N_POINTS))
    packed = block.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("wanted.csv", wanted)
        for number in range(mebibytes * MEBIBYTE // len(packed) + 1):
            archive.writestr(f"B{number}.csv", packed)
    with path.open("rb") as file:
        return BodyFile(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _wide(path: Path, mebibytes: int) -> BodyFile:
    """One thing of 300 metrics and a quoted text: rows enough on the first day to go beyond any bound at once."""
    start = int(FIRST.start.timestamp() * 1000)
    cells = '"in funzione",' + ",".join(["1.5"] * N_METRICS)
    header = "TIMESTAMP,Stato," + ",".join(f"P{number} [W]" for number in range(N_METRICS)) + "\n"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("wide.csv", "w") as file,
    ):
        file.write(header.encode())
        for row in range(mebibytes * MEBIBYTE // len(cells)):
            at = start + row * 1000 if row < N_WIDE_ROWS else start + 86_400_000 + row
            file.write(f"{at},{cells}\n".encode())
    with path.open("rb") as file:
        return BodyFile(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _payload(body: BodyFile) -> Payload:
    return Payload(
        "data/dataExports", {}, MONTH, "things", 1, datetime(2026, 11, 21, tzinfo=UTC), "application/zip", b"",
        "zip crc", file=body,
    )  # fmt: skip


def _verify_keep_and_load(database: str, landing: Path, body: BodyFile) -> int:
    def work() -> None:
        with body.path.open("rb") as file:
            Archive(file, place="test").verify()
        payload = _payload(body)
        with open_warehouse(database, landing) as warehouse:
            pull = warehouse.begin_pull("fleet", MONTH)
            pull.keep(payload)
            pull.finish(n_requests=1)
            landed = warehouse.payloads("fleet", FIRST)
            report = warehouse.load("fleet", FIRST, landed, normalize(landed, FIRST, ACCOUNT))
            assert report.n_inserted == N_POINTS

    return rise_of(work)


def _check(database: str, folder: Path, mebibytes: int) -> None:
    body = _archive(folder / "archive", mebibytes)
    (risen,) = together([lambda: _verify_keep_and_load(database, folder / "landing", body)])
    print(f"{mebibytes} MiB unpacked, {body.n_bytes // MEBIBYTE} MiB packed: {risen / MEBIBYTE:.0f} MiB over idle")
    body.path.unlink()  # gigabytes: not to be left for pytest to keep
    assert risen <= MOST


def test_an_archive_larger_than_the_bound_loads_within_it(database: str, tmp_path: Path) -> None:
    _check(database, tmp_path, 192)


def test_a_wide_file_with_a_quoted_text_is_read_within_the_same_bound(tmp_path: Path) -> None:
    body = _wide(tmp_path / "archive", 200)

    def read() -> int:
        n_points: list[int] = []
        risen = rise_of(lambda: n_points.extend(one.n_received for one in normalize([_payload(body)], FIRST, ACCOUNT)))
        assert sum(n_points) == N_WIDE_ROWS * (N_METRICS + 1)
        return risen

    (risen,) = together([read])
    assert risen <= MOST


@pytest.mark.parametrize("cells", [["1.5"] * 900, [""] * 900, ["x" * 60_000]])
def test_a_file_with_quotes_is_read_in_small_pieces_however_wide_its_rows_and_long_its_texts(cells: list[str]) -> None:
    header = ",".join(f"M{number}" for number in range(len(cells)))
    text = f"TIMESTAMP,Note,{header}\n" + "".join(f'{row},"a",{",".join(cells)}\n' for row in range(1000))
    pieces = list(read_csv([text.encode()], ACCOUNT, place="test"))
    assert sum(len(piece.times) for piece in pieces) == 1000
    assert max(len(piece.times) for piece in pieces) * len(cells) <= BATCH_POINTS
    assert max(sum(len(piece.text(row)) for row in range(len(piece.times))) for piece in pieces) <= 2 * MEBIBYTE


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mebibytes", [2 * 1024, 10 * 1024])
def test_archives_of_two_and_of_ten_gibibytes_load_within_the_same_bound(
    database: str, tmp_path: Path, mebibytes: int
) -> None:
    _check(database, tmp_path, mebibytes)
