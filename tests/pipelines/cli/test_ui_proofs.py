"""The UI in a browser: its own pages launch and another page does not, and a failed day is made good by the menu."""

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from pipelines.console import today
from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import LoopbackServer, poll
from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxProcess
from resources.settings import Settings
from tests.fakes.browser import Browser, browser
from tests.fakes.demo import PROGRAM, clean_home, environment_of, lines_until
from tests.fakes.guarded_ui import limiting

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

SOURCE = "smart_homes"
DAYS = [today() - timedelta(days=n) for n in (2, 1)]

# All that a page may send without being asked first, and what it may open.
_FOREIGN_PAGE = """<!doctype html><title>foreign</title><body>trying<iframe src="{ui}/runs"></iframe><script>
const mutation = {mutation}, sent = {{mode: "no-cors", credentials: "include"}};
const addressed = "{ui}/graphql?query=" + encodeURIComponent(mutation);
const plain = {{...sent, method: "POST", headers: {{"Content-Type": "text/plain"}}}};
const socket = new Promise(done => {{
  const opened = new WebSocket("{ui}/graphql".replace("http", "ws"), "graphql-ws");
  opened.onopen = () => done("opened"); opened.onerror = () => done("refused");
}});
Promise.all([
  fetch(addressed, sent), fetch(addressed, plain), fetch("{ui}/graphql", {{...plain, body: JSON.stringify({{query: mutation}})}}),
  fetch("{ui}/report_asset_materialization/foreign", {{...sent, method: "POST"}}), socket,
].map(one => one.catch(() => "failed"))).then(said => document.body.append(" done, and the websocket is " + said.pop()));
</script></body>"""  # noqa: E501 — a page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[Path]:
    """A home whose sandbox runs."""
    with home_with_sandbox(tmp_path_factory.mktemp("ui") / "home", package_cache) as home:
        yield home


@contextmanager
def home_with_sandbox(folder: Path, package_cache: Path) -> Iterator[Path]:
    with clean_home(folder, package_cache) as home:
        subprocess.run([PROGRAM, "sandbox", "start"], env=environment_of(home), check=True, timeout=120)
        yield home


@contextmanager
def open_ui(home: Path, *options: str) -> Iterator[str]:
    """The address of a UI, until the block ends."""
    command = [PROGRAM, "ui", *options]
    with subprocess.Popen(command, env=environment_of(home), stdout=subprocess.PIPE, text=True) as ui:
        try:
            url = lines_until("The asset graph", ui)[-1].split()[-1]
            yield url.removesuffix("/asset-groups")
        finally:
            ui.terminate()
            ui.wait(timeout=90)


@contextmanager
def foreign_page(ui: str) -> Iterator[str]:
    """The address of a page of somebody else that tries everything it can against `ui`."""
    text = _FOREIGN_PAGE.format(ui=ui, mutation=json.dumps(limiting("foreign"))).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def ask(ui: str, query: str) -> str:
    server = LoopbackServer(urlsplit(ui).port or 0, "the UI", "its log")
    return json.dumps(server.request("POST", "/graphql", {"query": query}))


def partitions(ui: str, asset: str = f"{SOURCE}/payloads") -> str:
    chosen = quote(f"[{DAYS[0]}...{DAYS[1]}]")
    return f"{ui}/assets/{asset}?view=partitions&default_range={chosen}"


def test_a_person_backfills_and_another_page_of_the_same_browser_does_not_and_viewers_do_not(home: Path) -> None:
    log = home / "run" / "dagster-webserver.log"
    with browser() as page:
        with open_ui(home) as ui:
            assert "Missing (2)" in page.read(partitions(ui), lambda text: "Missing (2)" in text)
            page.click("Materialize…")
            page.click("Confirm")  # that the catalogue was never materialized
            page.click("Launch backfill")
            done = page.wait(lambda text: "Materialized (2)" in text, seconds=240)
            assert "Materialized (2)" in done, done
            assert "Refused" not in log.read_text()

            assert_foreign_page_is_refused(page, ui, log)
        with open_ui(home, "--read-only") as ui:
            # The page asks what one may do, and the button is as for everybody until it knows.
            page.read(partitions(ui), lambda text: "Materialized (2)" in text and not page.is_pressable("Materialize…"))
            assert not page.is_pressable("Materialize…")


def assert_foreign_page_is_refused(page: Browser, ui: str, log: Path) -> None:
    with foreign_page(ui) as foreign:
        said = page.read(foreign, lambda text: "done" in text)
        assert "done, and the websocket is refused" in said
    refused = log.read_text()
    for sentence in (
        "a mutation does not stand in an address here (GET /graphql)",
        "a mutation does not stand in an address here (POST /graphql)",
        f"the Origin header '{foreign}' is none of this UI's (POST /graphql)",
        f"the Origin header '{foreign}' is none of this UI's (POST /report_asset_materialization/foreign)",
        f"the Origin header '{foreign}' is none of this UI's (websocket /graphql)",
    ):
        assert sentence in refused, refused
    assert "foreign" not in ask(ui, "{ instance { concurrencyLimits { concurrencyKey } } }")
    assert '"foreign"' not in ask(ui, "{ assetsOrError { ... on AssetConnection { nodes { key { path } } } } }")


def test_a_failed_day_is_seen_says_why_and_is_green_after_from_failure_with_its_picture_beside_it(home: Path) -> None:
    hub, bad, good = "charging_hub", *DAYS
    sandbox = SandboxProcess(home)
    sandbox.request(
        "PUT", "/export_service/faults", {"fault": "status", "code": 422, "day": str(bad), "endpoint": "any"}
    )
    with browser() as page, open_ui(home) as ui:
        dagster = DagsterGraphQL(LoopbackServer(urlsplit(ui).port or 0, "the UI", "its log"))
        backfill = dagster.launch_backfill([f"{hub}/payloads", f"{hub}/measurements"], DAYS)

        # The failed day is red, and the other one green with its picture.
        measurements = partitions(ui, f"{hub}/measurements")
        seen = page.read(measurements, lambda text: "Failed (1)" in text and "Materialized (1)" in text, seconds=240)
        assert "Failed (1)" in seen, seen
        assert "Materialized (1)" in seen, seen
        page.read(f"{measurements}&partition={good}", lambda text: "plot" in text)
        assert page.is_shown(str(good))

        # Its sentence.
        [failed] = dagster.runs_of(backfill)
        run = page.read(f"{ui}/runs/{failed}", lambda text: "RUN_FAILURE" in text)
        assert f"1 of 2 days of {hub} failed: {bad}. RequestRejectedError: the provider answered 422" in run, run

        # "From failure" by the menu, and the green that follows.
        sandbox.request("DELETE", "/export_service/faults")
        for _ in poll(120, every=1):
            if dagster.backfill(backfill).has_ended:
                break
        page.read(f"{ui}/runs/{failed}", lambda text: "RUN_FAILURE" in text)
        page.open_menu("Re-execute all (*)")
        page.click("From failure")
        page.click("Confirm")  # that the backfill has ended, and stays as it is
        again = page.wait(lambda text: "RUN_SUCCESS" in text and failed[:8] in text, seconds=240)
        assert "RUN_SUCCESS" in again, again
        [newest] = json.loads(ask(ui, "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }"))["data"][
            "runsOrError"
        ]["results"]
        logs = f'logsForRun(runId: "{newest["runId"]}")'
        events = f"{{ {logs} {{ ... on EventConnection {{ events {{ ... on MessageEvent {{ message }} }} }} }} }}"
        assert "1 of 2 days were done by the failed run that this one continues" in ask(ui, events)
        healed = page.read(measurements, lambda text: "Materialized (2)" in text, seconds=60)
        assert "Materialized (2)" in healed, healed
        assert "Failed (0)" in healed, healed
        page.read(f"{measurements}&partition={bad}", lambda text: "plot" in text)
        assert page.is_shown(str(bad))


def test_a_device_that_was_silent_all_week_is_named_by_a_red_check_beside_the_coverage_calendar(
    tmp_path: Path, package_cache: Path
) -> None:
    hub, silent = "charging_hub", "audicharginghub_batteriedaten_analysis_batteriedaten_battall"
    week = [today() - timedelta(days=n) for n in range(7, 0, -1)]
    with home_with_sandbox(tmp_path / "home", package_cache) as home:
        before = ["--from", str(week[0] - timedelta(days=21)), "--to", str(week[0] - timedelta(days=1))]
        project = Project(Settings(environment_of(home)))
        shell = environment_of(home) | project.sandbox.variables([project.source(hub).sandbox_binding])
        subprocess.run([PROGRAM, "backfill", hub, *before], env=shell, check=True, timeout=600)
        for day in week:
            fault = {"fault": "late_documents", "every": 1, "product": silent, "day": str(day)}
            SandboxProcess(home).request("PUT", "/export_service/faults", fault)
        with browser() as page, open_ui(home) as ui:
            dagster = DagsterGraphQL(LoopbackServer(urlsplit(ui).port or 0, "the UI", "its log"))
            backfill = dagster.launch_backfill([f"{hub}/payloads", f"{hub}/measurements"], week)
            for _ in poll(300, every=1):
                if dagster.backfill(backfill).has_ended:
                    break
            checks = f"{ui}/assets/{hub}/measurements?view=checks&checkDetail"
            fresh = page.read(f"{checks}=series_fresh", lambda text: "1 device is silent" in text)
            assert f"1 device is silent: {silent} since {week[0]}T00:00Z. joulehouse gaps {hub} shows them." in fresh
            assert "Evaluation result\nFailed" in fresh

            complete = page.read(f"{checks}=series_complete", lambda text: "Points are missing" in text)
            assert f"Points are missing of 1 device within 7 days: {silent} " in complete
            page.click("[Show Markdown]")
            assert page.is_shown("coverage")
