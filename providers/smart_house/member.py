"""The zip archive around every answer: one file, its size bounded, its checksum held against every byte."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from providers._archive import Archive, ArchiveLimits, Member
from providers.smart_house.spec import MAX_MEMBER_BYTES
from providers.smart_house.wire import unreadable

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
