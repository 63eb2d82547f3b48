"""A key that stands twice in one object, spaced and escaped so that a parser keeps the last value in silence."""

import pytest

from domain.errors import PayloadUnreadableError
from providers._json import read_json


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a" :2}',
        b'{"a":1,"a"  :2}',
        b'{"a":1,"a"\n  :2}',
        b'{"a":1,"a"\t\t:2}',
        b'{"t":"x\\":","a"  :1,"a"  :2}',
    ],
)
def test_a_key_twice_is_refused_however_it_is_spaced(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError, match="the answer has the key 'a' twice in one object"):
        read_json(body, place="a page", fix="ask the provider")
