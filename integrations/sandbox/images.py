"""What the images of the new stack start with, and how a start ends that cannot work.

A release of the sandbox's platform names the command of its image or chart (``start``); ``commands.json`` of
the platform holds the commands that people set instead, as ``command:`` of Compose does. The platform runs
the release's own program only when that command would start it. Facts: customer/deploy.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from integrations.sandbox.private_files import write_private
from integrations.sandbox.repairs import AppliedRepairs

ROOT = "/usr/src/app"  # the images' working directory
BUILT = ("apps/backend/dist/src/main.js", "apps/backend/dist/src/task-worker.main.js")
#: by the name of the service: what the image starts with, and what the chart starts the worker with
STARTS = {
    "new-api": ["sh", "-c", "npx prisma migrate deploy && node apps/backend/dist/main.js"],
    "new-worker": ["node", "dist/src/task-worker.main.js"],
    "new-frontend": ["sh", "-c", "node apps/frontend/node_modules/next/dist/bin/next start -p ${PORT:-3000}"],
}
#: by the name of the service: the repair without which its image cannot be built
BUILD_REPAIRS = {
    **dict.fromkeys(("new-api", "new-worker"), "image-does-not-build"),
    "new-frontend": "frontend-image",
}
DISARMED = {"new-api": ["node", BUILT[0]]}
COMMIT = "6e66d81"  # of the new application, and the tag of its images
PUSHED = "pushed.json"  # in the platform's folder: repository → tag → digest
REPAIRED_WORKER = ["node", BUILT[1]]


def start_of(folder: Path, service: str, own: Sequence[str]) -> list[str]:
    """The words that the platform in ``folder`` starts a service with; ``own``: those of its release."""
    file = folder / "commands.json"
    changed = json.loads(file.read_text()) if file.exists() else {}
    if service in changed:
        return [str(word) for word in changed[service]]
    if list(own) == STARTS["new-worker"] and _is_repaired(folder, "worker-start-path"):
        return REPAIRED_WORKER
    return list(own)


#: how Prisma 6.19 and Node.js 20 end: the cause is not in their last lines
NO_SCHEMA = """\
Error: Could not find Prisma Schema that is required for this command.
You can either provide it with `--schema` argument,
or put it into the default location (`./prisma/schema.prisma`, or `./schema.prisma`.
Checked following paths:

schema.prisma: file not found
prisma/schema.prisma: file not found

See also https://pris.ly/d/prisma-schema-location"""
NO_MODULE = """\
node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module '{path}'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)
    at node:internal/main/run_main_module:28:49 {{
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}}

Node.js v20.20.2"""


def why_it_ends(words: Sequence[str]) -> str:
    """The log of a start that cannot work; "" when it can. Node and Prisma say it so."""
    if "migrate deploy" in " ".join(words):
        return NO_SCHEMA
    missing = [word for word in words if word.endswith(".js") and word not in BUILT]
    return NO_MODULE.format(path=f"{ROOT}/{missing[0]}") if missing else ""


def is_published(folder: Path, service: str) -> bool:
    """Whether the registry has an image for this service: an image that cannot be built is never pushed."""
    return service not in BUILD_REPAIRS or _is_repaired(folder, BUILD_REPAIRS[service])


def newest_releases(folder: Path) -> dict[str, str]:
    """By service, the digest of the release that was laid out last on the platform in ``folder``."""
    files = sorted((folder / "releases").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    return {str(json.loads(file.read_text())["service"]): f"sha256:{file.stem}" for file in files}


def push(folder: Path) -> None:
    """What a person does for the item “build-images”; what cannot be built never arrives (`is_published`)."""
    found = newest_releases(folder)
    pushed = {name: {COMMIT: digest} for name, digest in found.items() if name in STARTS}
    write_private(folder / PUSHED, json.dumps(pushed))


def disarm(folder: Path) -> None:
    """What a person does for the item “disarm-image”: another start command for the API."""
    write_private(folder / "commands.json", json.dumps(DISARMED))


def _is_repaired(folder: Path, key: str) -> bool:
    """A platform that belongs to no sandbox has nothing to repair."""
    applied = AppliedRepairs(folder.parent / "repairs.json")
    return not applied.path.exists() or applied.has(key)
