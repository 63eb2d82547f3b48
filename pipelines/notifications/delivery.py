"""`python -m pipelines.notifications.delivery`: the process that sends messages, and is ended if it hangs.

It is a process of its own because Apprise speaks a hundred services' languages: none of them may hold up a sensor, keep
memory, or log an address. It is told what to send on its standard input, since an address holds a password, and prints
a line of JSON for each thing that is done; each has a thread of its own, so that one that hangs costs no other.
"""

import json
import logging
import sys
import threading
import time
import urllib.request
from typing import Any, Final

_PING_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 60.0  # who started it ends it sooner, unless it has died itself
_TYPES: Final = {"critical": "failure", "warning": "warning", "": "info"}

_printing = threading.Lock()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A watchdog that sends us elsewhere has not heard us."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def deliver(job: dict[str, Any]) -> str:
    """Do one job; empty if it is done, and otherwise why not, without its address."""
    try:
        return _ping(job["ping"]) if "ping" in job else _notify(job)
    except Exception as error:  # noqa: BLE001  # whatever a service's code raises: its text may hold the address
        return f"{type(error).__name__} was raised"


def _notify(job: dict[str, Any]) -> str:
    # A second to import, which a ping need not wait for.
    import apprise

    # A redirect would be followed as a GET without the message, and be called a success.
    asset = apprise.AppriseAsset(app_id="Joulehouse", secure_logging=True, storage_mode="memory", http_redirects=False)
    service = apprise.Apprise.instantiate(job["url"], asset=asset)
    if service is None:
        return "it is no address that Apprise understands"
    if job.get("is_check"):
        return ""
    messages = apprise.Apprise(asset=asset)
    messages.add(service)
    result = messages.notify(
        title=job["title"],
        body=job["body"],
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=apprise.NotifyType(_TYPES[job["severity"]]),
    )
    return "" if result else "the service refused it, or did not answer in time"


def _ping(url: str) -> str:
    # Not Apprise: it knows no plain GET without a message in it. Not httpx: that speaks to providers, in one module.
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(url, timeout=_PING_SECONDS) as answer:
        answer.read(1)
    return ""


def _run(number: int, job: dict[str, Any]) -> None:
    failure = deliver(job)
    with _printing:
        sys.stdout.write(json.dumps({"job": number, "failure": failure}) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Do every job of the list on standard input, all at once."""
    logging.disable()  # Apprise's own words may hold parts of an address
    jobs = json.load(sys.stdin)
    threads = [threading.Thread(target=_run, args=one, daemon=True) for one in enumerate(jobs)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _LONGEST_SECONDS
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))


if __name__ == "__main__":
    main()
