"""A real browser without a window, asked over its DevTools protocol what a person would read."""

import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_START_SECONDS = 60.0


class Browser:
    """One page."""

    def __init__(self, page: ClientConnection) -> None:
        self._page = page
        self._numbers = itertools.count(1)

    def read(self, url: str, is_done: Callable[[str], bool], *, seconds: float = 60.0) -> str:
        """The text of the page at `url`, once `is_done` says so of it, or when `seconds` are over."""
        self._call("Page.navigate", url=url)
        deadline = time.monotonic() + seconds
        while not is_done(text := self._text()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return text

    def _text(self) -> str:
        said = self._call("Runtime.evaluate", expression="document.body ? document.body.innerText : ''")
        return str(said["result"].get("value", ""))

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._page.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._page.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, until the block ends."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    assert program, "this proof needs a browser: install one (Debian: apt-get install chromium)"
    with TemporaryDirectory() as profile:
        process = subprocess.Popen(  # noqa: S603 — a program of the system
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
             f"--user-data-dir={profile}", "--window-size=1600,1000", "--no-first-run", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = _port(Path(profile) / "DevToolsActivePort", process)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                [page] = [one for one in json.load(answer) if one["type"] == "page"]
            with connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
                yield Browser(connection)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _port(file: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.1)
    raise AssertionError("the browser did not start")
