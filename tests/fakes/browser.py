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
        return self.wait(is_done, seconds=seconds)

    def wait(self, is_done: Callable[[str], bool], *, seconds: float = 60.0) -> str:
        """The text of the page that is open, once `is_done` says so of it, or when `seconds` are over."""
        deadline = time.monotonic() + seconds
        while not is_done(text := self._text()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return text

    def click(self, label: str, *, seconds: float = 60.0) -> None:
        """Press the button that is called `label`, as soon as it is there and can be pressed."""
        press = f"(() => {{ const found = {_button(label)}; if (!found || found.disabled) return false; "
        deadline = time.monotonic() + seconds
        while not self._evaluate(press + "found.click(); return true; })()"):
            assert time.monotonic() < deadline, f"no button {label!r} can be pressed:\n{self._text()}"
            time.sleep(0.5)

    def open_menu(self, label: str, *, seconds: float = 60.0) -> None:
        """Unfold the menu at the right of the button that is called `label`; its entries are buttons, too."""
        unfold = f"const all = [...document.querySelectorAll('button')], at = all.indexOf({_button(label)}); "
        unfold += "if (at < 0) return false; all[at + 1].click(); return true;"
        deadline = time.monotonic() + seconds
        while not self._evaluate(f"(() => {{ {unfold} }})()"):
            assert time.monotonic() < deadline, f"no button {label!r} is there:\n{self._text()}"
            time.sleep(0.5)

    def is_shown(self, image: str, *, seconds: float = 60.0) -> bool:
        """Whether the image that is described as `image` is drawn on the page that is open, or will be."""
        drawn = f"[...document.images].some(one => one.alt === {json.dumps(image)} && one.naturalWidth > 0)"
        deadline = time.monotonic() + seconds
        while not self._evaluate(drawn) and time.monotonic() < deadline:
            time.sleep(0.5)
        return bool(self._evaluate(drawn))

    def is_pressable(self, label: str) -> bool:
        """Whether there is a button that is called `label`, and it is not grey."""
        return bool(
            self._evaluate(f"(() => {{ const found = {_button(label)}; return !!found && !found.disabled; }})()")
        )

    def _text(self) -> str:
        return str(self._evaluate("document.body ? document.body.innerText : ''") or "")

    def _evaluate(self, expression: str) -> object:
        said = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        value: object = said["result"].get("value")
        return value

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
        process = subprocess.Popen(
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


def _button(label: str) -> str:
    """JavaScript for the last button or link of that name: a dialog comes after the page."""
    return (
        f"[...document.querySelectorAll('button, a')].filter(one => one.innerText.trim() === {json.dumps(label)}).pop()"
    )


def _port(file: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.1)
    raise AssertionError("the browser did not start")
