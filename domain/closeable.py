"""What is open until it is closed, as a block of `with`."""

from abc import ABC, abstractmethod
from typing import Self


class Closeable(ABC):
    """Gives a class with `close` its `with`: itself, closed at the block's end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is open."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of what is open."""
        self.close()
