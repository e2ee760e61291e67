"""Django's `check --deploy` in the settings of production, with keys made for the moment."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping

from cryptography.fernet import Fernet

from cutover.data_folder import PROJECT


def production_environment() -> Mapping[str, str]:
    """What docs/how-to/production.md sets, with addresses that nobody connects to."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": f"postgresql://cutover:{secrets.token_hex(8)}@db.internal:5432/cutover",
        "REDIS_URL": "redis://redis.internal:6379/0",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "CUTOVER_SECRET_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_HOSTS": "panel.internal",
        "CSRF_TRUSTED_ORIGINS": "https://panel.internal",
        "CUTOVER_BEHIND_PROXY": "true",
    }


def main() -> int:
    """Runs the check; its exit code is 1 when there is so much as a warning."""
    argv = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(argv, cwd=PROJECT, env=dict(production_environment()), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
