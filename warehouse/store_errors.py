"""What an object store says when it refuses: in its own words, bounded, and without what nobody may read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, ENOENT, ETIMEDOUT
from typing import Final

_LONGEST: Final = 240
_REFUSALS: Final = (401, 403)
_ABSENT: Final = "the store has no such object, or no such bucket"
_SILENT: Final = "the store takes requests in and does not answer"
_PROXY_ERRORS: Final = ("ClientProxyConnectionError", "ProxyConnectionError")  # of aiohttp and of botocore over it
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
_OF_NO_USE: Final = re.compile(r"\s*(RequestId:\S+|Time:\S+|Content: <\?xml.*)")  # what Azure's client quotes


def reason(error: BaseException) -> str:
    """Why it failed, in one line: what the store or the operating system says, or else the error's name."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    line = _OF_NO_USE.sub("", " ".join(text.split()))
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
        PermissionError: The store refuses it.
        TimeoutError: It was asked, and was silent.
        OSError: The block raised an error of any other kind.
    """
    try:
        yield
    except FileNotFoundError as error:
        if str(error).startswith("http"):  # gcsfs gives the URL for a reason
            raise FileNotFoundError(ENOENT, _ABSENT) from error
        raise
    except PermissionError:
        raise
    except Exception as error:
        if proxy := _of_proxy(error):
            raise OSError(0, proxy) from error
        if is_silence(error):
            raise TimeoutError(ETIMEDOUT, _SILENT) from error
        if _is_refused(error):
            raise PermissionError(EACCES, reason(error)) from error
        if isinstance(error, OSError):
            raise
        raise OSError(0, reason(error)) from error


def is_silence(error: Exception) -> bool:
    """Whether a store was asked, and did not answer: drivers have a class of their own for it, each another one."""
    causes = (error, error.__cause__, error.__context__)
    return any(isinstance(one, TimeoutError) or "timeout" in type(one).__name__.lower() for one in causes)


def _of_proxy(error: BaseException | None) -> str:
    """What the proxy on the way has to do with it; empty if nothing."""
    sentence = ""
    while error is not None:
        if type(error).__name__ == "ClientHttpProxyError":
            return f"the proxy on the way to the store answered {getattr(error, 'status', 0)}"
        if type(error).__name__ in _PROXY_ERRORS:
            sentence = "the proxy on the way to the store cannot be reached"
        error = error.__cause__ or error.__context__
    return sentence


def _is_refused(error: Exception) -> bool:
    # Azure's client says a status; gcsfs a sentence, in an error of the operating system without a number.
    return getattr(error, "status_code", None) in _REFUSALS or str(error).startswith("Forbidden: ")
