"""Servitly's vocabulary: what it says of a job, what a header says of a metric, and which units say enough."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from domain.errors import ConfigurationError, PayloadUnreadableError
from domain.quantities import QUANTITY_OF_UNIT, UNITS, Conversion, conversion
from domain.records import Json, Reason, Series
from domain.texts import key_part, text_reason
from providers._json import kind_of, read_json
from providers.servitly.account import AccountConfig

_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LONGEST_WORD: Final = 40
_EXPORT: Final = r"\b(?:data[- ]?)?exports?\b"
_UNDER_WAY: Final = r"\b(?:already|in progress|running|pending|only one|at a time|scheduled)\b"
# Either before the other, in one sentence: a metric may be deleted already, and a time be scheduled.
_BUSY: Final = re.compile(
    rf"{_EXPORT}[^.;:!?]{{0,60}}{_UNDER_WAY}|{_UNDER_WAY}[^.;:!?]{{0,60}}{_EXPORT}", re.IGNORECASE
)

_COMPARE: Final = "compare with the provider's documentation; nothing of it is loaded"

COMPLETED: Final = frozenset({"COMPLETED", "COMPLETE"})
"""Words for: its archive is there. The second is the prose of the document."""

GIVEN_UP: Final = frozenset({"ERROR", "ABORTED", "FAILED"})
"""Words for: the provider has given it up. The second is an older document's."""

PENDING: Final = "PENDING"

TIME_NAMES: Final = frozenset({"timestamp", "time", "date", "datetime"})
"""What the first column is called, in small letters; the provider's import says TIMESTAMP."""

NO_DATA: Final = frozenset({"", "---"})
"""Cells that say nothing; the second is what a working client meets."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the provider says of a job.

    Attributes:
        id: Its name.
        state: The provider's word.
        url: Where its archive is, if it says so. It may be signed: never shown.
        message: What it says beside, for messages.
    """

    id: str
    state: str
    url: str | None = field(default=None, repr=False)
    message: str = ""


def parse_job(body: bytes, *, place: str) -> Job:
    """A job, as POST and GET answer it.

    Raises:
        PayloadUnreadableError: It is no JSON object, or has no name, or no state.
    """
    document = read_json(body, place=place, fix=_COMPARE)
    if not isinstance(document, dict):
        raise unreadable(f"the answer about an export is a JSON {kind_of(document)}", place)
    job, state, url = document.get("id"), document.get("state"), document.get("url")
    if not isinstance(job, str) or not _JOB_ID.fullmatch(job):
        raise unreadable("the answer about an export has no id, or one that is no id", place)
    if not isinstance(state, str) or not state or len(state) > _LONGEST_WORD or not state.isprintable():
        raise unreadable("the answer about an export has no state", place)
    if url is not None and not isinstance(url, str):
        raise unreadable("the url of an export is no text", place)
    return Job(job, state.upper(), url or None, message_of(body))


def message_of(body: bytes) -> str:
    """What an answer says in words; empty if it says nothing."""
    document: Json = None
    with suppress(PayloadUnreadableError):
        document = read_json(body, place="", fix="")
    message = document.get("message") if isinstance(document, dict) else None
    if not isinstance(message, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in message[:400]).split())[:200]


def is_busy(body: bytes) -> bool:
    """Whether a refusal means that another export is pending. No document says how it is worded: our inference.

    A refusal that only sounds like it is waited for, and in the end quoted.
    """
    return bool(_BUSY.search(message_of(body)))


def split_header(header: str, account: AccountConfig) -> tuple[str, str]:
    """Metric and unit of a column; the unit is empty if the header says none.

    Of `Power[W]` and `Power [ W ]`, whose blanks are not the provider's, only a unit that everybody knows is one; and
    none where the account explains the whole header.
    """
    if not account.are_units_included:
        return header, ""
    metric, unit = _in_brackets(header)
    is_usual = header == f"{metric} [{unit}]"
    return (metric, unit) if is_usual or (unit in UNITS and header not in account.fields) else (header, "")


def column_name(header: str, account: AccountConfig) -> str:
    """The one name of a column, however its unit is spaced."""
    metric, unit = split_header(header, account)
    return f"{metric} [{unit}]" if unit else header


def _in_brackets(header: str) -> tuple[str, str]:
    """What stands before the brackets at the end of a header, and in them; or all of it, and nothing."""
    metric, bracket, unit = header[:-1].rpartition("[") if header.endswith("]") else ("", "", "")
    metric, unit = metric.rstrip(), unit.strip()
    return (metric, unit) if bracket and metric and unit and "]" not in unit else (header, "")


def meaning_of(account: AccountConfig, metric: str, unit: str) -> tuple[str, Conversion] | None:
    """The provider's unit and the conversion of a metric's numbers; None if nobody knows what they are.

    The account's word comes first; the unit that a header says is believed before the one in the account.
    """
    known = account.fields.get(metric)
    quantity = known.quantity if known else QUANTITY_OF_UNIT.get(unit)
    sent = unit or (known.unit if known else None)
    if quantity is None or sent is None:
        return None
    try:
        return sent, conversion(quantity, sent, place=metric)
    except ConfigurationError:
        return None


def unreadable(culprit: str, place: str) -> PayloadUnreadableError:
    """An answer does not fit the vocabulary."""
    return PayloadUnreadableError(culprit, place=place, fix=_COMPARE)


_SUFFIX: Final = ".csv"
_MAX_NAME: Final = 256
"""Characters of a metric's or a thing's name: it becomes part of an indexed key."""


def thing_of(file_name: str) -> str | None:
    """The thing whose file it is; None if it is no CSV file."""
    return file_name[: -len(_SUFFIX)] if file_name.lower().endswith(_SUFFIX) else None


def name_reason(name: str) -> Reason | None:
    """Why a name can be no part of a key; None if it can."""
    return Reason.MALFORMED_ROW if not name.strip() or len(name) > _MAX_NAME else text_reason(name)


def series_of(account: AccountConfig, thing: str, header: str, *, is_state: bool) -> Series:
    """The series of a column: `<thing>/<header>`, unit included, since two metrics of one name differ by it."""
    metric, unit = split_header(header, account)
    meaning = None if is_state else meaning_of(account, metric, unit)
    labels = {"thing": thing, "metric": metric}
    return Series(
        key=key_of(thing, header),
        quantity=meaning[1].quantity.name if meaning else "state",
        device=thing,
        site=account.site,
        provider_unit=meaning[0] if meaning else "text",
        labels=labels | ({"unit": unit} if unit else {}),
    )


def key_of(thing: str, header: str = "") -> str:
    """The key of a column's series; without a header, what the keys of all series of the thing begin with."""
    return f"{key_part(thing)}/{key_part(header)}"
