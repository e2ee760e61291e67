"""The public name of the sandbox: its name server, and by which variables the panel may change it."""

from __future__ import annotations

from pathlib import Path

from integrations.sandbox.state import SandboxState

ZONE, KEY = "covenant.invalid", "cutover"
PUBLIC_NAME = f"www.{ZONE}"
NEW_DOOR = "127.0.0.2"  # where `front_door` shows the new stack alone


class Names:
    """One zone on a name server of its own; ``folder`` is that server's."""

    def __init__(self, folder: Path, state: SandboxState) -> None:
        self.folder, self.secret = folder, state.tsig_secret
        self.port = state.ports["name-server"]

    @property
    def server(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What `name_server` is told."""
        return {
            "PORT": str(self.port),
            "ZONE": ZONE,
            "RECORDS": "www 20 A 127.0.0.1",
            "TSIG_NAME": KEY,
            "TSIG_SECRET": self.secret,
        }

    def variables(self) -> dict[str, str]:
        """By which the runbook's system for the zone is reached, and what its items are told."""
        return {
            "DNS_DRIVER": "rfc2136",
            "DNS_ZONE": ZONE,
            "DNS_NAME": "www",
            "DNS_NEW": NEW_DOOR,
            "DNS_TTL": "2",
            "DNS_SERVER": self.server,
            "DNS_SERVERS": self.server,
            "DNS_KEY_NAME": KEY,
            "DNS_KEY_SECRET": self.secret,
        }
