"""Why a session could not be opened: libpq says so in a text alone, and for each trouble there is a true sentence here.

What was asked for is in the text: names of hosts, roles, databases and files, and never a password.
"""

import re
from typing import Final, NamedTuple

from domain.errors import WarehouseError, WarehouseUnavailableError, WarehouseUnsuitableError
from domain.texts import clipped

_SSLMODES: Final = "disable, allow, prefer, require, verify-ca or verify-full"
_CA: Final = "name the file of the authority that signed the server's certificate: sslrootcert, or PGSSLROOTCERT"
_CLIENT: Final = "name the certificate and the key that prove who we are: sslcert and sslkey, or PGSSLCERT and PGSSLKEY"
_HBA: Final = "add a line to its pg_hba.conf and reload it; if it has one for TLS alone (hostssl), say sslmode=require"
_SLOTS: Final = (
    "end sessions that nobody needs, or raise max_connections (or the role's or database's CONNECTION LIMIT)"
)
_ADDRESS: Final = "write another value into WAREHOUSE_URL"
_TLS: Final = "the server and the address have no version of TLS in common"
_VERSIONS: Final = "compare ssl_min_protocol_version and ssl_max_protocol_version of the server and of WAREHOUSE_URL"


class Refusal(NamedTuple):
    """What libpq's text means.

    Attributes:
        kind: The class of the error.
        culprit: As in `IngestError`; `{}` is what the pattern found, in its order.
        fix: As in `IngestError`.
    """

    kind: type[WarehouseError]
    culprit: str
    fix: str


_never: Final = WarehouseUnsuitableError
_later: Final = WarehouseUnavailableError
REFUSALS: Final = {
    # The first pattern that is found decides. Texts of libpq 18 and 15, and of PostgreSQL 15 to 17.
    r'server certificate for (".*?")(?: \(and \d+ other names?\))? does not match host name (".*?")': Refusal(
        _never, "the server's certificate is for {}, and the address names {}",
        "let WAREHOUSE_URL name the host that the certificate is for, or have one made for this name"
    ),
    r"could not get server's host name from server certificate": Refusal(
        _never, "the server's certificate names no host", "have one made that names the host of WAREHOUSE_URL"
    ),
    r"certificate verify failed": Refusal(
        _never, "the server's certificate has expired, or is signed by nobody whom the address trusts", _CA
    ),
    r'root certificate file (".*?") does not exist': Refusal(
        _never, "the address wants the server to prove who it is, and the file of authorities {} does not exist",
        f"{_CA}; for a public authority say sslrootcert=system"
    ),
    r'could not (?:read|load) root certificate file (".*?")': Refusal(
        _never, "the file of authorities {} holds no certificate that can be read", _CA
    ),
    r'(?:certificate present, but not private key file|could not (?:read|load|open) (?:SSL |client )?'
    r'(?:certificate|private key)(?: file)?|private key file) (".*?")': Refusal(
        _never, "the certificate or key by which we prove who we are cannot be used: {}",
        f"{_CLIENT}; the key is a file that its owner alone can read (chmod 600)"
    ),
    r"server does not support SSL, but SSL was required": Refusal(
        _never, "the address wants TLS, and the server speaks none",
        "switch `ssl` on in the server; where the network is private, say sslmode=prefer"
    ),
    r"alert protocol version|unsupported protocol|no protocols available|wrong version number": Refusal(
        _never, _TLS, _VERSIONS
    ),
    r"requires a valid client certificate|alert certificate required|alert unknown ca|alert bad certificate": Refusal(
        _never, "the server wants a certificate of ours, or does not trust the one that it got", _CLIENT
    ),
    r'invalid sslmode value: (".*?")': Refusal(
        _never, "the address says sslmode={}, which libpq does not know", f"write {_SSLMODES} into WAREHOUSE_URL"
    ),
    r'invalid "?(\w+)"? value: (".*?")': Refusal(_never, "the address says {}={}, which libpq does not know", _ADDRESS),
    r'invalid port number: (".*?")': Refusal(_never, "the address names the port {}, which is none", _ADDRESS),
    r"invalid SSL protocol version range": Refusal(
        _never, "the address allows no version of TLS: ssl_min_protocol_version is above ssl_max_protocol_version",
        _ADDRESS
    ),
    r"channel binding required|authentication method requirement": Refusal(
        _never, "the server proves and asks for less than the address requires",
        "look at channel_binding, require_auth and sslmode in WAREHOUSE_URL"
    ),
    r"GSSAPI encryption required": Refusal(
        _never, "the address wants an encryption that cannot be had (gssencmode)", _ADDRESS
    ),
    r"received invalid response to SSL negotiation|expected authentication request from server": Refusal(
        _never, "what answers there is no PostgreSQL", "check host and port of WAREHOUSE_URL"
    ),
    r"(no pg_hba\.conf entry for .*)": Refusal(_never, "the server lets nobody in from here: {}", _HBA),
    r"(pg_hba\.conf rejects connection for .*)": Refusal(_never, "the server lets nobody in from here: {}", _HBA),
    r"no password supplied": Refusal(
        _never, "the server wants a password, and the address has none", "write it into WAREHOUSE_PASSWORD"
    ),
    r"(?i)authentication failed|no such user": Refusal(
        _never, "the database refuses the connection: role, password or database name is wrong",
        "check them in WAREHOUSE_URL and WAREHOUSE_PASSWORD; a password may have expired (VALID UNTIL)"
    ),
    r'(role ".*?") does not exist': Refusal(
        _never, "the server knows no {}", "check WAREHOUSE_URL, or have the role made"
    ),
    r'(database ".*?") does not exist': Refusal(
        _never, "the server has no {}", "check WAREHOUSE_URL, or have the database made"
    ),
    # Of pgbouncer, whose poolers' kin say the same.
    r"(?i)(no such database: \S+)": Refusal(
        _never, "the pooler says {}", "check WAREHOUSE_URL, or name the database in the pooler's [databases]"
    ),
    r"unsupported startup parameter(?: in options)?: (\S+)": Refusal(
        _never, "the pooler does not take the startup parameter {0}",
        "take {0} out of WAREHOUSE_URL, or name it in the pooler's ignore_startup_parameters"
    ),
    r"(no more connections allowed \(\w+\)|client connections exceeded \(\w+\)|query_wait_timeout)": Refusal(
        _later, "the pooler has no connection left for us: {}",
        "end sessions that nobody needs, or raise that limit of the pooler, or its pool_size"
    ),
    r'role (".*?") is not permitted to log in': Refusal(
        _never, "the role {0} may not log in", "ALTER ROLE {0} LOGIN"
    ),
    r'permission denied for database (".*?")': Refusal(
        _never, "the role may not connect to the database {0}", "GRANT CONNECT ON DATABASE {0} TO the role"
    ),
    r'database (".*?") is not currently accepting connections': Refusal(
        _never, "the database {0} takes no connections", "ALTER DATABASE {0} ALLOW_CONNECTIONS true"
    ),
    r"(too many connections for \w+ .*)": Refusal(_later, "the server has no connection left for us: {}", _SLOTS),
    r"(sorry, too many clients already|remaining connection slots are reserved)": Refusal(
        _later, "the server has no connection left for us: {}", _SLOTS
    ),
    r"(?:failed to resolve host|could not translate host name)": Refusal(
        _later, "the name of the database's host cannot be looked up",
        "check the host in WAREHOUSE_URL; if it is right, the name service is away"
    ),
    r"server is not in hot standby mode|server is in hot standby mode|session is (?:not )?read-only": Refusal(
        _later, "no server of the address is what its target_session_attrs asks for",
        "wait, if it fails over; otherwise check the hosts of WAREHOUSE_URL"
    ),
}  # fmt: skip
"""Pattern of libpq's text → what it means."""

_LONGEST: Final = 200


def refusal_of(text: str) -> Refusal | None:
    """What `text`, with which libpq refused to open a session, means; None if it says only that nobody answered.

    Args:
        text: Of libpq, about a session that was never open. The server's texts are in its own language: one that is
            not English is not understood.
    """
    for pattern, (kind, culprit, fix) in REFUSALS.items():
        match = re.search(pattern, text)
        if match is not None:
            found = [_shown(part) for part in match.groups()]
            return Refusal(kind, culprit.format(*found), fix.format(*found))
    return None


def _shown(part: str) -> str:
    """A part of the text for a message: on one line, short, and in plain characters."""
    return clipped(part.strip(), _LONGEST)[1:-1].replace("\\'", "'")
