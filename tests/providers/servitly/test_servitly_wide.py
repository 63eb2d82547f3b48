"""An archive of a month is read once for all of its days, within the bound that holds for one day."""

import hashlib
import random
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

from domain.measurement import concat
from domain.records import BodyFile, Payload
from domain.window import Window
from providers.servitly.account import AccountConfig
from providers.servitly.normalize import normalize, normalize_each
from tests.fakes.forked import together
from tests.fakes.memory import rise_of
from tests.providers.conformance import said

MEBIBYTE = 2**20
MONTH = Window.of_days(date(2025, 5, 1), date(2025, 5, 31))
DAYS = [Window.of_day(day) for day in MONTH.days()]
ACCOUNT = AccountConfig(tenant="acme")
N_ROWS = 20_000


class Counted(type(Path())):  # type: ignore[misc]  # the class of this machine's paths
    """A path that counts how often its file is opened."""

    n_opened = 0

    def open(self, *args: Any, **more: Any) -> IO[Any]:
        Counted.n_opened += 1
        opened: IO[Any] = super().open(*args, **more)
        return opened


def _archive(path: Path, *, n_things: int, odd: str = "") -> Payload:
    """Things with rows from the month's beginning to its end; each file has the row `odd` in its middle."""
    draw = random.Random(1)
    start, step = int(MONTH.start.timestamp() * 1000), int(MONTH.seconds * 1000) // N_ROWS
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(n_things):
            rows = [
                f"{start + row * step},{draw.random() * 5000:.1f},{draw.random() * 20 + 220:.2f},on {row % 7}\n"
                for row in range(N_ROWS)
            ]
            rows.insert(N_ROWS // 2, odd)
            archive.writestr(f"B{number}.csv", "TIMESTAMP,P [W],U [V],State\n" + "".join(rows))
    with path.open("rb") as file:
        body = BodyFile(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return Payload(
        "data/dataExports", {}, MONTH, "things", 1, datetime(2026, 11, 21, tzinfo=UTC), "application/zip", b"",
        "zip crc", file=body,
    )  # fmt: skip


def test_an_archive_of_thirty_one_days_is_opened_once(tmp_path: Path) -> None:
    payload = _archive(tmp_path / "archive", n_things=2, odd="yesterday,1,2,on\n")
    assert payload.file is not None
    Counted.n_opened = 0
    counted = replace(payload, file=replace(payload.file, path=Counted(payload.file.path)))
    found = list(normalize_each([counted], DAYS, ACCOUNT))
    assert Counted.n_opened == 1
    for index, window in enumerate(DAYS):
        assert said([batch for at, batch in found if at == index]) == said(list(normalize([payload], window, ACCOUNT)))
    assert len(concat(batch for _, batch in found).rejected) == 2


def test_the_batches_of_all_days_together_stay_small(tmp_path: Path) -> None:
    n_things = 30
    payload = _archive(tmp_path / "archive", n_things=n_things)

    def read() -> int:
        n_points: list[int] = []
        risen = rise_of(
            lambda: n_points.extend(batch.n_received for _, batch in normalize_each([payload], DAYS, ACCOUNT))
        )
        assert sum(n_points) == n_things * N_ROWS * 3
        assert len(n_points) < n_things * len(DAYS)  # and yet they are no crumbs
        return risen

    (risen,) = together([read])
    print(f"{risen / MEBIBYTE:.0f} MiB over idle")
    assert risen <= 48 * MEBIBYTE
