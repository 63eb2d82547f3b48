"""An answer before it is kept: whole, and no more than can be read within bounds. What it means is not looked at."""

from contextlib import suppress

from domain.errors import PayloadUnreadableError
from providers.smart_house.homes import Census
from providers.smart_house.member import verify
from providers.smart_house.reading import read_uploads
from providers.smart_house.wire import Upload


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
