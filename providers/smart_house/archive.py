"""The zip archive around every answer: one file, bounded, its checksum held against every byte, and read as uploads."""

import io
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import IO, Any, Final

from domain.errors import PayloadUnreadableError
from providers._archive import Archive, ArchiveLimits, Member
from providers.smart_house.csv_file import csv_rows
from providers.smart_house.homes import Census
from providers.smart_house.json_file import json_rows
from providers.smart_house.spec import MAX_MEMBER_BYTES
from providers.smart_house.wire import InvalidRow, Upload, unreadable, upload_of
from providers.smart_house.xml_file import xml_rows

_Rows = Generator[Mapping[str, Any]] | Generator[dict[str, Any] | InvalidRow]

_READERS: Final[Mapping[str, Callable[[IO[bytes], str], _Rows]]] = {"json": json_rows, "csv": csv_rows, "xml": xml_rows}


def read_uploads(body: bytes, form: str, *, place: str) -> Iterator[Upload | InvalidRow]:
    """The rows of an answer, in their order.

    Args:
        body: The archive as received; empty where the provider said that nothing is left.
        form: `json`, `csv` or `xml`.
        place: Which answer this is, for messages.

    Raises:
        PayloadUnreadableError: It is no whole archive with one file of that format, or the file is none.
        AnswerTooLargeError: The file would unpack to too much, or hold a row of too much.
    """
    # What is damaged is found at the end of the file: before a row of it counts, all of it has been held against it.
    with opened(body, form, place=place) as file, closing(_READERS[form](file, place)) as rows:
        for row in rows:  # closed before the file is, whoever stops reading in the middle
            yield row if isinstance(row, InvalidRow) else upload_of(row, place=place)


# The same keys in every row, and most cells empty: real files pack up to a hundred times.
LIMITS: Final = ArchiveLimits(max_members=16, max_bytes=MAX_MEMBER_BYTES, ratio_from_bytes=8 * 2**20)
"""An archive holds one file, or two in a later version of the API."""

_METADATA: Final = "_metadata.json"  # the second file


@contextmanager
def opened(body: bytes, form: str, *, place: str) -> Iterator[IO[bytes]]:
    """The file of the format `form` inside the archive `body`, to be read once.

    Raises:
        PayloadUnreadableError: It is no whole archive with one such file; also while it is read.
        AnswerTooLargeError: It would unpack to more than `LIMITS`.
    """
    archive = Archive(io.BytesIO(body), place=place, limits=LIMITS)
    with archive.opened(_chosen(archive, form, place)) as file:
        yield file


def verify(body: bytes, form: str, *, place: str) -> None:
    """Read every file to its end, and so hold its checksum against it.

    Raises:
        PayloadUnreadableError: The archive is not whole, or has not one file of the format `form`.
        AnswerTooLargeError: It would unpack to more than `LIMITS`.
    """
    archive = Archive(io.BytesIO(body), place=place, limits=LIMITS)
    _chosen(archive, form, place)
    archive.verify()


def _chosen(archive: Archive, form: str, place: str) -> Member:
    names = [(member.name.lower(), member) for member in archive.members]
    found = [member for name, member in names if name.endswith(f".{form}") and not name.endswith(_METADATA)]
    if len(found) != 1:
        raise unreadable(f"of the {len(names)} files of the archive {len(found)} are {form.upper()}, not one", place)
    return found[0]


def check(body: bytes, form: str, *, place: str) -> frozenset[str]:
    """Hold an archive against its checksums, and its file against every bound of size.

    A file of another shape passes: it is kept as received, and `normalize` says what is wrong with it.

    Returns:
        The columns of the file, as far as it could be read.

    Raises:
        PayloadUnreadableError: The archive is not whole, or has not one file of the format `form`.
        AnswerTooLargeError: It would unpack to too much, or its file would take too much memory.
    """
    verify(body, form, place=place)
    census = Census(place)
    with suppress(PayloadUnreadableError):
        for upload in read_uploads(body, form, place=place):
            if isinstance(upload, Upload):
                census.note(upload)
    return census.columns
