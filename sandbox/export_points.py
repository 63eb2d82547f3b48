"""What the documents of the Export Service mean: a plain walk over them, which knows nothing of the house's own."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from sandbox.measured import VEHICLES_PRODUCT
from sandbox.twin import Point

_TIME: Final = "timestamp"
_DEVICES: Final[Mapping[str, tuple[str, ...]]] = {VEHICLES_PRODUCT: ("vehicleId",)}
"""Product → the fields that tell its devices apart."""


def points_of(product: str, documents: Iterable[Sequence[bytes]]) -> Iterator[Point]:
    """The points of `product`: one for each field that is there, texts and booleans as texts.

    Args:
        product: Whose documents.
        documents: Each one JSON text, some at a time.
    """
    identity = _DEVICES.get(product, ())
    known: dict[tuple[str, ...], Mapping[str, str]] = {}
    for rows in documents:
        for row in rows:
            document = orjson.loads(row)
            device = tuple(_text(document.get(name)) for name in identity)
            at = document[_TIME]
            for name, value in _leaves(document):
                if value is None or name == _TIME or name in identity:
                    continue
                series = (name, *device)
                if series not in known:
                    named = {one: document[one] for one in identity if document.get(one) is not None}
                    known[series] = {
                        **{one: _text(said) for one, said in named.items()},
                        "product": product,
                        "field": name,
                    }
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                yield Point(known[series], at, value if is_number else _text(value))


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
