"""Programs that answer as the real ones do, so that an action gets past them: the strange one comes later."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.integrations.clients.test_altered_outputs import DEPLOYMENT, IMAGE, POD, PS, SERVICE

GONE = {"services": {"api": {**SERVICE, "state": "stopped", "replicas": 0, "ready": 0}}}
IMAGE_DETAILS = {"Config": {"Entrypoint": None, "Cmd": ["node", "main.js"]}}
MIGRATION = "select 1;\n"
APPLIED = f"""
CREATE TABLE _prisma_migrations (id text PRIMARY KEY, checksum text NOT NULL, finished_at timestamptz,
  migration_name text NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0);
INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
VALUES ('1', '{hashlib.sha256(MIGRATION.encode()).hexdigest()}', '20250101000000_init', now(), 1)
"""
CONFIG_ALONE = {"services": {"api": {"image": IMAGE, "command": ["node", "main.js"]}}}
STATUS = {"services": {"api": {**SERVICE, "start": ["node", "main.js"]}}}
DISKS = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 1000 100 900 10% /"
TOTAL = {"table": "donations", "sum": "amount", "by": ["currency"]}
_MODEL = {"relations": 0, "ok": True, "empty": False}
#: What Prisma's client reads of the database of the tests.
READ: list[Mapping[str, Any]] = [
    {"model": "Member", "rows": 500, "table": "members", **_MODEL},
    {"model": "Nothing", "rows": 0, "table": "empty_one", **_MODEL, "empty": True},
    {"total": TOTAL, "groups": [[["EUR"], "41750", 500]], "error": ""},
    {"end": {"models": 2, "totals": 1}},
]
#: Program → what it prints when its arguments have this word; "" for all others.
ANSWERS: Mapping[str, Mapping[str, str]] = {
    "program": {" gone ": json.dumps(GONE), "": json.dumps(STATUS)},
    "docker": {
        " ps ": json.dumps(PS),
        " config": json.dumps(CONFIG_ALONE),
        " image inspect ": json.dumps([IMAGE_DETAILS]),
        " inspect ": "[]",
        "": "",
    },
    "kubectl": {" can-i ": "yes", " get ": json.dumps({"items": [DEPLOYMENT, POD]}), "": ""},
    "helm": {" template ": json.dumps(DEPLOYMENT), " list": "[]", " history": "[]", "": ""},
    "nginx": {"": ""},
    "df": {"": DISKS},
    "node": {"--version": "v20.19.0", "": "\n".join(map(json.dumps, READ))},
}
PRISMA = {
    "--version": "prisma : 6.19.3\n@prisma/client : 6.19.3",
    "generate": "✔ Generated Prisma Client (v6.19.3) to ./node_modules/@prisma/client in 52ms",
    "migrate": 'Datasource "db": PostgreSQL database "{database}", schema "public" at "{place}"\n\n'
    "Database schema is up to date!",
}
SCHEMA = """
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
model members { id Int @id }
"""


def write_program(path: Path, answers: Mapping[str, str]) -> Path:
    """A program that prints what its arguments ask for, and succeeds."""
    cases = "".join(
        f"*{shlex.quote(word) if word else ''}*) printf '%s\\n' {shlex.quote(text)} ;;\n"
        for word, text in answers.items()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ncase " $* " in\n{cases}esac\n')
    path.chmod(0o755)
    return path


def write_programs(folder: Path) -> Path:
    """The folder, with all of `ANSWERS`, and an ssh that runs here what it is to run on another host."""
    for name, answers in ANSWERS.items():
        write_program(folder / name, answers)
    (folder / "ssh").write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    (folder / "ssh").chmod(0o755)
    return folder


def write_prisma_project(folder: Path, *, database: str, place: str) -> Path:
    """A project with one migration and a CLI of its own; gives the CLI."""
    (folder / "prisma/migrations/20250101000000_init").mkdir(parents=True)
    (folder / "prisma/migrations/20250101000000_init/migration.sql").write_text(MIGRATION)
    (folder / "prisma/schema.prisma").write_text(SCHEMA)
    (folder / "package.json").write_text("{}")
    answers = {word: text.format(database=database, place=place) for word, text in PRISMA.items()}
    return write_program(folder / "node_modules/.bin/prisma", answers)


__all__ = ["APPLIED", "IMAGE", "TOTAL", "write_prisma_project", "write_programs"]
