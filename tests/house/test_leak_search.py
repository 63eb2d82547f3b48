"""The search for leaked secrets finds them, wherever they begin."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.leaks import files_below, found, spellings

SECRET = "canary/secret+?&=%7"


def is_found(content: str | bytes) -> bool:
    raw = content if isinstance(content, bytes) else content.encode()
    return list(found([SECRET], [("a place", raw)])) == ["a place"]


@pytest.mark.parametrize(
    "content",
    [
        f"Authorization: Bearer {SECRET}",
        f"https://example.org/?key={quote(SECRET, safe='')}&x=1",
        json.dumps({"password": f'"{SECRET}"'}),
        json.dumps({"basic": base64.b64encode(f"client:{SECRET}".encode()).decode()}),
    ],
)
def test_a_secret_is_found_as_it_is_in_an_address_in_json_and_in_a_header(content: str) -> None:
    assert is_found(content)


@given(before=st.binary(max_size=7), after=st.binary(max_size=7), is_for_urls=st.booleans())
def test_a_secret_is_found_in_base64_wherever_it_begins_and_whatever_follows(
    before: bytes,
    after: bytes,
    is_for_urls: bool,
) -> None:
    encode = base64.urlsafe_b64encode if is_for_urls else base64.b64encode
    assert is_found(encode(before + SECRET.encode() + after))


def test_what_holds_no_secret_is_not_reported() -> None:
    assert not is_found("nothing to see: " + SECRET[:-1])
    assert all(len(form) >= 6 for form in spellings(SECRET))


def test_a_secret_in_the_name_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("nothing")
    (tmp_path / f"key-{quote(SECRET, safe='')}").write_text("nothing")
    kept = tmp_path / "kept"
    kept.write_text(SECRET)
    assert list(found([SECRET], files_below(tmp_path, but=[kept]))) == [f"{tmp_path}/key-{quote(SECRET, safe='')}"]
