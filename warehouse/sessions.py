"""What a session of ours says of itself, whatever the server, a database, a role, a URL or the environment would say.

PostgreSQL writes dates, texts and numbers as a session asks it to, and a role or a database may ask for it:
`ALTER ROLE … SET datestyle = 'SQL, DMY'`. libpq adds what it finds in some thirty environment variables. Neither may
change what is loaded, or where. So every session says everything that matters: `SETTINGS` in its first statement, and
a word for each variable of libpq (`libpq_words`) before that.
"""

import os
import pwd
from collections.abc import Mapping
from typing import Final

from psycopg import pq, sql

LANGUAGE: Final[dict[str, str]] = {
    # How values are written and read.
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",  # psycopg reads no other than ISO
    "IntervalStyle": "postgres",  # psycopg reads no other
    "TimeZone": "UTC",
    "extra_float_digits": "1",  # 0 cuts a double to 15 digits
    "bytea_output": "hex",
    "array_nulls": "on",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    # What a statement means.
    "transform_null_equals": "off",
    # A session that waited for the lock of a day must see what its holder committed: no other level does.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "default_transaction_read_only": "off",  # a standby stays closed all the same
    "row_security": "off",  # a policy that hides rows is an error, and not an absence
    "exit_on_error": "off",
    # What would end it.
    "idle_session_timeout": "0",  # a session that is lent again later is no forgotten one
    "transaction_timeout": "0",  # each of its statements has a bound
}
"""What is true of Dagster's sessions too."""

SETTINGS: Final[dict[str, str]] = LANGUAGE | {
    "search_path": "public, pg_temp",
    "plan_cache_mode": "auto",  # a generic plan would open every chunk
    # Off, they leave out what is compressed, when it is read and when it is written.
    "timescaledb.enable_transparent_decompression": "on",
    "timescaledb.enable_dml_decompression": "on",
    # On, they skip the look at what is there already, or believe that rows arrive in order.
    "timescaledb.enable_direct_compress_copy": "off",
    "timescaledb.enable_direct_compress_insert": "off",
}
"""Parameter → its value in a session of ours. One that a server does not know is left out there."""

SCHEMA_STEP: Final = "0031"
"""The step of the schema that this code writes to: the newest one. From a session that says another one, or none, the
database takes no load, no point of a stream and no series (step 0016): its process has outlived a migration."""

_SET: Final = (
    "SELECT set_config(name, value, false) FROM unnest({}::text[], {}::text[]) AS setting (name, value)"
    " WHERE current_setting(name, true) IS NOT NULL"
)

RUNS_AT_WORK: Final[set[str]] = set()
"""The runs that this process works on; a session that it opens says which, and is refused where that was given up (step
0028)."""

_STEP: Final = "\n    UNION ALL\n    SELECT set_config('joulehouse.schema_step', {}, false)"
_RUN: Final = "\n    UNION ALL\n    SELECT set_config('joulehouse.run_id', {}, false)"

_UNLESS_STRONGER: Final = """
    UNION ALL
    -- A committed load is on the disk. Stronger promises (remote_apply) and a standby's own business (local) are kept.
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
    UNION ALL
    -- As a replica no foreign key is looked at. Only superusers may say so; for others this is an error by name.
    SELECT set_config('session_replication_role', 'origin', false)
    WHERE current_setting('session_replication_role') <> 'origin'
"""


def first_statement(settings: Mapping[str, str]) -> sql.Composed:
    """What a session says before anything else: `SETTINGS` or `LANGUAGE`, and what is its own."""
    names, values = (sql.Literal(list(part)) for part in (settings.keys(), settings.values()))
    parts = sql.SQL(_SET).format(names, values) + sql.SQL(_STEP).format(sql.Literal(SCHEMA_STEP))
    # Of two runs in one process nobody could say for which it speaks.
    run_id = next(iter(RUNS_AT_WORK)) if len(RUNS_AT_WORK) == 1 else ""
    return parts + sql.SQL(_RUN).format(sql.Literal(run_id)) + sql.SQL(_UNLESS_STRONGER)


_LIBPQ_OF_OAUTH: Final = 180000

_NOT_EMPTY: Final = {
    # libpq takes an empty value for an unset one, but for these: here is what it does without the variable.
    "connect_timeout": "0",
    "sslcertmode": "allow",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
    "require_auth": "none,password,md5,gss,sspi,scram-sha-256",
}


def libpq_words(keywords: Mapping[str, object], *, version: int) -> dict[str, str]:
    """A word for each keyword that libpq would look up in the environment, unless `keywords` has it.

    Where `keywords` names a service, what libpq finds there is what its author meant: then there are no words.

    Args:
        keywords: The keywords that an address has.
        version: Of the libpq that will read them, such as 180006.
    """
    if keywords.get("service"):
        return {}
    words = {}
    for option in pq.Conninfo.get_defaults():
        keyword = option.keyword.decode()
        if option.envvar and keyword != "service":
            words[keyword] = _NOT_EMPTY.get(keyword, (option.compiled or b"").decode())
    if version >= _LIBPQ_OF_OAUTH:
        words["require_auth"] += ",oauth"
    try:
        words["user"] = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        del words["user"]
    if keywords.get("sslrootcert") == "system":
        words["sslmode"] = "verify-full"  # with the system's certificates libpq bears nothing weaker
    return {keyword: word for keyword, word in words.items() if keyword not in keywords}
