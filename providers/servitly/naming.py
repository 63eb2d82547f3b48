"""Things and series: the names of a file's columns, which never change."""

from typing import Final

from domain.records import Reason, Series
from providers._points import text_reason
from providers.servitly.account import AccountConfig
from providers.servitly.wire import meaning_of, split_header

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
    return f"{_quoted(thing)}/{_quoted(header)}"


def _quoted(part: str) -> str:
    """`part` with the separator of keys escaped, so that two different paths never make one key."""
    return part.replace("%", "%25").replace("/", "%2F")
