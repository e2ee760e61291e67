"""Which keys a stand-in takes: the new environment's, and the old one's until somebody revokes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

REVOKED = "old-keys.revoked"  # a file in the sandbox's folder; while it is there, no old key is taken


class AcceptedKeys:
    """The keys of one provider; ``environ`` has NAME_SECRET_KEY, and where a sandbox is around it
    OLD_NAME_SECRET_KEY and OLD_KEYS_REVOKED (the path of a file)."""

    def __init__(self, provider: str, environ: Mapping[str, str]) -> None:
        self.new = environ.get(f"{provider}_SECRET_KEY", "")
        self.old = environ.get(f"OLD_{provider}_SECRET_KEY", "")
        self.revoked = Path(environ.get("OLD_KEYS_REVOKED") or REVOKED)

    def accept(self, key: str) -> bool:
        """Whether a request with this key is answered."""
        return bool(key) and (key == self.new or (key == self.old and not self.revoked.exists()))

    def accept_bearer(self, header: str) -> bool:
        """The same for an Authorization header."""
        return header.startswith("Bearer ") and self.accept(header.removeprefix("Bearer "))
