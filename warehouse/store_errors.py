"""What an object store says when it refuses: in its own words, bounded, and without what nobody may read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LONGEST: Final = 240
_SECRETS: Final = (
    (re.compile(r"//[^/\s@]+@"), "//…@"),
    (re.compile(r"(?i)\b(Bearer|Basic|SharedKey|SharedAccessSignature)\s+\S+"), r"\1 …"),
    # `AccountKey=…;`, `?sig=…&`, `"X-Amz-Signature": "…"`, `<AWSAccessKeyId>…<`
    (
        re.compile(
            r"(?i)([\w-]*(?:key|key_?id|sig|signature|credential|token|secret|password)[\"']?\s*[=:>]\s*[\"']?)[^\s\"'&;,<>]+"
        ),
        r"\1…",
    ),
    (re.compile(r"\bA[KS]IA[A-Z0-9]+"), "…"),
    (re.compile(r"[A-Za-z0-9+/_=-]{40,}"), "…"),  # no word is that long; keys are, and so are paths, which we name
)


def reason(error: BaseException) -> str:
    """Why it failed, in one line: what the store or the operating system says, or else the error's name."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    line = " ".join(said.split())
    for secret, instead in _SECRETS:
        line = secret.sub(instead, line)
    if len(line) > _LONGEST:
        line = f"{line[:_LONGEST]}…"
    if isinstance(error, OSError):
        return line or type(error).__name__
    return f"{type(error).__name__} of the store{': ' if line else ''}{line}"


@contextmanager
def as_os_errors() -> Iterator[None]:
    """An object store's own errors, of which there is no list, as the operating system's.

    Raises:
        OSError: The block raised an error of any kind.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(0, reason(error)) from error
