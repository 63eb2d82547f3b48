"""What a stranger's request would have done, and what it does.

What a GraphQL document would do.
"""

import json
from urllib.parse import urlencode

import pytest

from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import LoopbackServer
from pipelines.webserver.guard import body_changes_something, changes_something
from tests.fakes.guarded_ui import FURTHER, JSON, GuardedUI, limiting, parsed

REPORT = "/report_asset_materialization/roof"


def test_a_page_of_the_ui_changes_what_it_wants(ui: GuardedUI) -> None:
    assert parsed(ui.ask(limiting("own"))) == {"data": {"setConcurrencyLimit": True}}
    assert "own" in ui.limits()
    before = ui.events()
    assert ui.send("POST", REPORT, {"Origin": ui.origin, **JSON}, b"{}").status == 200
    assert ui.events() == before + 1


@pytest.mark.parametrize(
    "origin", ["http://page.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "x", None]
)
def test_a_page_of_somebody_else_changes_nothing(ui: GuardedUI, origin: str | None) -> None:
    headers = JSON if origin is None else {"Origin": origin, **JSON}
    before = ui.events()
    body = json.dumps({"query": limiting("foreign")}).encode()
    assert ui.send("POST", "/graphql", headers, body).status == 403
    assert ui.send("POST", REPORT, headers, b"{}").status == 403
    assert "foreign" not in ui.limits()
    assert ui.events() == before


def test_two_origins_or_two_hosts_are_none(ui: GuardedUI) -> None:
    body = json.dumps({"query": limiting("two")}).encode()
    both: dict[str, str | list[str]] = {"Origin": [ui.origin, "http://page.example"], **JSON}
    assert ui.send("POST", "/graphql", both, body).status == 403
    assert ui.send("GET", "/server_info", {"Host": [ui.host, "page.example"]}).status in (400, 403)
    assert "two" not in ui.limits()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/graphql", {}),
        ("/graphql", {"Accept": "text/html"}),
        ("/graphql%0A", {}),  # the router takes it for /graphql
        ("/%67raphql", {}),
    ],
)
def test_a_mutation_in_an_address_changes_nothing(ui: GuardedUI, path: str, headers: dict[str, str]) -> None:
    named = f"query Harmless {{ version }} {limiting('address').replace('mutation', 'mutation Other')}"
    for query in (
        [("query", limiting("address"))],
        [("query", "{ version }"), ("query", limiting("address"))],
        [("query", limiting("address")), ("query", "{ version }")],
        [("query", named), ("operationName", "Other")],
    ):
        for origin in ({}, {"Origin": ui.origin}):
            answer = ui.send("GET", f"{path}?{urlencode(query)}", headers | origin)
            assert answer.status == 405
            assert answer.headers["allow"] == "POST"
            assert "a mutation does not stand in an address here (GET /" in answer.text
    for method in ("POST", "HEAD"):
        sent = {"Origin": ui.origin, **JSON, **headers}
        assert ui.send(method, f"{path}?{urlencode({'query': limiting('address')})}", sent, b"{}").status == 405
    assert "address" not in ui.limits()


def test_a_query_in_an_address_is_answered(ui: GuardedUI) -> None:
    answer = ui.send("GET", f"/graphql?{urlencode({'query': '{ version }'})}")
    assert (answer.status, list(parsed(answer)["data"])) == (200, ["version"])
    assert ui.send("GET", "/graphql?query=%7B").status == 400, "the webserver says what is wrong with it"


def test_a_websocket_executes_no_mutation(ui: GuardedUI) -> None:
    with ui.websocket(ui.origin) as socket:
        socket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": limiting("socket")}}))
        assert json.loads(socket.recv(timeout=10))["type"] == "error"
    assert "socket" not in ui.limits()


@pytest.mark.parametrize("host", ["localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}", "energy.example.org"])
def test_our_own_names_are_let_in(ui: GuardedUI, host: str) -> None:
    assert ui.send("GET", "/server_info", {"Host": host.format(port=ui.port)}).status == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "page.example:{port}", "localhost.page.example:{port}", "127.0.0.2:{port}",
     "energy.example.org:80", "localhost:{port}@page.example", "localhost.:{port}", ""],
)  # fmt: skip
def test_a_name_that_merely_leads_here_is_refused(ui: GuardedUI, host: str) -> None:
    assert ui.send("GET", "/server_info", {"Host": host.format(port=ui.port)}).status == 403


def test_a_proxy_with_a_certificate_is_let_in_by_the_origin_that_the_operator_named(ui: GuardedUI) -> None:
    body = json.dumps({"query": limiting("proxied")}).encode()
    for host in ("energy.example.org", ui.host):  # a proxy that hands the name on, and one that does not
        assert ui.send("POST", "/graphql", {"Host": host, "Origin": FURTHER, **JSON}, body).status == 200
    plain = {"Host": ui.host, "Origin": FURTHER.replace("https", "http"), **JSON}
    assert ui.send("POST", "/graphql", plain, body).status == 403


def test_a_refusal_says_culprit_place_and_fix(ui: GuardedUI) -> None:
    answer = ui.send("GET", "/runs?x=1", {"Host": "page.example"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == (
        f"the Host header 'page.example' is none of this UI's (GET /runs): open {ui.origin}, or add the origin under "
        "which you reach it to UI_ORIGINS and start again.\n"
    )
    refused = ui.send("POST", "/graphql", {"Origin": "http://page.example", **JSON}, b"{}")
    sentence = parsed(refused)["error"]
    assert sentence.startswith("the Origin header 'http://page.example' is none of this UI's (POST /graphql): open ")
    assert parsed(refused)["errors"] == [{"message": sentence}], "where a page looks for it"


@pytest.mark.parametrize("path", ["/", "/graphql", "/server_info", "/nowhere/at/all"])
def test_no_page_shows_the_ui_inside_of_itself(ui: GuardedUI, path: str) -> None:
    for headers in ({"Accept": "text/html"}, {"Host": "page.example"}):
        answer = ui.send("GET", path, headers)
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


def test_the_command_line_is_let_in(ui: GuardedUI) -> None:
    dagster = DagsterGraphQL(LoopbackServer(ui.port, "the webserver", "its log"))
    assert dagster.run_status("nobody") == "MISSING"


DEEP = 2000  # more than the parser follows: it says so, and stops


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("{ version }", False),
        ("query A { version } query B { version }", False),
        ("fragment F on Query { version } { ...F }", False),
        ("{ version } # mutation { x }", False),
        ('{ version(x: "mutation { y }") }', False),
        ("mutation { x }", True),
        ("query A { version } mutation B { x }", True),
        ("subscription { x }", True),
        ("mutation", True),
        ("{", False),  # the webserver refuses it
        ("", False),
    ],
)
def test_a_document_changes_something_if_any_operation_is_not_a_query(text: str, changes: bool) -> None:
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
