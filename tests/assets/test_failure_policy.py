import inspect

import pytest

import domain.errors
from assets.failure_policy import FAILURE_POLICIES, FailurePolicy, failure_policy
from domain.errors import IngestError

CLASSES = [cls for _, cls in inspect.getmembers(domain.errors, inspect.isclass) if issubclass(cls, IngestError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_has_a_verdict_of_its_own(cls: type[IngestError]) -> None:
    assert cls in FAILURE_POLICIES


def test_an_unknown_error_stops_the_run() -> None:
    class NeverSeenError(IngestError):
        pass

    assert failure_policy(NeverSeenError("?", place="?", fix="?")) is FailurePolicy.STOP


def test_a_new_kind_of_a_known_error_inherits_its_verdict() -> None:
    class LockedOutError(domain.errors.CredentialsRejectedError):
        pass

    assert failure_policy(LockedOutError("?", place="?", fix="?")) is FailurePolicy.STOP
