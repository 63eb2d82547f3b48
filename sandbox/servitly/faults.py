"""What can go wrong with Servitly's twin."""

from collections.abc import Mapping
from typing import Final

from sandbox.faults import COMMON_FAULTS, FaultKind

FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "job_fails": FaultKind(
        "The job that is ordered ends with `state` and says `message`.", {"state": "ERROR", "message": "No space left"}
    ),
    "job_stuck": FaultKind("The job that is ordered says `state` for ever.", {"state": "PENDING"}),
    "job_vanishes": FaultKind("The job that is ordered is unknown from then on."),
    "no_id": FaultKind("The order is taken, and its answer has no id."),
    "no_url": FaultKind("The details lack `url`, although the job is COMPLETED.", endpoint="details"),
    "url": FaultKind("The details name `url`.", {"url": "https://evil.example/x"}, endpoint="details"),
    "redirect": FaultKind(
        "The archive's address answers `code` and sends to `to`.", {"code": 302, "to": "http://127.0.0.1:9/"},
        endpoint="archive",
    ),
    "header": FaultKind("The first column is called `name`.", {"name": "Zeit"}, endpoint="archive"),
    "twin_column": FaultKind("A file's first metric comes a second time.", endpoint="archive"),
    "separator": FaultKind("Cells are separated by `separator`.", {"separator": ";"}, endpoint="archive"),
    "no_data_marks": FaultKind("`---` stands where nothing was said.", endpoint="archive"),
    "decimal_comma": FaultKind("Numbers have a decimal comma.", endpoint="archive"),
    "cell": FaultKind("In each file, the first value is `raw`.", {"raw": "n/a"}, endpoint="archive"),
    "row": FaultKind("Each file ends with the line `raw`.", {"raw": "1"}, endpoint="archive"),
    "csv_bom": FaultKind("Files begin with a byte order mark.", endpoint="archive"),
    "crlf": FaultKind("Lines end CRLF.", endpoint="archive"),
    "header_only": FaultKind("Files have no rows.", endpoint="archive"),
    "outside_rows": FaultKind(
        "A row is added that lies `seconds` after the end.", {"seconds": 60.0}, endpoint="archive"
    ),
    "empty_archive": FaultKind("The archive has no files.", endpoint="archive"),
    "member_name": FaultKind("The first file is called `name`.", {"name": "../../evil.csv"}, endpoint="archive"),
    "zip64": FaultKind("Members are written as larger than 4 GiB would be.", endpoint="archive"),
    "encrypted": FaultKind("The first file says that it is encrypted.", endpoint="archive"),
    "flip": FaultKind("A byte of the archive is wrong.", {"fraction": 0.3}, endpoint="archive"),
    "shorten": FaultKind("The archive is cut, and all framing agrees.", {"fraction": 0.7}, endpoint="archive"),
}  # fmt: skip
"""Kind → what it does and its options."""
