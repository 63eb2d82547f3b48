"""What can go wrong with the Export Service, beyond what can go wrong with any twin."""

from collections.abc import Mapping
from typing import Final

from sandbox.faults import COMMON_FAULTS, FaultKind

ENDPOINTS: Final = ("query", "products", "token")

FAULTS: Final[Mapping[str, FaultKind]] = {
    **COMMON_FAULTS,
    "token_fields": FaultKind(
        "Token endpoint: sets the fields of `set` and leaves out those of `drop`.",
        {"set": {}, "drop": []},
        endpoint="token",
    ),
    # the continueToken
    "token_repeats": FaultKind("From page `cycle` + 1 on, the tokens begin again with the first.", {"cycle": 1}),
    "token_dies": FaultKind(
        "A token for a page after `after_page` is refused with `status`.", {"status": 404, "after_page": 1}
    ),
    "token_never_ends": FaultKind(
        "Where the rows end, fresh tokens come all the same; their pages are `empty` or repeat the `last` rows.",
        {"rows": "last"},
        {"rows": ("last", "empty")},
    ),
    "empty_page": FaultKind("The page has no rows, and a token behind which they are."),
    "full_page_without_token": FaultKind("The page has the end marker although more rows exist."),
    "no_progress": FaultKind("The page's token, although a fresh one, leads to the same page again."),
    # the rows
    "unordered": FaultKind(
        "The page's rows are `shuffled` or `reversed`.", {"order": "shuffled"}, {"order": ("shuffled", "reversed")}
    ),
    "ties": FaultKind("Every `width` rows in a row get one timestamp.", {"width": 4}),
    "outside_rows": FaultKind(
        "`rows` rows are added whose times lie `seconds` `before` or `after` the window.",
        {"rows": 1, "where": "after", "seconds": 3600.0},
        {"where": ("before", "after")},
    ),
    "duplicates": FaultKind("The page's first `rows` rows come twice.", {"rows": 1}),
    "late_documents": FaultKind(
        "Every `every`th row is not there yet. Limited by `times`, it comes later.", {"every": 10}
    ),
    "rows_inserted": FaultKind(
        "Once the page is sent, `rows` rows are written just after the window's start.", {"rows": 1}
    ),
    "rows_removed": FaultKind(
        "Once the page is sent, the product loses its first `rows` rows of the window.", {"rows": 1}
    ),
    # the cells
    "cell": FaultKind(
        "In the first `rows` rows, `field` becomes `raw`, which is JSON or not; without a field, the first number.",
        {"rows": 1, "field": None, "raw": '"n/a"'},
    ),
    "missing_field": FaultKind("In the first `rows` rows, `field` is absent.", {"rows": 1, "field": "timestamp"}),
    "extra_field": FaultKind(
        "In the first `rows` rows, `field` appears with the JSON text `raw`.",
        {"rows": 1, "field": "new_kW", "raw": "1.5"},
    ),
    "duplicate_keys": FaultKind(
        "In the first `rows` rows, `field` comes twice, with `raw` the second time.",
        {"rows": 1, "field": None, "raw": "-1.0"},
    ),
    "deep_nesting": FaultKind("The first row has a field `deep` of `depth` lists in each other.", {"depth": 100_000}),
    # the envelope
    "num_results": FaultKind("`numResults` is wrong by `off`; without it, it is missing.", {"off": None}),
}
"""Kind → what it does and its options."""
