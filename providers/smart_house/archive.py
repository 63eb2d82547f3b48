"""The zip archive around every answer: one file, its size bounded, its checksum held against every byte."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from domain.errors import AnswerTooLargeError, PayloadUnreadableError
from providers.smart_house.spec import MAX_MEMBER_BYTES
from providers.smart_house.wire import clipped, unreadable

# What the standard library raises over archives that are damaged or made to hurt, none of which it wraps.
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, OSError, ValueError,
)  # fmt: skip
_METADATA: Final = "_metadata.json"  # a second file, of a later version of the API
_PIECE_BYTES: Final = 2**20
_ENCRYPTED: Final = 0x1
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opened(body: bytes, form: str, *, place: str) -> Iterator[IO[bytes]]:
    """The file of the format `form` inside the archive `body`, to be read once.

    Raises:
        PayloadUnreadableError: It is no whole archive with one such file; also while it is read.
        AnswerTooLargeError: The file would unpack to more than 256 MiB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(_chosen(archive, form, place)) as file:
            yield file
    except PayloadUnreadableError:
        raise
    except _BROKEN as error:
        raise unreadable(f"the archive is damaged ({clipped(str(error))})", place) from None


def check(body: bytes, form: str, *, place: str) -> None:
    """Read the file to its end, and so hold its checksum against it.

    Raises:
        PayloadUnreadableError: The archive is not whole.
        AnswerTooLargeError: The file would unpack to more than 256 MiB.
    """
    with opened(body, form, place=place) as file:
        while file.read(_PIECE_BYTES):
            pass


def _chosen(archive: zipfile.ZipFile, form: str, place: str) -> zipfile.ZipInfo:
    found = [
        one
        for one in archive.infolist()
        if one.filename.lower().endswith(f".{form}") and not one.filename.lower().endswith(_METADATA)
    ]
    if len(found) != 1:
        n_files = len(archive.infolist())
        raise unreadable(f"of the {n_files} files of the archive {len(found)} are {form.upper()}, not one", place)
    (file,) = found
    if file.flag_bits & _ENCRYPTED or file.compress_type not in _COMPRESSIONS:
        raise unreadable(f"the file {clipped(file.filename)} is encrypted, or packed in an unusual way", place)
    if file.file_size > MAX_MEMBER_BYTES:
        raise AnswerTooLargeError(
            f"the archive of {len(archive.infolist())} files would unpack to {file.file_size:,} bytes",
            place=place,
            fix="ask for fewer types, or name them in defs.yaml",
        )
    return file
