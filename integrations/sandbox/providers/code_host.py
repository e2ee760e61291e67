"""GitHub's protection of a branch: none, or locked for everybody.

docs.github.com/en/rest/branches/branch-protection, “Get branch protection”.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from integrations.sandbox.serving import Answer, Asked

LOCKED = "branch.locked"  # a file in the sandbox's folder; while it is there, the branch is locked
REPOSITORY = "church/covenant-connect"
PROTECTION = re.compile(rf"/repos/{REPOSITORY}/branches/main/protection")
DOCS = "https://docs.github.com/rest/branches/branch-protection#get-branch-protection"


class CodeHost:
    """``environ``: CODE_HOST_TOKEN, and BRANCH_LOCKED (the path of `LOCKED`)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.token = environ.get("CODE_HOST_TOKEN", "")
        self.locked = Path(environ.get("BRANCH_LOCKED") or LOCKED)

    def __call__(self, asked: Asked) -> Answer:
        """The protection of the one branch."""
        if not self.token or asked.headers.get("authorization") != f"Bearer {self.token}":
            return _refused(401, "Bad credentials")
        if asked.method != "GET" or not PROTECTION.fullmatch(asked.path):
            return _refused(404, "Not Found")
        if not self.locked.exists():
            return _refused(404, "Branch not protected")
        off = ("required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations")
        on = {name: {"enabled": True} for name in ("enforce_admins", "lock_branch")}
        url = f"https://api.github.com{asked.path}"
        return Answer(200, {"url": url, **on, **{name: {"enabled": False} for name in off}})


def _refused(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "documentation_url": DOCS, "status": str(status)})
