"""What the sandbox has to remember between two starts: passwords, ports, the old environment's secrets."""

from __future__ import annotations

import base64
import json
import secrets
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from integrations.errors import Problem
from integrations.sandbox import provider_keys
from integrations.sandbox.legacy.access import ROLES
from integrations.sandbox.private_files import write_private

#: below the ports that the kernel gives to outgoing connections; a sandbox takes one block of them
FIRST_PORT, LAST_PORT, BLOCK = 18_100, 28_100, 20

#: Raised when the databases or the programs of the sandbox change so that a folder of before does not fit.
#: 1d104b9 and earlier wrote none.
VERSION = 4

CANARY = "Canary@people.invalid"  # with a capital, as many old addresses have
#: Settings of the old environment that hold a secret (docs/explanation/covenant-connect.md, “Names of
#: secrets and settings”).
SECRETS = (
    "SECRET_KEY",
    "MAIL_PASSWORD",
    "PAYSTACK_SECRET_KEY",
    "FINCRA_SECRET_KEY",
    "STRIPE_SECRET_KEY",
    "FLUTTERWAVE_SECRET_KEY",
)
#: who listens on loopback, in the order in which they get their ports
LISTENERS = (
    *("old-app", "new-api", "queue", "providers", "public", "front-door", "name-server"),
    *("staging-queue", "staging-api", "cluster", "ingress", "ingress-metrics"),
    *("new-frontend", "staging-frontend", "mail"),
)


@dataclass(frozen=True)
class SandboxState:
    """Made once, with random values that are good for nothing else; kept in a file only we may read."""

    passwords: dict[str, str]  # by database role
    canary_password: str
    secrets: dict[str, str]  # of the old environment, by the names of its settings
    keys: dict[str, str]  # of the new environment, by the names of its settings
    queue_password: str
    tsig_secret: str
    cluster_token: str
    frontend_token: str  # with which the front end reads what the API protects
    ports: dict[str, int]
    version: int = VERSION  # of the sandbox that wrote it

    @classmethod
    def of(cls, folder: Path) -> SandboxState:
        """The state kept in the folder; a new one, kept at once, where there is none.

        Raises `Problem` for one that another version of the sandbox kept.
        """
        path = folder / "state.json"
        if path.exists():
            return cls._kept(path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        state = cls.new()
        write_private(path, json.dumps(asdict(state), indent=1))
        return state

    @classmethod
    def _kept(cls, path: Path) -> SandboxState:
        known = json.loads(path.read_text())
        names = {field.name for field in fields(cls)}
        if known.keys() != names or known["version"] != VERSION or known["ports"].keys() != set(LISTENERS):
            raise Problem(
                f"{path.parent} holds a sandbox of another version of the panel.",
                means="Its databases and programs do not fit those of this version. Nothing was started or "
                "changed.",
                next="Start over: ./panel demo --fresh deletes this demo. To keep it, set CUTOVER_DATA to a "
                "new folder, or go on with the version that began it.",
            )
        return cls(**known)

    @classmethod
    def new(cls) -> SandboxState:
        """Other passwords, keys and ports than any before."""
        return cls(
            passwords={role: secrets.token_hex(16) for role in ROLES},
            canary_password=secrets.token_hex(12),
            secrets={name: provider_keys.old(name) for name in SECRETS},
            keys=provider_keys.new(),
            queue_password=secrets.token_hex(16),
            tsig_secret=base64.b64encode(secrets.token_bytes(32)).decode(),
            cluster_token=secrets.token_hex(16),
            frontend_token=secrets.token_hex(16),
            ports=free_ports(),
        )


def free_ports() -> dict[str, int]:
    """A port for each of LISTENERS, from a block of loopback's ports of which none is taken.

    Some listeners start only hours later: a block in which anybody listens is another sandbox's, and
    its quiet ports are not ours. Blocks are tried in random order, so that two that begin at the same
    moment do not meet.
    """
    blocks = list(range(FIRST_PORT, LAST_PORT, BLOCK))
    secrets.SystemRandom().shuffle(blocks)
    for first in blocks:
        ports = {name: first + place for place, name in enumerate(LISTENERS)}
        if all(is_free(port) for port in range(first, first + BLOCK)):
            return ports
    raise OSError(f"every block of ports from {FIRST_PORT} to {LAST_PORT} on 127.0.0.1 is taken")


def is_free(port: int) -> bool:
    """Whether nobody listens at this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
