"""Why no encrypted connection came about, in words: what OpenSSL and urllib3 say of a certificate."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

from integrations.errors import Unreachable

#: words of OpenSSL or urllib3 → what it means, what to do
_CAUSES = (
    (r"has expired", "Its certificate has expired.", "Renew the certificate of the server."),
    (
        r"not yet valid",
        "Its certificate is not yet valid.",
        "Check the clock of the worker's host, and the certificate of the server.",
    ),
    (
        r"(?i)mismatch|doesn't match|not valid for",
        "Its certificate is for another name: perhaps another server answers at this address.",
        "Find out who answers there. If it is right, write the certificate's name into the address.",
    ),
    (
        r"(?i)self[- ]signed|issuer",
        "Its certificate is not signed by an authority that the worker knows, or the server does not send "
        "the certificates in between.",
        "Let the server send its whole chain; put an authority of your own into the worker's trust store.",
    ),
    (r"(?i)revoked", "Its certificate was revoked.", "Renew the certificate of the server."),
)
_OTHER = (
    "No TLS is spoken there, no version of it that is allowed here, or its certificate is not accepted.",
    "Check the port, and the server's TLS settings and certificate.",
)


def no_encrypted_connection(where: str, error: BaseException) -> Unreachable:
    """The error for a failed handshake, after which nothing was sent. ``error`` may have its cause inside."""
    said = " ".join(_words(error))
    means, remedy = next((cause[1:] for cause in _CAUSES if re.search(cause[0], said)), _OTHER)
    return Unreachable(
        f"No encrypted connection to {where} came about.", means=f"{means} Nothing was sent.", next=remedy
    )


def _words(error: BaseException | None) -> Iterator[str]:
    """What the error and those inside of it say of the certificate."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one.verify_message if isinstance(one, ssl.SSLCertVerificationError) else ""
        if type(one).__name__ == "CertificateError":  # of urllib3, which compares the name itself
            yield str(one)
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
