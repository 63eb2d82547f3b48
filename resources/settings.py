"""The one reader of the environment. Everything else is handed what it needs.

Nothing is read at import: a missing variable fails what needs it, by name, and nothing else.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import quote

from domain.errors import ConfigurationError
from providers._http_types import Secret
from providers._proxy import Proxy
from warehouse.libpq import FILES_OF_LIBPQ, IGNORED_VARIABLES, POOLER_ARGUMENT

PROJECT: Final = Path(__file__).resolve().parents[1]
"""The top of the checkout."""

DAGSTER_VARIABLES: Final = ("DAGSTER_PG_HOST", "DAGSTER_PG_USER", "DAGSTER_PG_PASSWORD", "DAGSTER_PG_DB")
"""Where Dagster keeps its own history, if they are set; `DAGSTER_PG_PORT` may be left out."""


PROXY: Final = "JOULEHOUSE_PROXY"
# Celery takes an address without a host for this machine's; here that is a variable that was not set, as a rule.
_BROKER: Final = re.compile(
    r"(?:(?:rediss?|sentinel|(?:py)?amqps?)://(?:[^/?#@]*@)?[^/?#@]+|redis\+socket://(?:[^/?#@]*@)?(?=/[^?]))"
    r"(?:[/?][^#@]*)?"
)
_THIS_MACHINE: Final = "localhost,127.0.0.1,::1"
_OTHER_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment holds, read when it is asked for.

    Attributes:
        environment: The variables; the process's own unless a test brings others. Never shown.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def home(self) -> Path:
        """`JOULEHOUSE_HOME`: where this checkout keeps what it makes; `.joulehouse` at the top of it by default."""
        return _folder(self.environment.get("JOULEHOUSE_HOME") or PROJECT / ".joulehouse", "JOULEHOUSE_HOME")

    @property
    def cache(self) -> Path:
        """`XDG_CACHE_HOME`/joulehouse: what every checkout of this user shares and can do without."""
        root = self.environment.get("XDG_CACHE_HOME")
        return (Path(root) if root else Path.home() / ".cache") / "joulehouse"

    @property
    def warehouse_url(self) -> str | None:
        """`WAREHOUSE_URL`: a TimescaleDB of yours; None for the embedded one. It holds a password: never show it.

        With `WAREHOUSE_POOLER=session` it says that a pooler stands there, in session mode.

        `WAREHOUSE_PASSWORD`, as it is and with any character in it, goes into a URL that names a user without one, and
        so do the files that variables of libpq name (`PGPASSFILE`, `PGSSLROOTCERT` …); its others change nothing.

        Raises:
            ConfigurationError: `WAREHOUSE_POOLER` holds another word.
        """
        url = self._with_files(self.environment.get("WAREHOUSE_URL", "").strip())
        if url and self._has_pooler and POOLER_ARGUMENT not in url:
            url = f"{url}{'&' if '?' in url else '?'}{POOLER_ARGUMENT}"
        password = self.environment.get("WAREHOUSE_PASSWORD", "")
        return _with_password(url, password if "@" in url else "") or None

    @property
    def _has_pooler(self) -> bool:
        """Whether `WAREHOUSE_POOLER` says that one stands before the database of `WAREHOUSE_URL`."""
        word = self.environment.get("WAREHOUSE_POOLER", "").strip()
        if word in ("", "session"):
            return bool(word)
        raise ConfigurationError(
            f"{word!r} is no mode of a pooler that can be borne",
            place="WAREHOUSE_POOLER",
            fix="set it to session where a pooler gives each client a session of its own, or leave it out",
        )

    def _with_files(self, url: str) -> str:
        files = {word: self.environment.get(name) for name, word in FILES_OF_LIBPQ.items()}
        _, _, query = url.partition("?")
        named = {argument.partition("=")[0] for argument in query.split("&")}
        added = "&".join(f"{word}={quote(file, safe='')}" for word, file in files.items() if file and word not in named)
        return f"{url}{'&' if query else '?'}{added}" if url and added else url

    @property
    def proxy(self) -> Proxy | None:
        """`JOULEHOUSE_PROXY`: the outgoing proxy of everything that is asked outside; None for none.

        Written `http://host:port`, or `http://user:password@host:port`; `direct` is none.

        Raises:
            ConfigurationError: It is none of these.
        """
        text = self.environment.get(PROXY, "").strip()
        return Proxy.parse(text, setting=PROXY) if text else None

    @property
    def other_proxies(self) -> list[str]:
        """The variables that name a proxy to other programs and are set; no provider is asked by them.

        Raises:
            ConfigurationError: See `proxy`.
        """
        ours = self.proxy_variables
        named = {name: value for name, value in self.environment.items() if value and name.lower() in _OTHER_PROXIES}
        return sorted(name for name, value in named.items() if value != ours.get(name))

    @property
    def proxy_variables(self) -> Mapping[str, str]:
        """The same variables, as what is no code of ours has to find them where `JOULEHOUSE_PROXY` is set.

        What they except already (`NO_PROXY`) stays excepted, and this machine is. They hold a password: never shown.

        Raises:
            ConfigurationError: See `proxy`.
        """
        if not self.environment.get(PROXY, "").strip():
            return {}
        excepted = ",".join((_THIS_MACHINE, self.environment.get("no_proxy") or self.environment.get("NO_PROXY", "")))
        own = ",".join(dict.fromkeys(part.strip() for part in excepted.split(",") if part.strip()))
        url, own = (self.proxy.url, own) if self.proxy else ("", "*")
        values = {name: own if name == "no_proxy" else url for name in _OTHER_PROXIES}
        upper = {name.upper(): value for name, value in values.items()}
        # Dagster's processes speak gRPC to each other, which would read the others too; empty, this says no proxy.
        return {"grpc_proxy": self.environment.get("grpc_proxy", ""), **values, **upper}

    def lend_proxy(self) -> None:
        """Let the drivers of object stores, and what fetches their tokens, find `JOULEHOUSE_PROXY` in this process.

        They find it as `HTTPS_PROXY`, since some of them read nothing else. Called by whoever opens a landing zone.

        Raises:
            ConfigurationError: See `proxy`.
        """
        if self.environment is os.environ:
            os.environ.update(self.proxy_variables)

    @property
    def ignored_variables(self) -> list[str]:
        """The variables of libpq that are set and change nothing here."""
        return sorted(name for name in IGNORED_VARIABLES if self.environment.get(name))

    @property
    def inherited(self) -> dict[str, str]:
        """What children get: everything but what would lead their libpq elsewhere."""
        return {name: value for name, value in self.environment.items() if name not in IGNORED_VARIABLES}

    @property
    def dagster_storage(self) -> Mapping[str, str] | None:
        """`DAGSTER_PG_HOST`, `_PORT` (5432), `_USER`, `_PASSWORD`, `_DB`: a PostgreSQL of yours for Dagster.

        None when none is set: then its history is kept on the embedded server. It holds a password: never show it.

        Raises:
            ConfigurationError: Some of them are set, and others are not.
        """
        if not any(self.environment.get(name) for name in DAGSTER_VARIABLES):
            return None
        values = {name: self.variable(name, place="where Dagster keeps its own history") for name in DAGSTER_VARIABLES}
        return values | {"DAGSTER_PG_PORT": self.environment.get("DAGSTER_PG_PORT") or "5432"}

    @property
    def broker_url(self) -> str | None:
        """`BROKER_URL`: where runs wait for workers, a Redis or a RabbitMQ; None where they are the code server's own.

        It holds a password, or `BROKER_PASSWORD` does (`with_broker_password`): never show it.

        Raises:
            ConfigurationError: It is no address of either.
        """
        return self.with_broker_password(self.environment.get("BROKER_URL", "").strip()) or None

    def with_broker_password(self, url: str) -> str:
        """`BROKER_PASSWORD`, as it is and with any character in it, in an address of a broker that has none.

        Raises:
            ConfigurationError: It is no address of a broker, or its password is not written as URLs have it.
        """
        password, each = self.environment.get("BROKER_PASSWORD", ""), url.split(";") if url else []
        if not all(_BROKER.fullmatch(one) for one in each):
            raise ConfigurationError(
                "it is no address of a Redis or a RabbitMQ, or its password holds characters that end it",
                place="BROKER_URL",
                fix="write redis://host:6379/0 or amqp://user@host//, and the password into BROKER_PASSWORD",
            )
        return ";".join(_with_password(one, password) for one in each)

    @property
    def landing_url(self) -> str:
        """`LANDING_URL`: where payloads are kept, a folder or any fsspec URL; `landing` in `home` by default.

        A folder's `~` and what it is relative to are read as those of `JOULEHOUSE_HOME`.

        Raises:
            ConfigurationError: It names the memory of a process, which ends with it, or a folder in part.
        """
        url = self.environment.get("LANDING_URL", "").strip() or str(self.home / "landing")
        if url.rpartition("::")[2].startswith("memory:"):
            raise ConfigurationError(
                "the memory of a process is no landing zone: it ends with the process, and every answer with it",
                place="LANDING_URL",
                fix="let it name a folder or a prefix of an object store",
            )
        scheme, colon, rest = url.partition(":")
        if colon and scheme in ("file", "local") and not rest.removeprefix("//").startswith("/"):
            raise ConfigurationError(
                f"{url} would be another folder for each process, below the one that it was started in",
                place="LANDING_URL",
                fix="write file:///srv/landing, with three slashes, or the folder alone",
            )
        return url if ":" in url.partition("/")[0] else str(_folder(url, "LANDING_URL"))

    @property
    def ui_origins(self) -> list[str]:
        """`UI_ORIGINS`: under which further origins people open the UI, with commas between them; not yet read."""
        return [text for part in self.environment.get("UI_ORIGINS", "").split(",") if (text := part.strip())]

    def first_day(self, source: str) -> date | None:
        """`JOULEHOUSE_FIRST_DAY`: `source` is asked for no earlier day, whatever its own first one; for a trial.

        It holds a day for every source, or `source=day` for some, with commas between them: `2026-03-01`,
        `roof=2026-03-01,cellar=2026-04-01`.

        Raises:
            ConfigurationError: It is none of these.
        """
        text = self._value_of(source, "JOULEHOUSE_FIRST_DAY")
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise ConfigurationError(
                f"{text!r} is not a day",
                place="JOULEHOUSE_FIRST_DAY",
                fix="write it as 2025-01-31 or source=2025-01-31, or unset it",
            ) from None

    def requests_per_minute(self, source: str) -> float | None:
        """`JOULEHOUSE_REQUESTS_PER_MINUTE`: what `source` may send, whatever its provider bears; for a trial.

        Written as `JOULEHOUSE_FIRST_DAY` is. A provider without a limit has none either way.

        Raises:
            ConfigurationError: It is no number above 0.
        """
        text = self._value_of(source, "JOULEHOUSE_REQUESTS_PER_MINUTE")
        with contextlib.suppress(ValueError):
            if not text or 0 < float(text) < float("inf"):
                return float(text) if text else None
        raise ConfigurationError(
            f"{text!r} is no number of requests",
            place="JOULEHOUSE_REQUESTS_PER_MINUTE",
            fix="write it as 120 or source=120, or unset it",
        )

    def _value_of(self, source: str, name: str) -> str:
        text = self.environment.get(name, "").strip()
        parts = dict(part.rpartition("=")[::2] for part in text.split(",")) if text else {}
        return parts.get(source, parts.get("", ""))

    def variable(self, name: str, *, place: str) -> str:
        """The value of the variable `name`.

        Raises:
            ConfigurationError: It is not set, or empty. The sentence names it and `place`, which needs it.
        """
        value = self.environment.get(name, "").strip()
        if not value:
            raise ConfigurationError(
                f"the environment variable {name} is not set",
                place=place,
                fix=f"set {name} in the environment (for containers: in .env) and start again",
            )
        return value

    def secret(self, name: str, *, place: str) -> Secret:
        """The value of the variable `name`, wrapped so that it cannot be shown.

        Raises:
            ConfigurationError: It is not set, or empty.
        """
        return Secret(self.variable(name, place=place))


def _folder(name: str | Path, variable: str) -> Path:
    """The folder that `variable` names.

    Raises:
        ConfigurationError: It begins with a `~` and nobody's home.
    """
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:
        raise ConfigurationError(
            f"{name} begins with the home of a user whom this machine does not know",
            place=variable,
            fix="write the folder from / on, or ~/ and what follows",
        ) from None


def _with_password(url: str, password: str) -> str:
    """A URL with `password`, any character of it written as URLs have it, unless it has one."""
    scheme, _, address = url.partition("://")
    user, _, host = address.partition("@") if "@" in address else ("", "", address)
    if not password or not host or ":" in user:
        return url
    return f"{scheme}://{user}:{quote(password, safe='')}@{host}"
