"""Archives made by hand, with whatever is wrong with them."""

import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime

from typing_extensions import Buffer

from domain.records import Payload
from domain.window import Window


def zipped(
    files: Iterable[tuple[str, bytes | str]], *, method: int = zipfile.ZIP_DEFLATED, is_zip64: bool = False
) -> bytes:
    """An archive of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            with archive.open(entry, "w", force_zip64=is_zip64) as member:
                member.write(body.encode() if isinstance(body, str) else body)
    return packed.getvalue()


def streamed(files: Iterable[tuple[str, bytes | str]]) -> bytes:
    """The same, written without ever going back: sizes and checksums follow their members."""
    packed = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, piece: Buffer) -> int:
            return packed.write(piece)

    with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files:
            archive.writestr(name, body)
    return packed.getvalue()


def answer(body: bytes, window: Window, **params: str) -> Payload:
    """An archive as the answer to an export of `window`."""
    return Payload(
        endpoint="data/dataExports",
        params=params,
        window=window,
        part="things",
        page=1,
        received_at=datetime(2026, 11, 21, tzinfo=UTC),
        media_type="application/zip",
        body=body,
        proof="content-length, zip crc",
    )
