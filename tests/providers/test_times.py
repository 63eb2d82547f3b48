"""One grammar of times: what is an instant, for every provider, by columns and one by one."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PayloadUnreadableError
from domain.records import Reason
from providers._times import Integers, instant_of, lacks_offset, read_column
from providers.climkit.times import read_texts
from providers.export_service.rows import read_times as read_export_service
from providers.servitly.cells import read_times as read_servitly
from providers.smart_house.times import DAY_US, instants_of, midnight_of
from providers.voltstorage.cells import read_times as read_voltstorage

NOON = 1_774_180_800_000_000  # 2026-03-22T12:00Z
RECEIVED = datetime(2026, 3, 22, 13, tzinfo=UTC)

SAME_INSTANT = {
    "2026-03-22T13:00:00+01:00": "Python, most of all others",
    "2026-03-22T13:00:00.000+0100": "Jackson before 2.11, Java's SimpleDateFormat",
    "2026-03-22T13:00:00+0100": "strftime %z",
    "2026-03-22T13:00+01:00": "Java's OffsetDateTime at a whole minute",
    "2026-03-22T12:00Z": "the same in UTC",
    "2026-03-22T12:00:00.000000000Z": "Java's Instant",
    "2026-03-22T12:00:00.0000000Z": ".NET round trip",
    "2026-03-22T12:00:00.0000000+00:00": ".NET round trip of a DateTimeOffset",
    "2026-03-22 13:00:00+01": "PostgreSQL, DuckDB",
    "2026-03-22 12:00:00+00": "the same in UTC",
    "2026-03-22 17:45:00+05:45": "PostgreSQL in Nepal",
    "2026-03-22 12:53:28+00:53:28": "PostgreSQL before there were zones",
    "2026-03-22T12:00:00.000000999Z": "Go's RFC3339Nano, cut off to microseconds",
    "2026-03-22T12:00:00,0Z": "ISO 8601 prefers the comma",
    "2026-03-22t12:00:00z": "RFC 3339 lets both be small",
    "2026-03-22 12:00:00+00:00": "pandas with UTC",
    "2026-03-22 12:00:00-00:00": "RFC 3339: nobody says where",
    "2026-03-22 07:00:00-05:00": "west of Greenwich",
    "2026-03-22T02:00:00-1000": "west, without a colon",
    "2026-03-23T02:00:00+14:00": "Kiritimati",
    "2026-03-22 13:00:00 +0100": "git, Ruby",
    "  2026-03-22T12:00:00Z\t": "blanks around it",
    "2026-03-22T13:00+01:00[Europe/Berlin]": "Java's ZonedDateTime",
    "2026-03-22T12:00:00Z[UTC][u-ca=gregory]": "RFC 9557",
}
NO_INSTANT = [
    "2026-03-22T12:00:00", "2026-03-22 12:00", "2026-03-22", "2026-03-22T12:00:00.000", "2026-03-22T12:00[Etc/UTC]",
    "2026-W12-7T12:00:00Z", "2026-W12", "2026-081T12:00:00Z", "20260322T120000Z", "2026-03-22T120000Z",
    "2026-03-22T12Z", "2026-03-22T12:00.5Z", "2026-03-22T12:00:00.Z", "2026-03-22T12:00:00.0000000000Z",
    "2026-03-22T13:00:00+1:00", "2026-03-22T13:00:00+1", "2026-03-22T13:00:00+01:0", "2026-03-22T13:00:00+010",
    "2026-03-22T13:00:00 01:00", "2026-03-22T13:00:00±01:00", "2026-03-22T13:00:00\u221201:00",
    "2026-03-22T13:00:00 CET", "2026-03-22T12:00:00 UTC", "2026-03-22T12:00:00ZZ", "2026-03-22_12:00:00Z",
    "26-03-22T12:00:00Z", "+12026-03-22T12:00:00Z", "-2026-03-22T12:00:00Z", "22.03.2026 13:00:00+01:00", "now",
    "infinity", "\uff12\uff10\uff12\uff16-03-22T12:00:00Z", "2026-03-22T12:00:00\u0660Z", "2026-03-22T12:00:00Z\x00",
    "2026-03-22  12:00:00Z", "Z", "[UTC]",
]  # fmt: skip
NO_DAY = [
    "2026-02-29T12:00:00Z", "2026-02-31T12:00:00+01:00", "2026-13-01T12:00:00Z", "2026-00-01T12:00:00Z",
    "2026-03-22T25:00:00Z", "2026-03-22T12:60:00Z", "2026-06-30T23:59:60Z", "2026-03-22T24:00:01Z",
    "2026-03-22T24:00:00.1Z", "2026-03-22T12:00:00+24:00", "2026-03-22T12:00:00+01:60", "0000-01-01T00:00:00Z",
]  # fmt: skip
AT_THE_ENDS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T24:00:00Z"]

Read = Callable[[str], int | Reason]


def of_column(read: Callable[[list[str]], tuple[Integers, dict[int, Reason]]]) -> Read:
    def one(text: str) -> int | Reason:
        times, odd = read([text])
        return odd[0] if odd else int(times[0])

    return one


def read_smart_house(texts: list[str]) -> tuple[Integers, dict[int, Reason]]:
    times, unusable = instants_of(texts, np.array([midnight_of(date(2026, 3, 22)) + DAY_US]), RECEIVED)
    return times, {row: reason for row, reason in unusable.items() if reason}


READERS: dict[str, Read] = {
    "climkit": of_column(lambda texts: read_texts(texts, RECEIVED, place="x")),
    "export_service": of_column(lambda texts: read_export_service(list(texts), RECEIVED)),
    "servitly": of_column(lambda texts: read_servitly(texts, RECEIVED)),
    "voltstorage": of_column(lambda texts: read_voltstorage(texts, RECEIVED)),
    "smart_house": of_column(read_smart_house),
}
every_provider = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


@every_provider
@pytest.mark.parametrize("text", SAME_INSTANT)
def test_an_instant_is_the_same_however_its_writer_spells_it(read: Read, text: str) -> None:
    assert read(text) == NOON


@every_provider
@pytest.mark.parametrize("text", NO_INSTANT)
def test_what_says_no_instant_is_refused_and_never_guessed(read: Read, text: str) -> None:
    try:
        assert read(text) is Reason.WRONG_TYPE
    except PayloadUnreadableError as refused:  # Climkit's times have an offset, or the whole answer is doubted
        assert "does not say its offset" in str(refused)  # noqa: PT017


@every_provider
@pytest.mark.parametrize("text", [*NO_DAY, *AT_THE_ENDS])
def test_a_day_that_no_calendar_has_is_implausible(read: Read, text: str) -> None:
    assert read(text) is Reason.IMPLAUSIBLE_TIME


def test_midnight_may_be_the_24th_hour_of_the_day_before() -> None:
    assert instant_of("2026-03-21T24:00:00Z") == instant_of("2026-03-22T00:00:00Z")
    assert instant_of("2026-12-31T24:00+01:00") == instant_of("2027-01-01T00:00+01:00")


@pytest.mark.parametrize("text", ["2026-03-22", "2026-03-22T12:00", " 2026-03-22 12:00:00.5 ", "2026-03-22T12:00[CET]"])
def test_a_text_that_lacks_its_offset_alone_is_told_from_one_that_is_no_time(text: str) -> None:
    assert lacks_offset(text)
    assert not lacks_offset(f"{text}x")
    assert not lacks_offset("2026-03-22T12:00Z")


SPELLINGS: list[Callable[[datetime], str]] = [
    lambda at: at.isoformat(),
    lambda at: at.isoformat(sep=" "),
    lambda at: at.isoformat(timespec="microseconds") + "[Some/Where]",
    lambda at: at.isoformat(timespec="microseconds").replace(".", ","),
    lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%f%z"),
    lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%f999%z"),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S.%f %z"),
    lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    lambda at: at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00"),
    lambda _: "2026-02-31T12:00:00Z",
    lambda _: "",
    lambda _: "2026-03-22T1x:00:00Z",
]
offsets = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-18 * 60, 18 * 60))
instants = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=offsets)  # noqa: DTZ001


@given(
    st.lists(st.tuples(instants, st.sampled_from(SPELLINGS)), max_size=12), st.booleans(), st.sampled_from(SPELLINGS)
)
def test_a_column_says_what_its_texts_say_one_by_one(
    rows: list[tuple[datetime, Callable[[datetime], str]]],
    is_uniform: bool,
    spelling: Callable[[datetime], str],
) -> None:
    texts = [(spelling if is_uniform else spell)(at) for at, spell in rows] * 3
    times, odd = read_column(texts)
    for index, text in enumerate(texts):
        alone = instant_of(text) if text else Reason.NO_TIME
        assert (odd[index] if index in odd else int(times[index])) == alone
        if isinstance(alone, int):
            at = rows[index % len(rows)][0]
            assert alone == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_nothing_and_what_is_no_text_are_told_apart_within_a_column() -> None:
    column: list[object] = ["2026-03-22T12:00:00Z"] * 20 + [None, "", 5, True, 1.5, [], "2026-03-22T12:00:00+00:00"]
    times, odd = read_column(column)
    assert odd == {20: "no_time", 21: "no_time", 22: "wrong_type", 23: "wrong_type", 24: "wrong_type", 25: "wrong_type"}
    assert times.tolist() == [NOON] * 20 + [0] * 6 + [NOON]


def test_a_million_usual_texts_are_read_by_columns() -> None:
    texts = [f"2026-03-22T12:{n // 60 % 60:02}:{n % 60:02}.{n % 1000:03}+01:00" for n in range(100_000)]
    calls: list[object] = []

    def one(text: object) -> int:
        calls.append(text)
        return 0

    read_column(texts, one)
    assert not calls
