"""The environment variables of libpq, which reads them in every process that opens a session.

The environment has one reader here (`resources.settings`). So those that name files by which an identity is proved are
read there, for `WAREHOUSE_URL`; all others, which would change whom we ask or how, change nothing.
"""

import os
from collections.abc import Mapping
from typing import Final

FILES_OF_LIBPQ: Final[Mapping[str, str]] = {
    "PGPASSFILE": "passfile",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
}
"""Variable → keyword: the files by which an identity is proved."""

POOLER_ARGUMENT: Final = "pooler=session"
"""An argument of an address that is ours, and not libpq's: a pooler stands there, in session mode, as somebody says."""

UNANSWERABLE: Final = ("PGSERVICE", "PGDATESTYLE", "PGTZ", "PGGEQO")
"""What no keyword speaks against: an empty `service` is looked for, and the others have no keyword."""

IGNORED_VARIABLES: Final = frozenset(
    {
        *UNANSWERABLE,
        *("PGSERVICEFILE", "PGSYSCONFDIR", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD"),
        *("PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS", "PGCONNECT_TIMEOUT", "PGAPPNAME", "PGCLIENTENCODING"),
        *("PGOPTIONS", "PGREQUIREAUTH", "PGREQUIREPEER", "PGCHANNELBINDING", "PGREQUIRESSL", "PGSSLMODE"),
        *("PGSSLNEGOTIATION", "PGSSLCOMPRESSION", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLMINPROTOCOLVERSION"),
        *("PGSSLMAXPROTOCOLVERSION", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION", "PGGSSENCMODE"),
        *("PGKRBSRVNAME", "PGGSSLIB", "PGGSSDELEGATION", "PGREALM"),
    }
)
"""All others: none of them changes anything here."""


def forget_variables() -> None:
    """Take those of `UNANSWERABLE` out of this process's environment, before libpq looks at it."""
    for name in UNANSWERABLE:
        os.environ.pop(name, None)  # noqa: TID251  # it is not read; libpq would
