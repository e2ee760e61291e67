"""What an error of a Redis server, of TLS or of the network means, and what to do: one advice for each cause.

The codes are the first words of the server's error lines; see
redis.io/docs/latest/develop/reference/protocol-spec and the sources of Redis and Valkey.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import redis

LONGEST = 300  # characters of what the server said


@dataclass(frozen=True)
class RedisCause:
    """A pattern in what was said; what it means; what to do. ``unreachable``: no session can be had now."""

    pattern: str
    means: str
    advice: str
    unreachable: bool = False


#: The first that fits applies.
CAUSES = (
    RedisCause(
        r"^WRONGPASS|invalid username-password|ERR invalid password",
        "User or password are wrong, or the user is switched off.",
        "Check both in its address; signs such as / @ # have to be percent-encoded there.",
        unreachable=True,
    ),
    RedisCause(
        r"^NOAUTH|Authentication required",
        "The server wants a password, and the address has none.",
        "Write it as redis://:PASSWORD@host:6379/0; what stands before the colon is a user.",
        unreachable=True,
    ),
    RedisCause(
        r"^(?!DENIED).*(no password is set|without any password configured)",
        "The address has a password, and the server has none.",
        "Check that this is the right server; then take the password out, or set one there (requirepass).",
        unreachable=True,
    ),
    RedisCause(
        r"^NOPERM|no permissions",
        "The login's ACL does not allow it.",
        "Give the login this right (ACL SETUSER), or use another login for this item.",
    ),
    RedisCause(
        r"^DENIED|protected mode",
        "The server is in protected mode: it has no password and takes connections from its own host only.",
        "Set a password there (requirepass or ACL), then turn protected-mode off.",
        unreachable=True,
    ),
    RedisCause(
        r"max number of clients|max requests limit|max daily|quota|rate limit|limit exceeded",
        "A limit of the server is reached.",
        "End connections that nobody needs, raise maxclients, or ask the provider for a larger plan.",
        unreachable=True,
    ),
    RedisCause(
        r"^LOADING|is loading the dataset",
        "It has just started and reads its data from the disk.",
        "Wait until it has read them (INFO persistence: loading_eta_seconds), then start the item again.",
        unreachable=True,
    ),
    RedisCause(r"^BUSY\b", "A script blocks the server.", "Look at SCRIPT KILL, and at whose script it is."),
    RedisCause(
        r"^MASTERDOWN|Link with MASTER is down",
        "It is a replica whose primary is away.",
        "Name the primary in the address; look why the primary is down.",
        unreachable=True,
    ),
    RedisCause(
        r"^CLUSTERDOWN|Hash slot not served",
        "It is a cluster of which a part is down.",
        "Look at CLUSTER INFO and CLUSTER NODES; BullMQ needs every slot of its prefix.",
        unreachable=True,
    ),
    RedisCause(
        r"^(MOVED|ASK|CROSSSLOT|TRYAGAIN)\b",
        "It is a node of a cluster, and the key belongs to another node.",
        "BullMQ needs a {hash tag} in its prefix there: set prefix: of the system, and name that node.",
    ),
    RedisCause(
        r"^READONLY|against a read only replica",
        "It is a replica: it takes no jobs.",
        "Name the primary in the address.",
    ),
    RedisCause(
        r"^MISCONF",
        "Its last snapshot could not be written, so it refuses every change.",
        "Look at its disk and its log; BGSAVE has to succeed before it takes jobs again.",
    ),
    RedisCause(
        r"^OOM\b",
        "Its memory is full, so it refuses new jobs.",
        "Give it more memory (maxmemory), and look what fills it.",
    ),
    RedisCause(
        r"^NOREPLICAS",
        "It takes changes only with enough replicas, and some are away.",
        "Look at its replicas, or at min-replicas-to-write.",
    ),
    RedisCause(
        r"unknown command",
        "The server does not have this command, or its operator renamed it.",
        "Ask its operator; a provider's documentation lists what it leaves out.",
    ),
    RedisCause(
        r"DB index is out of range|invalid DB index",
        "The server has no database of this number (a cluster and some providers have only 0).",
        "Correct the number at the end of the address.",
        unreachable=True,
    ),
    RedisCause(
        r"self[- ]signed certificate|unable to get (local )?issuer",
        "Its certificate is not signed by an authority that the worker knows.",
        "Add ?ssl_ca_certs=/path/ca.pem to the address: the certificate of that authority.",
        unreachable=True,
    ),
    RedisCause(
        r"certificate has expired",
        "Its certificate is too old.",
        "Renew it on the server.",
        unreachable=True,
    ),
    RedisCause(
        r"Hostname mismatch|IP address mismatch|doesn't match|not valid for",
        "Its certificate is for another name.",
        "Write the certificate's name as the host in the address.",
        unreachable=True,
    ),
    RedisCause(
        r"WRONG_VERSION_NUMBER|wrong version number|UNEXPECTED_EOF|closed \(EOF\)|(?i:record.layer.failure)",
        "The address asks for TLS (rediss://), and no TLS is spoken at that port.",
        "Name the port with TLS, or write redis:// where the server has none.",
        unreachable=True,
    ),
    RedisCause(
        r"(?i)certificate required|handshake failure|tlsv1[0-9]* alert|CERTIFICATE_VERIFY_FAILED|SSL",
        "The TLS handshake failed.",
        "Check the server's TLS settings; where it asks for a client's certificate, add ssl_certfile= and "
        "ssl_keyfile= to the address.",
        unreachable=True,
    ),
    RedisCause(
        r"Protocol Error|closed by server|Connection reset",
        "Something answered there that is no Redis without TLS, or it closed the connection.",
        "Where that port speaks TLS, write rediss:// in the address; else check host and port.",
        unreachable=True,
    ),
    RedisCause(
        r"Connection refused|Error 111|Error 61|Error 2 connecting",
        "Nobody listens there.",
        "Check host and port, and that the server runs.",
        unreachable=True,
    ),
    RedisCause(
        r"Name or service not known|getaddrinfo|nodename nor servname|name resolution|No address associated",
        "The host's name is unknown.",
        "Check the name in the address, and the DNS of the worker.",
        unreachable=True,
    ),
    RedisCause(
        r"(?i)time(d )?out",
        "It does not answer in time: a firewall stands between, or it is overloaded.",
        "Check the network between, and its load.",
        unreachable=True,
    ),
)
OTHER_CONNECTION = RedisCause(
    "",
    "No session can be had.",
    "Check the address (rediss:// where it speaks TLS), and that the server runs.",
    unreachable=True,
)
OTHER_REFUSAL = RedisCause("", "", "Its own log may say more.")


def find_cause(error: Exception, said: str) -> RedisCause:
    """The cause by what was said; without a known one, by the kind of the error."""
    unknown = OTHER_CONNECTION if _is_of_connection(error) else OTHER_REFUSAL
    return next((cause for cause in CAUSES if re.search(cause.pattern, said)), unknown)


def _is_of_connection(error: Exception) -> bool:
    return isinstance(
        error, redis.ConnectionError | redis.TimeoutError | redis.exceptions.InvalidResponse | OSError
    )


def server_line(error: Exception) -> str:
    """What the server or the network said: the first line, with the code that redis-py takes off."""
    code = getattr(error, "status_code", None)
    line = (str(error).splitlines() or [""])[0].strip()
    line = f"{code} {line}" if code and not line.startswith(str(code)) else line
    return (line or type(error).__name__)[:LONGEST].rstrip(". ")
