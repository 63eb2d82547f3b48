"""What Dagster raises where its own history does not answer. Apart, since whoever looks at definitions imports it."""

from sqlalchemy.exc import InterfaceError, OperationalError


def history_was_lost(error: BaseException) -> bool:
    """Whether an error of Dagster's is that its history did not answer, or a session of it was lost."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (OperationalError, InterfaceError)):
        cause = cause.__cause__  # Dagster's own error after some tries
    return cause is not None
