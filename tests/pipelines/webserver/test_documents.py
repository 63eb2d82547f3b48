"""What a GraphQL document would do."""

import pytest

from pipelines.webserver.guard import body_changes_something, changes_something

DEEP = 2000  # more than the parser follows: it says so, and stops


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("{ version }", False),
        ("query A { version } query B { version }", False),
        ("fragment F on Query { version } { ...F }", False),
        ('{ version } # mutation { x }', False),
        ('{ version(x: "mutation { y }") }', False),
        ("mutation { x }", True),
        ("query A { version } mutation B { x }", True),
        ("subscription { x }", True),
        ("mutation", True),
        ("{", False),  # the webserver refuses it
        ("", False),
    ],
)  # fmt: skip
def test_a_document_changes_something_if_any_operation_is_not_a_query(text: str, changes: bool) -> None:  # noqa: FBT001 — the expectation
    assert changes_something(text) is changes


def test_what_is_too_deep_for_us_may_not_be_for_the_webserver() -> None:
    deep = "{a" * DEEP + "}" * DEEP
    assert not changes_something(deep)
    assert changes_something("mutation { x } query Deep " + deep)
    assert changes_something("query Deep " + deep + " mutation { x }")


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"1", b"{}", b'{"query": null}', b'{"query": ["{ version }"]}', b"\xff"]
)
def test_a_body_that_is_no_question_may_change_something(body: bytes) -> None:
    assert body_changes_something(body)


def test_a_body_is_read_as_the_webserver_reads_it() -> None:
    assert not body_changes_something(b'{"query": "mutation { x }", "query": "{ version }"}')
    assert body_changes_something(b'{"query": "{ version }", "query": "mut\\u0061tion { x }"}')
    assert body_changes_something('{"query": "mutation { x }"}'.encode("utf-16"))
    assert not body_changes_something('{"query": "{ version }"}'.encode("utf-16"))
