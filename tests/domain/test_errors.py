"""Every failure is one sentence: culprit, place, fix."""

import inspect
import pickle

import pytest

from domain import errors
from domain.errors import IngestError, ProviderUnavailableError, RateLimitedError, RequestRejectedError

ERRORS = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, IngestError)]


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_is_a_sentence_of_culprit_place_and_fix(cls: type[IngestError]) -> None:
    error = cls("the lid is open", place="the jar", fix="close it")
    assert str(error) == "the lid is open (the jar): close it."
    assert cls.__name__.endswith("Error")
    assert cls.__doc__


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_the_tree_in_the_docstring_is_the_tree(cls: type[IngestError]) -> None:
    assert errors.__doc__ is not None
    line = next(line for line in errors.__doc__.splitlines() if cls.__name__ in line)
    assert ("⟳" in line) == cls.retryable


def test_every_reason_code_is_one_of_a_kind() -> None:
    assert len({cls("", place="", fix="").code for cls in ERRORS}) == len(ERRORS)
    assert RateLimitedError("", place="", fix="").code == "rate_limited"


def test_an_error_survives_the_way_between_processes() -> None:
    sent = RateLimitedError("too fast", place="the hub", fix="wait", retry_after_seconds=7.5)
    received = pickle.loads(pickle.dumps(sent))
    assert (str(received), received.retry_after_seconds) == (str(sent), 7.5)
    rejected = pickle.loads(pickle.dumps(RequestRejectedError("no", place="p", fix="f", status=422)))
    assert rejected.status == 422


def test_waiting_helps_only_where_the_other_side_may_recover() -> None:
    assert RateLimitedError.retryable
    assert ProviderUnavailableError.retryable
    assert not RequestRejectedError.retryable
