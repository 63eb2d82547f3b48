"""The file inside an archive as uploads, whatever its format, one of them in memory at a time."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import IO, Any, Final

from providers.smart_house.csv_file import csv_rows
from providers.smart_house.json_file import json_rows
from providers.smart_house.member import opened
from providers.smart_house.wire import InvalidRow, Upload, upload_of
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
