"""The search for a secret in whatever a run left behind: plain, in addresses, in JSON, and in base64 at any offset."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

_SHORTEST = 6  # of what is left of a secret: fewer bytes are found anywhere


def spellings(secret: str) -> frozenset[str]:
    """Every form in which `secret` can stand in something larger.

    In base64, three bytes become four letters: where the secret begins a byte or two later, it looks different, and its
    first and last letters depend on its neighbours. What is searched for is what does not, for each of the offsets.
    """
    plain = {secret, quote(secret, safe=""), quote_plus(secret), *_base64(secret, base64.b64encode)}
    plain |= set(_base64(secret, base64.urlsafe_b64encode))
    return frozenset(plain | {json.dumps(form)[1:-1] for form in plain})


def found(secrets: Iterable[str], sinks: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    """The places of `sinks` (place, content) that hold one of `secrets`, in any spelling."""
    needles = [form.encode() for secret in secrets for form in spellings(secret)]
    for place, content in sinks:
        if any(needle in content or needle in place.encode() for needle in needles):
            yield place


def files_below(folder: Path, *, but: Iterable[Path] = ()) -> Iterator[tuple[str, bytes]]:
    """Every file below `folder`, by name and content, but those of `but`; a file that is gone meanwhile is left out."""
    excepted = set(but)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and file not in excepted:
            try:
                yield str(file), file.read_bytes()
            except FileNotFoundError:
                continue


def _base64(secret: str, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    raw = secret.encode()
    for offset in range(3):
        letters = encode(bytes(offset) + raw).decode().rstrip("=")
        is_whole = (offset + len(raw)) % 3 == 0
        stable = letters[(0, 2, 3)[offset] : None if is_whole else -1]
        if len(stable) >= _SHORTEST:
            yield stable
