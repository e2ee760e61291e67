"""Runs Django's `check --deploy` with production settings and throw-away keys."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping

from cutover.data_folder import PROJECT
from integrations.credentials import generate_key


def production_environment() -> Mapping[str, str]:
    """The variables that docs/how-to/production.md sets, with addresses that are never connected to."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": f"postgresql://cutover:{secrets.token_hex(8)}@db.internal:5432/cutover",
        "DATABASE_OWNER_URL": f"postgresql://owner:{secrets.token_hex(8)}@db.internal:5432/cutover",
        "REDIS_URL": f"rediss://:{secrets.token_hex(16)}@redis.internal:6379/0",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "CUTOVER_SECRET_KEYS": generate_key(),
        "ALLOWED_HOSTS": "panel.internal",
        "CSRF_TRUSTED_ORIGINS": "https://panel.internal",
        "CUTOVER_BEHIND_PROXY": "true",
        "CUTOVER_PROXIES": "1",
    }


def main() -> int:
    """Runs the check; a warning makes the exit code 1."""
    argv = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(argv, cwd=PROJECT, env=dict(production_environment()), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
