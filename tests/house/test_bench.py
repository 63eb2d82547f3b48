"""`make bench`: which parts it has, and that a night's sources are what is said of them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from pipelines.sources import read_sources
from resources.settings import Settings
from tests.bench.__main__ import LONG, SECTIONS, main
from tests.bench.night import Night, prepared

BEGIN = datetime(2026, 3, 1, 13, 52, tzinfo=UTC)


def test_a_part_that_does_not_exist_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nigth"]) == 2
    said = capsys.readouterr().out
    assert "no section nigth" in said
    assert all(name in said for name in (*SECTIONS, *LONG))


def test_the_long_parts_are_run_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def noted(name: str) -> bool:
        done.append(name)
        return True

    for table, sections in (("SECTIONS", SECTIONS), ("LONG", LONG)):
        monkeypatch.setattr(f"tests.bench.__main__.{table}", {name: partial(noted, name) for name in sections})
    assert main([]) == 0
    assert done == [*SECTIONS]
    assert main([*LONG]) == 0
    assert done == [*SECTIONS, *LONG]


class TestANight:
    @pytest.fixture
    def night(self) -> Iterator[Night]:
        with prepared(BEGIN, 20) as night:
            yield night

    def test_its_sources_are_of_all_providers_and_ask_for_the_trailing_days_within_ten_minutes(
        self, night: Night, tmp_path: Path
    ) -> None:
        for slug, text in night.texts.items():
            (tmp_path / slug).mkdir()
            (tmp_path / slug / "defs.yaml").write_text(text)
        read = {source.facts.slug: source.facts for source in read_sources(tmp_path)}
        counts = Counter(facts.spec.slug for facts in read.values())
        assert sorted(counts.values()) == [2, 2, 4, 4, 8]
        for slug, facts in read.items():
            tick = night.ticks[slug]
            assert timedelta() <= tick - BEGIN < timedelta(minutes=10)
            assert facts.schedule == f"{tick.minute} {tick.hour} * * *"
            assert facts.days_before_trailing(tick) is None
            trailing = facts.trailing_days(tick)
            assert trailing is not None
            assert (trailing[1] - trailing[0]).days + 1 == facts.spec.refetch_days

    def test_who_counts_requests_has_an_account_for_each_source_and_others_share_one(self, night: Night) -> None:
        shared = {name for name in night.variables if not any(part.isdigit() for part in name.split("_"))}
        assert {name.rpartition("_URL")[0] for name in shared if name.endswith("_URL")} == {
            "CHARGING_HUB",
            "HOME_BATTERIES",
            "SMART_HOMES",
        }
        addresses = [value for name, value in night.variables.items() if name.endswith("_URL")]
        assert len(set(addresses)) == len(addresses) == 3 + 4
        assert Settings(night.variables).variable("BOILER_FLEET_001_API_KEY", place="")
