"""The control routes that only the Export Service's twin has; `sandbox.export_service.twin` lists them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

from sandbox.export_service.store import Store
from sandbox.instants import window_of
from sandbox.settings import SettingError
from sandbox.twin import Query, Switch


def switches_of(store: Store, kill: Callable[[], None]) -> Sequence[Switch]:
    """The control routes that only this twin has.

    Args:
        store: The documents.
        kill: Makes every continueToken dead.
    """
    return (
        Switch("POST", "rows", lambda _, body: _edit_rows(store, body)),
        Switch("GET", "documents", lambda query, _: _documents(store, query)),
        Switch("GET", "totals", lambda query, _: _totals(store, query)),
        Switch("POST", "kill", lambda *_: kill()),
    )


def _edit_rows(store: Store, body: object) -> dict[str, int]:
    """Change, remove and add rows of one product."""
    if not isinstance(body, Mapping) or not isinstance(body.get("product"), str):
        raise SettingError('edits are written {"product": P, "change": […], "remove": […], "add": […]}.')
    product = body["product"]
    try:
        changed = sum(
            store.change(product, edit["timestamp"], edit["set"], edit.get("where")) for edit in body.get("change", [])
        )
        removed = sum(store.remove(product, edit["timestamp"], edit.get("where")) for edit in body.get("remove", []))
    except (KeyError, TypeError):
        raise SettingError('an edit needs an integer "timestamp", and a change an object "set".') from None
    return {"changed": changed, "removed": removed, "added": store.add(product, body.get("add", []))}


def _documents(store: Store, query: Query) -> Iterator[bytes]:
    product = query.get("product")
    if not product:
        raise SettingError("say which product: ?product=…&start=…&end=….")
    chunks = store.truth(product, *window_of(query))
    return (b"".join(row + b"\n" for row in rows) for rows in chunks)


def _totals(store: Store, query: Query) -> dict[str, dict[str, int]]:
    totals = store.totals(*window_of(query))
    return {product: asdict(tally) | {"points": tally.numbers + tally.texts} for product, tally in totals.items()}
