"""A handshake of TLS that failed: whose fault it is, and what to do about it."""

import ssl
from typing import Final, NamedTuple


class TlsFailure(NamedTuple):
    """Why there is no TLS, and what to do about it, as in `IngestError`; whether waiting may help."""

    culprit: str
    fix: str
    may_retry: bool = False


_NO_PROOF: Final = "the server cannot prove who it is: "
_NO_TLS: Final = TlsFailure(
    f"{_NO_PROOF}it speaks no TLS at this port", "check the scheme and the port of the source's address"
)
_TOO_OLD: Final = TlsFailure(
    f"{_NO_PROOF}it speaks no version of TLS from 1.2 on", "tell the provider; nothing is sent by an older one"
)
_WANTS_OURS: Final = TlsFailure(
    "the server wants a certificate of ours, and joulehouse shows none", "ask the provider for an access without one"
)
_CHAIN: Final = (
    "for a private authority name its file as ca_file; otherwise let the provider send all certificates of its chain"
)
_OPENED: Final = (
    "if the proxy opens TLS, name the file of the company's certificate authority as ca_file; otherwise let the "
    "provider send all certificates of its chain"
)
_HOST: Final = "check the host in the source's address; if it is right, let the provider mend its certificate"

# OpenSSL's names of reasons.
_BY_REASON: Final = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_OURS,
    "TLSV1_UNRECOGNIZED_NAME": TlsFailure("the server knows no host of this name", _HOST),
}
# OpenSSL's numbers of what a certificate lacks (X509_V_ERR_…).
_BY_CODE: Final = {
    9: "look at the clock of this machine; if it is right, let the provider mend its certificate",
    10: "let the provider renew its certificate; if it has, look at the clock of this machine",
    18: _CHAIN,
    19: _CHAIN,
    20: _CHAIN,
    21: _CHAIN,
    62: _HOST,
    64: _HOST,
}


def tls_failure(cause: BaseException, proxy: object = None) -> TlsFailure | None:
    """What an exception means that came out of TLS; None if it did not.

    Args:
        cause: The exception.
        proxy: What it came through, as messages name it; None for nothing.
    """
    if not isinstance(cause, ssl.SSLError):
        return None
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        server = f"the server, or the proxy {proxy} before it," if proxy else "the server"
        culprit = f"{server} ended the connection amid the handshake of TLS, or speaks none at this port"
        fix = "wait for the retry; if it stays, check the port of the source's address"
        if proxy:
            fix += ", and ask whoever runs the proxy whether it may be reached"
        return TlsFailure(culprit, fix, may_retry=True)
    if isinstance(cause, ssl.SSLCertVerificationError):
        fix = _BY_CODE.get(cause.verify_code, "let the provider mend its certificate")
        culprit = f"{_NO_PROOF}{cause.verify_message.rstrip('.')}"
        if proxy and fix is _CHAIN:
            return TlsFailure(f"{culprit}; or the proxy {proxy} opens TLS and shows a certificate of its own", _OPENED)
        return TlsFailure(culprit, fix)
    unknown = TlsFailure(f"{_NO_PROOF}no common protocol", "ask the provider what its server accepts")
    return _BY_REASON.get(cause.reason or "", unknown)
