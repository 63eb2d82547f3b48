"""A text that must not be seen."""

from typing import NoReturn

SHOWN = "***"


class Secret:
    """Wraps a secret so that printing, formatting or logging it shows `***`; only `reveal` gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself. Call it where it is sent, and nowhere else."""
        return self._text

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._text)

    def __repr__(self) -> str:
        return f"Secret({SHOWN!r})"

    def __str__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return format(SHOWN, spec)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle is a file that holds the secret."""
        msg = "A secret is not pickled; send the name of its environment variable instead."
        raise TypeError(msg)
