"""An object store that keeps to the rights of a key, and in which another writer may be first."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from upath import UPath

Rights = Literal["all", "below a prefix", "objects"]


class StoreError(Exception):
    """What a driver raises that is no error of the operating system."""


@dataclass
class ObjectStore:
    """What stands behind `memory://bucket/…` from `stored` to the end of a test.

    Attributes:
        rights: `all`; `below a prefix`: objects, and lists below `landing`; `objects`: to put, get and delete them, and
            what is not there is then refused as what is.
        bucket: The one that exists.
        on_put: Called with the bodies when one has been sent; what it raises is the store's answer.
        bodies: Path → what is kept.
        asked: What was asked for, in order: the verb and `object`, `list` or `bucket`.
    """

    rights: Rights = "all"
    bucket: str = "bucket"
    on_put: Callable[["ObjectStore", str, bytes], None] = lambda store, path, body: store.bodies.update({path: body})
    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def make(self, path: str) -> None:
        """Make the bucket, as drivers do where a folder is wanted."""
        self.asked.append("make bucket")
        if self.rights != "all":
            raise PermissionError(13, "Access Denied")
        self.bucket = _bucket(path)

    def look(self, path: str) -> dict[str, Any]:
        """What is at a path."""
        self.asked.append("look at object")
        if path in self.bodies:
            return {"name": path, "size": len(self.bodies[path]), "type": "file"}
        if self.rights == "all" and any(one.startswith(f"{path}/") for one in self.bodies):
            return {"name": path, "size": 0, "type": "directory"}
        raise self._absent(path)

    def names(self, path: str) -> list[str]:
        """The paths below one."""
        self.asked.append("list")
        if self.rights == "objects" or (self.rights == "below a prefix" and "/landing" not in path):
            raise PermissionError(13, "Access Denied")
        return [one for one in self.bodies if one.startswith(f"{path}/")]

    def get(self, path: str) -> bytes:
        """A body."""
        self.asked.append("get object")
        if path not in self.bodies:
            raise self._absent(path)
        return self.bodies[path]

    def put(self, path: str, body: bytes) -> None:
        """Keep a body."""
        self.asked.append("put object")
        if _bucket(path) != self.bucket:
            raise FileNotFoundError(2, "The specified bucket does not exist")
        self.on_put(self, path, body)

    def delete(self, path: str) -> None:
        """Forget a body."""
        self.asked.append("delete object")
        self.bodies.pop(path, None)

    def _absent(self, path: str) -> OSError:
        if self.rights == "objects":
            return PermissionError(13, "Access Denied")
        return FileNotFoundError(2, "No such key", path)


class _Sent(io.BytesIO):
    """A body on its way: the store has it when it is closed."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        super().__init__()
        self._put = put

    def close(self) -> None:
        if not self.closed:
            body = self.getvalue()
            super().close()
            self._put(body)


def stored(monkeypatch: pytest.MonkeyPatch, store: ObjectStore) -> ObjectStore:
    """Let every `memory://` path of this test be one of `store`."""
    memory: Any = type(UPath("memory://bucket").fs)
    plain = memory._strip_protocol

    def opened(_: object, path: str, mode: str = "rb", **__: object) -> io.BytesIO:
        at = plain(path)
        return io.BytesIO(store.get(at)) if mode == "rb" else _Sent(lambda body: store.put(at, body))

    def listed(_: object, path: str, detail: bool = True, **__: object) -> list[Any]:  # noqa: FBT002  # fsspec's
        found = store.names(plain(path))
        return [store.look(one) for one in found] if detail else found

    does: dict[str, Callable[..., object]] = {
        "_open": opened,
        "ls": listed,
        "mkdir": lambda _, path, *__, **___: store.make(plain(path)),
        "makedirs": lambda _, path, *__, **___: store.make(plain(path)),
        "info": lambda _, path, **__: store.look(plain(path)),
        "pipe_file": lambda _, path, value, *__, **___: store.put(plain(path), bytes(value)),
        "cat_file": lambda _, path, **__: store.get(plain(path)),
        "rm_file": lambda _, path: store.delete(plain(path)),
        "rm": lambda _, path, *__, **___: store.delete(plain(path)),
    }
    for name, do in does.items():
        monkeypatch.setattr(memory, name, do)
    return store


def _bucket(path: str) -> str:
    return path.strip("/").split("/")[0]
