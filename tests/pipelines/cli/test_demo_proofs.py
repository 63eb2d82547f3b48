"""What the demo leaves open: a UI that a browser reads, and nowhere a secret."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import zstandard

from tests.fakes.browser import Browser, browser
from tests.fakes.demo import Demo, clean_home, open_demo, sources
from tests.fakes.leaks import files_below, found
from warehouse.embedded import EmbeddedWarehouse
from warehouse.server import with_database

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

_BAD = re.compile(r"failed|missing|never materialized|overdue|error|warning", re.IGNORECASE)
_TOKEN = b"eyJhbGciOi"  # how every signed token of the sandbox begins


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[Demo]:
    """A demo of two days, open."""
    with clean_home(tmp_path_factory.mktemp("demo") / "home", package_cache) as home, open_demo(home, 2) as demo:
        yield demo


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def test_the_whole_graph_shows_every_source_with_three_green_assets(demo: Demo, page: Browser) -> None:
    wanted = [f"{source}\n3\n" for source in sources()]
    text = page.read(demo.url, lambda text: all(group in text for group in wanted))
    assert [group for group in wanted if group not in text] == []
    assert not _BAD.search(text), text


@pytest.mark.parametrize("source", sources())
def test_every_asset_of_a_source_is_materialized_for_every_day_and_every_check_has_passed(
    demo: Demo, page: Browser, source: str
) -> None:
    at = urlsplit(demo.url)
    url = f"{at.scheme}://{at.netloc}/locations/joulehouse/asset-groups/{source}/lineage"
    text = page.read(url, lambda text: text.count("100% filled") == 2 and "Materialized" in text and "Passed" in text)
    for asset in ("catalogue", "payloads", "measurements"):
        assert f"\n{asset}\n" in text
    assert text.count("100% filled") == text.count("\n2 partitions") == 2
    assert text.count("\nMaterialized\n") == 1
    [(n_passed, n_checks)] = re.findall(r"(\d+) / (\d+) Passed", text)
    assert n_passed == n_checks != "0"
    assert not _BAD.search(text), text


def test_no_secret_of_the_demo_is_in_any_log_event_table_or_file(demo: Demo, package_cache: Path) -> None:
    kept = [demo.home / name for name in ("sandbox.json", "dagster.json", "warehouse/pgpass")]
    assert [file.stat().st_mode & 0o077 for file in kept] == [0, 0, 0]
    credentials = demo.facts("sandbox")["credentials"]
    # All that was drawn but names; a provider without credentials has an empty entry.
    drawn_of = {
        source: {value for name, value in drawn.items() if name.rpartition("_")[2] not in ("id", "username", "user")}
        for source, drawn in credentials.items()
    }
    assert {source for source, drawn in drawn_of.items() if not drawn} == {
        source for source, drawn in credentials.items() if not drawn
    }
    secrets = {value for drawn in drawn_of.values() for value in drawn}
    secrets.add(demo.facts("dagster")["password"])
    secrets.update(line.rpartition(":")[2] for line in kept[2].read_text().splitlines() if line.strip())
    assert all(len(secret) >= 16 for secret in secrets)

    seen: dict[bytes, int] = dict.fromkeys(
        (*(f"{source}/measurements".encode() for source in sources()), b"P_kW", b"RUN_SUCCESS"), 0
    )
    leaks: list[str] = []
    tokens: list[str] = []
    n_sinks = 0
    for place, content in _sinks(demo, package_cache, kept):
        n_sinks += 1
        leaks += found(secrets, [(place, content)])
        tokens += [place] if _TOKEN in content else []
        for word in seen:
            seen[word] += word in content
    assert (leaks, tokens) == ([], [])
    # The search is worth something only if it looks where such words are.
    assert n_sinks > 100
    assert all(seen.values()), seen


def _sinks(demo: Demo, cache: Path, kept: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Every file of the home, landed answers unpacked, and every table of both databases."""
    for place, content in files_below(demo.home, but=kept):
        yield place, content
        if content.startswith(b"\x28\xb5\x2f\xfd"):
            yield f"{place} unpacked", zstandard.ZstdDecompressor().stream_reader(content).read()
    embedded = EmbeddedWarehouse(demo.home, cache=cache)
    for name in ("joulehouse", "dagster"):
        with psycopg.connect(with_database(embedded.admin_url, name)) as connection:
            tables = connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname <> 'pg_catalog'"
            ).fetchall()
            for (table,) in tables:
                with connection.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as rows:
                    yield f"{name}: {table}", b"".join(bytes(row) for row in rows)
