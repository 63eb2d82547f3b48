"""How archives are fetched: from wherever they lie, again where they are damaged, and through one folder of ours."""

import os
import resource
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import (
    ConfigurationError,
    ExportPendingError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    RequestRejectedError,
)
from sandbox.servitly import twin as served
from tests.providers.servitly.harness import DAY, PACE, Boilers, boilers


def orders(made: Boilers) -> int:
    return len([one for one in made.asked(served.EXPORTS) if one["method"] == "POST"])


@pytest.mark.parametrize("kind", ["api", "relative", "signed"])
def test_an_archive_is_fetched_wherever_its_address_points(kind: str) -> None:
    with boilers(url_kind=kind) as made:
        assert len(made.load().measurements) > 2000


def test_another_host_is_asked_without_credentials() -> None:
    """The twin refuses an Authorization header there, as signed addresses do."""
    with boilers(url_kind="signed") as made:
        made.fetch()
        assert [one["status"] for one in made.asked(served.FILES)] == [200]


def test_an_address_that_expired_is_asked_for_again() -> None:
    with boilers(url_kind="signed") as made:
        made.twin.fault("status", endpoint="archive", code=403, times=2)
        assert len(made.fetch()) == 1
        addresses = [one["query"]["X-Signature"] for one in made.asked(served.FILES)]
        assert len(set(addresses)) == len(addresses) == 3
        assert orders(made) == 1


@pytest.mark.parametrize("code", [403, 404, 410])
def test_an_archive_that_is_not_there_yet_is_waited_for(code: int) -> None:
    with boilers() as made:
        made.twin.fault("status", endpoint="archive", code=code, times=3)
        assert len(made.fetch()) == 1


def test_an_archive_that_stays_away_keeps_its_job_for_the_next_run() -> None:
    with boilers() as made:
        made.twin.fault("status", endpoint="archive", code=404)
        with pytest.raises(ExportPendingError, match="said to be there"):
            made.fetch()
        assert made.jobs.states() == ["completed"]
        made.twin.clear_faults()
        assert len(made.fetch()) == 1
        assert orders(made) == 1


def test_an_archive_that_is_gone_for_good_is_ordered_anew() -> None:
    with boilers() as made:
        made.twin.fault("status", endpoint="archive", code=404)
        with pytest.raises(ExportPendingError):
            made.fetch()
        made.twin.clear_faults()
        for job in made.twin.jobs.values():
            job.is_unknown = True
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["lost", "landed"]


@pytest.mark.parametrize("fault", ["flip", "shorten"])
def test_a_damaged_archive_is_fetched_again_and_never_handed_on(fault: str) -> None:
    with boilers() as made:
        made.twin.fault(fault, times=1)
        assert len(made.load().measurements) > 2000
        assert [one["status"] for one in made.asked(served.FILES)] == [200] * 2
        assert orders(made) == 1


def test_an_encrypted_archive_is_refused_at_once_for_good_and_not_ordered_again() -> None:
    with boilers() as made:
        made.twin.fault("encrypted")
        for _ in range(2):  # a later run finds the same archive, and orders no other
            with pytest.raises(PayloadUnreadableError, match="has the encrypted member"):
                made.fetch()
        assert len(made.asked(served.FILES)) == 2
        assert orders(made) == 1
        assert made.jobs.states() == ["completed"]


@pytest.mark.parametrize("fault", ["flip", "shorten"])
def test_an_archive_that_stays_damaged_is_ordered_once_more(fault: str) -> None:
    with boilers(policy=replace(PACE, cool_down=0.3)) as made:
        made.twin.fault(fault, times=2)
        assert len(made.load().measurements) > 2000
        assert [one["status"] for one in made.asked(served.FILES)] == [200] * 3
        assert made.jobs.states() == ["lost", "landed"]
        assert any(0.2 < wait <= 0.3 for wait in made.waits)


def test_two_damaged_archives_in_a_row_end_the_fetch_and_are_not_called_unreadable() -> None:
    with boilers() as made:
        made.twin.fault("flip")
        with pytest.raises(IncompleteAnswerError, match="ordered twice and its archive is of no use: the archive "):
            made.fetch()
        assert made.jobs.states() == ["lost", "lost"]
        assert len(made.asked(served.FILES)) == 4


def test_an_archive_that_is_refused_twice_ends_the_fetch() -> None:
    with boilers() as made:
        made.twin.fault("status", endpoint="archive", code=400)
        with pytest.raises(RequestRejectedError, match=r"ordered twice and its archive is of no use: .*400"):
            made.fetch()
        assert made.jobs.states() == ["lost", "lost"]


@pytest.mark.parametrize("fault", [{"name": "html_200"}, {"name": "status", "code": 500}])
def test_what_stands_in_place_of_an_archive_for_a_while_costs_no_second_order(fault: dict[str, Any]) -> None:
    with boilers() as made:
        made.twin.fault(endpoint="archive", **fault)
        with pytest.raises(ExportPendingError, match="said to be there"):
            made.fetch()
        made.twin.clear_faults()
        assert len(made.fetch()) == 1
        assert made.jobs.states() == ["landed"]


def test_an_archive_that_stays_away_for_good_is_ordered_anew_in_the_end() -> None:
    with boilers(policy=replace(PACE, given_up=0.4)) as made:
        made.twin.fault("status", endpoint="archive", code=404)
        with pytest.raises(ExportPendingError):
            made.fetch()
        assert made.jobs.states() == ["completed"]
        time.sleep(0.4)
        with pytest.raises(ExportPendingError):
            made.fetch()
        assert made.jobs.states() == ["lost"]
        made.twin.clear_faults()
        assert len(made.fetch()) == 1
        assert orders(made) == 2


@pytest.mark.parametrize("framing", ["content_length", "chunked"])
def test_a_download_that_breaks_off_begins_anew(framing: str) -> None:
    with boilers() as made:
        made.twin.fault("cut", endpoint="archive", framing=framing, times=2)
        assert len(made.load().measurements) > 2000


def test_a_large_archive_lies_in_a_file_for_as_long_as_it_is_asked_for() -> None:
    with boilers(in_memory_bytes=100) as made:
        fetching = iter(made.provider.fetch(DAY, {}))
        payload = next(fetching)
        assert payload.body == b""
        assert payload.file is not None
        assert payload.file.path.stat().st_size == payload.n_bytes
        assert payload.sha256 == payload.file.sha256
        (batch,) = made.provider.normalize([payload], DAY)
        assert len(batch.measurements) > 2000
        assert list(fetching) == []
        assert list(made.spool.iterdir()) == []


def test_what_a_killed_process_left_in_the_spool_is_removed_after_a_day() -> None:
    with boilers() as made:
        for name, age in (("export-old", 90_000), ("export-new", 10)):
            (made.spool / name).mkdir()
            (made.spool / name / "archive").write_bytes(b"x")
            then = datetime.now(UTC).timestamp() - age
            os.utime(made.spool / name, (then, then))
        made.fetch()
        assert [left.name for left in made.spool.iterdir()] == ["export-new"]


def test_a_folder_that_cannot_be_used_is_named_before_an_archive_is_fetched() -> None:
    with boilers() as made:
        made.spool.rmdir()
        made.spool.write_text("a file where the folder should be")
        try:
            with pytest.raises(ConfigurationError, match="the folder for archives on their way cannot be used"):
                made.fetch()
        finally:
            made.spool.unlink()
            made.spool.mkdir()
        assert made.asked(served.FILES) == []
        assert made.jobs.states() == ["completed"]
        assert len(made.fetch()) == 1
        assert orders(made) == 1


def test_a_disk_without_room_is_named_and_the_archive_is_fetched_once_there_is_some() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with boilers() as made:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # as a full disk, for this process alone
        try:
            with pytest.raises(ConfigurationError, match=r"cannot be used \(File too large\)"):
                made.fetch()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert list(made.spool.iterdir()) == []
        assert made.fetch()[0].n_bytes > 10_000
        assert orders(made) == 1
