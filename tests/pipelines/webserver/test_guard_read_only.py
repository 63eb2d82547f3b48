"""A UI for viewers: everything is seen, nothing is changed."""

import json

import pytest
from dagster_graphql.schema import create_schema

from tests.fakes.guarded_ui import JSON, GuardedUI, limiting, parsed

REFUSED = "this UI is read-only, and the request could change something (POST /graphql): use a UI that was started "


def test_viewers_ask_and_are_answered(viewer: GuardedUI) -> None:
    assert viewer.send("GET", "/").status == 200
    assert list(parsed(viewer.ask("query Version { version }"))["data"]) == ["version"]


def test_the_page_greys_every_button(viewer: GuardedUI, ui: GuardedUI) -> None:
    asked = "{ permissions { permission value } }"
    values = {one["permission"]: one["value"] for one in parsed(viewer.ask(asked))["data"]["permissions"]}
    assert len(values) > 10
    assert [name for name, value in values.items() if value] == []
    assert any(one["value"] for one in parsed(ui.ask(asked))["data"]["permissions"])


def test_every_mutation_that_the_installed_webserver_has_is_refused(viewer: GuardedUI) -> None:
    mutations = create_schema().graphql_schema.mutation_type.fields
    assert len(mutations) > 30
    missed = [name for name in mutations if REFUSED not in viewer.ask(f"mutation {{ {name} }}").text]
    assert missed == []


@pytest.mark.parametrize(
    "document",
    [
        limiting("viewer"),
        "query Harmless { version } " + limiting("viewer").replace("mutation", "mutation Other"),
        'fragment F on Mutation { setConcurrencyLimit(concurrencyKey: "viewer", limit: 1) } mutation { ...F }',
    ],
)
def test_viewers_change_nothing(viewer: GuardedUI, document: str) -> None:
    body = json.dumps({"query": document, "operationName": "Other" if "Other" in document else None}).encode()
    answer = viewer.send("POST", "/graphql", {"Origin": viewer.origin, **JSON}, body)
    assert (answer.status, REFUSED in answer.text) == (403, True)
    assert "viewer" not in viewer.limits()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"query": 1}', b'{"query": "{ version }", "query": "mutation { x }"}']
)
def test_what_cannot_be_read_as_a_query_is_refused(viewer: GuardedUI, body: bytes) -> None:
    assert viewer.send("POST", "/graphql", {"Origin": viewer.origin, **JSON}, body).status == 403


def test_viewers_report_nothing(viewer: GuardedUI) -> None:
    before = viewer.events()
    for route in ("materialization", "check", "observation"):
        path = f"/report_asset_{route}/roof"
        answer = viewer.send("POST", path, {"Origin": viewer.origin, **JSON}, b'{"query": "{ version }"}')
        assert answer.status == 403
    assert viewer.events() == before


def test_a_body_longer_than_any_query_is_not_kept(viewer: GuardedUI) -> None:
    body = b'{"query": "{ version }", "x": "' + b"x" * (16 * 2**20) + b'"}'
    answer = viewer.send("POST", "/graphql", {"Origin": viewer.origin, **JSON}, body)
    assert answer.status == 413
