"""`landing`: every indexed answer is read, and what is damaged or gone is named."""

import json
import os
import shutil
import socket
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from domain.window import Window
from pipelines.cli.application import application
from tests.fakes.points import payload
from warehouse.landing import Landing
from warehouse.store import open_warehouse

DAYS = [date(2026, 3, 28), date(2026, 3, 29)]
MEND = (
    "what is damaged or missing cannot be replayed; joulehouse backfill asks for these days again, and keeps their"
    " answers anew"
)


@pytest.fixture
def zone(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two answers a day of two days of `hub`, and one of `roof` with the same bytes as one of them."""
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "landing"))
    keep_days(database, str(tmp_path / "landing"))
    return tmp_path / "landing"


def keep_days(database: str, landing: str) -> None:
    with open_warehouse(database, landing) as warehouse:
        for source, day, bodies in (("hub", 0, [b"1", b"2"]), ("hub", 1, [b"3", b"1"]), ("roof", 0, [b"1"])):
            pull = warehouse.begin_pull(source, Window.of_day(DAYS[day]))
            for n, body in enumerate(bodies, 1):
                pull.keep(payload(body, n, "next" if n < len(bodies) else None, window=Window.of_day(DAYS[day])))
            pull.finish(n_requests=1)


def run(*words: str) -> Result:
    return CliRunner().invoke(application, ["landing", *words])


def kept(zone: Path, source: str) -> list[Path]:
    return sorted((zone / source).glob("??/*.zst"))


def test_a_zone_that_has_all_is_said_to_be_whole_and_each_body_is_read_once(zone: Path) -> None:
    verified = run("verify")
    assert verified.exit_code == 0, verified.output
    assert verified.stdout == f"4 answers of 4 bytes looked at in {zone}: each is there, and whole.\n"


def test_what_is_damaged_or_gone_is_named_with_the_days_to_ask_for_again(zone: Path) -> None:
    third, first, _ = kept(zone, "hub")
    first.unlink()
    third.write_bytes(third.read_bytes()[:-1])
    verified = run("verify")
    assert verified.exit_code == 1
    assert verified.stderr.splitlines() == [
        f"joulehouse: missing: payload {first.stem[:12]} of hub, 2026-03-28, at {first.relative_to(zone)}.",
        f"joulehouse: damaged: payload {third.stem[:12]} of hub, 2026-03-29, at {third.relative_to(zone)}.",
        f"joulehouse: {MEND} (hub: 2026-03-28 to 2026-03-29).",
    ]
    assert verified.stdout == f"4 answers of 4 bytes looked at in {zone}: 1 damaged, 1 missing.\n"


def test_programs_are_told_the_same(zone: Path) -> None:
    [gone] = kept(zone, "roof")
    gone.unlink()
    verified = run("verify", "--json")
    assert verified.exit_code == 1
    said = json.loads(verified.stdout)
    assert (said["place"], said["n_payloads"], said["damaged"]) == (str(zone), 4, [])
    [missing] = said["missing"]
    assert missing == {
        "source": "roof",
        "window_start": "2026-03-28T00:00:00+00:00",
        "window_end": "2026-03-29T00:00:00+00:00",
        "path": str(gone.relative_to(zone)),
        "sha256": gone.stem,
        "n_bytes": 1,
    }


@pytest.mark.parametrize(
    ("words", "n_answers"),
    [
        (["roof"], 1),
        (["hub"], 3),
        (["hub", "--from", "2026-03-29"], 2),
        (["--to", "2026-03-28"], 3),
        (["nobody"], 0),
    ],
)
def test_one_source_or_some_days_are_verified_alone(zone: Path, words: list[str], n_answers: int) -> None:
    said = json.loads(run("verify", *words, "--json").stdout)
    assert said["n_payloads"] == n_answers
    assert said["place"] == str(zone)


def findings() -> dict[str, tuple[str, str]]:
    said = json.loads(CliRunner().invoke(application, ["doctor", "--json"]).stdout)
    return {one["what"]: (one["health"], one["sentence"]) for one in said}


def test_where_nothing_is_indexed_nothing_is_called_whole_and_a_mistyped_source_is_named(zone: Path) -> None:
    mistyped = run("verify", "hbu")
    assert (mistyped.exit_code, mistyped.stdout) == (1, "")
    assert mistyped.stderr == "joulehouse: no answer of hbu is indexed: nothing was looked at.\n"
    before = run("verify", "--from", "2020-01-01", "--to", "2020-01-01")
    assert before.exit_code == 0
    assert before.stdout == f"No answer of 2020-01-01 is indexed: nothing was looked at in {zone}.\n"


def test_doctor_reads_back_the_newest_answer_and_says_where(zone: Path) -> None:
    [newest] = kept(zone, "roof")
    health, sentence = findings()["kept answers"]
    assert health == "good"
    assert sentence.startswith(f"The landing zone at {zone} is the warehouse's. The newest is whole: payload ")
    assert sentence.endswith(f" of roof, 2026-03-28, at {newest.relative_to(zone)}.")
    newest.unlink()
    health, sentence = findings()["kept answers"]
    assert health == "wrong"
    assert f"The newest is missing there: payload {newest.stem[:12]}" in sentence
    assert "joulehouse landing verify names all" in sentence


def test_doctor_and_migrate_notice_a_changed_address(
    zone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated = CliRunner().invoke(application, ["warehouse", "migrate"])
    assert f"The landing zone at {zone} is the warehouse's.\n" in migrated.stdout
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "elsewhere"))
    health, sentence = [finding for what, finding in findings().items() if what == "landing zone"][-1]
    assert health == "wrong"
    assert "is not the one that the warehouse knows: it shows no id, and the warehouse's is" in sentence
    assert f"(LANDING_URL, {tmp_path}/elsewhere)" in sentence
    migrated = CliRunner().invoke(application, ["warehouse", "migrate"])
    assert migrated.exit_code == 0
    assert f"(LANDING_URL, {tmp_path}/elsewhere)" in migrated.stderr


def test_a_folder_of_a_source_that_is_not_ours_to_write_is_found_before_a_load(
    zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.open

    def refused(path: str | Path, *arguments: int) -> int:
        if "hub/.incoming" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *arguments)

    monkeypatch.setattr(os, "open", refused)
    health, sentence = findings()["landing zone"]
    assert health == "wrong"
    assert f"the landing zone cannot be written (Permission denied) ({zone}/hub/.incoming/" in sentence


@pytest.mark.parametrize(
    "words",
    [["backfill", "apartment_house", "--days", "2026-03-01"], ["live", "home_batteries"]],
    ids=lambda one: one[0],
)
def test_nothing_is_asked_of_a_provider_for_a_zone_that_is_not_the_warehouses(
    zone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    assert zone.exists()
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.settimeout(0)
        monkeypatch.setenv("LANDING_URL", str(tmp_path / "elsewhere"))
        for source in ("APARTMENT_HOUSE", "HOME_BATTERIES"):
            monkeypatch.setenv(f"{source}_URL", f"http://127.0.0.1:{provider.getsockname()[1]}")
            monkeypatch.setenv(f"{source}_USERNAME", "me")
            monkeypatch.setenv(f"{source}_PASSWORD", "of the user")
        asked = CliRunner().invoke(application, words)
        assert asked.exit_code == 1
        assert "is not the one that the warehouse knows" in asked.stderr
        with pytest.raises(BlockingIOError):
            provider.accept()


def test_a_worker_with_another_zone_takes_no_run(zone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # where Dagster's history is known
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it began"))
    for place in ("no volume", "another zone"):
        monkeypatch.setenv("LANDING_URL", str(tmp_path / place))
        begun = CliRunner().invoke(application, ["worker"])
        assert begun.exit_code == 1
        assert "is not the one that the warehouse knows" in begun.stderr
        shutil.copytree(zone, tmp_path / "another zone", dirs_exist_ok=True)
        Landing(tmp_path / "another zone").write_zone_id("0123456789abcdef" * 2)


def test_a_zone_is_moved_by_a_command_that_says_what_it_did_and_what_is_next(
    zone: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [gone] = kept(zone, "roof")
    gone.unlink()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LANDING_URL")
    moved = run("move", str(zone), "~/to")
    assert moved.exit_code == 1
    assert moved.stderr.splitlines() == [
        f"joulehouse: missing: payload {gone.stem[:12]} of roof, 2026-03-28, at {gone.relative_to(zone)}.",
        f"joulehouse: {MEND} (roof: 2026-03-28).",
    ]
    assert moved.stdout.splitlines() == [
        f"From {zone} to {tmp_path}/to: 3 answers of 3 bytes moved, 0 there already, 0 damaged, 1 missing.",
        f"{tmp_path}/to is the warehouse's landing zone: set LANDING_URL to it. {zone} stays as it is.",
    ]
    with open_warehouse(database, tmp_path / "to") as warehouse:
        assert [one.body for one in warehouse.payloads("hub", Window.of_day(DAYS[0]))] == [b"1", b"2"]
    again = run("move", str(zone), "~/to")
    assert "0 answers of 0 bytes moved, 3 there already, 0 damaged, 1 missing." in again.stdout
    assert run("move", str(tmp_path / "to"), "memory://x").exit_code == 1


def test_a_wrong_address_of_a_move_is_called_by_the_name_of_its_argument(zone: Path, tmp_path: Path) -> None:
    def refused(*words: str) -> str:
        result = run("move", *words)
        assert result.exit_code != 0
        assert "landing adopt" not in result.stderr
        assert "LANDING_URL, " not in result.stderr
        return result.stderr

    to, mistyped = str(tmp_path / "to"), str(tmp_path / "mistyped")
    said = refused(mistyped, to)
    assert "is not the one that the warehouse knows: it shows no id, and the warehouse's is" in said
    assert f"(FROM, {mistyped}): write it as LANDING_URL has it where the answers are; nothing was moved." in said
    assert not Path(to).exists()
    assert "no store is known by foo:// (FROM, foo://…)" in refused("foo://bucket/prefix", to)
    assert "no store is known by foo:// (TO, foo://…)" in refused(str(zone), "foo://bucket/prefix")
    assert "the memory of a process is no landing zone" in refused(str(zone), "memory://x")
    assert "(TO): write file:///" in refused(str(zone), "file:landing")
    assert "FROM is empty" in refused(" ", to)
    assert run("move", str(zone), to).exit_code == 0
    assert "it shows no id, and the warehouse's is" in refused(mistyped, to), "of a zone that was moved before"
    assert f"(FROM, {mistyped})" in refused(mistyped, to)


def test_adopting_is_said_twice(zone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "elsewhere"))
    assert run("adopt").exit_code == 2
    assert zone.exists()
    assert run("verify").exit_code == 1
    assert run("adopt", "--yes").exit_code == 0
    assert "0 damaged, 4 missing" in run("verify").stdout
