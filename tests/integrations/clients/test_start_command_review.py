"""Start commands that migrate are found behind shells, wrappers and scripts; the rest is reported."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from integrations.clients.platform.start_command_review import StartCommandReader

HARMLESS = [
    "node dist/src/main.js",
    "node --max-old-space-size=512 dist/src/task-worker.main.js",
    "sh -c 'npx prisma generate && exec node dist/main.js'",
    "tini -- node dist/main.js",
    "env NODE_ENV=production node dist/main.js",
    "sh -c 'node node_modules/next/dist/bin/next start -p ${PORT:-3000}'",
    "sh -c 'npx prisma migrate status; node dist/main.js'",
    "/srv/church-migration/.venv/bin/python3.11 -m integrations.sandbox.new_api",
]
MIGRATING = [
    "npx prisma migrate deploy",
    "sh -c 'npx prisma migrate deploy && node dist/main.js'",
    "/bin/sh -c 'npx prisma migrate deploy && node dist/main.js'",
    "bash -lc 'set -e; node_modules/.bin/prisma migrate deploy; exec node dist/main.js'",
    "tini -- sh -c 'prisma db push --accept-data-loss && node x.js'",
    "sh -c 'if [ \"$MIGRATE\" = 1 ]; then npx prisma migrate deploy; fi; node dist/main.js'",
    "sh -c 'sh -c \"prisma migrate deploy\"'",
    "npx --yes prisma migrate --schema prisma/schema.prisma deploy",
    "node dist/migrate.js",
    "node /app/dist/migrate.js",
    "sh -c 'prisma migrate status && prisma migrate deploy'",
    "sh -c 'echo a#b && npx prisma migrate deploy'",
    "sh -c 'X=$(npx prisma migrate deploy) node dist/main.js'",
]
UNSEEN = [
    "./start.sh",
    "docker-entrypoint.sh node dist/main.js",
    "npm run start:prod",
    "sh -c 'eval $START'",
    "sh -c '$START'",
    'sh -c "$(cat /start)"',
    "sh start.sh",
    "node -e 'require(x)'",
    "node -r dotenv/config -e 'require(x)'",
    "sh",
    "sh -c 'echo \"'",
    "pm2-runtime start npm",
    "node '$(SCRIPT)'",
    "sh -c 'node $SCRIPT'",
    "sh -c 'npx prisma $WHAT'",
    "sh -c '. ./start && node dist/main.js'",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_a_command_that_only_starts_is_fine(line: str) -> None:
    found = StartCommandReader().review(shlex.split(line))
    assert found.ok, found


@pytest.mark.parametrize("line", MIGRATING)
def test_a_command_that_migrates_is_found(line: str) -> None:
    assert StartCommandReader().review(shlex.split(line)).migrates


@pytest.mark.parametrize("line", UNSEEN)
def test_a_command_that_cannot_be_followed_is_never_green(line: str) -> None:
    found = StartCommandReader().review(shlex.split(line))
    assert found.unseen
    assert not found.ok


def package(folder: Path, **scripts: str) -> StartCommandReader:
    (folder / "package.json").write_text(
        json.dumps({"scripts": {k.replace("_", ":"): v for k, v in scripts.items()}})
    )
    return StartCommandReader(folder)


def test_scripts_of_package_json_are_followed_with_those_before_and_after(tmp_path: Path) -> None:
    scripts = {
        "start": "npm run start:migrate",
        "start_migrate": "npx prisma migrate deploy && node dist/main",
    }
    reader = package(tmp_path, **scripts, start_prod="node dist/main")
    assert reader.review(["npm", "start"]).migrates == ["prisma migrate deploy"]
    assert reader.review(["pnpm", "run", "start:prod"]).ok
    assert reader.review(["yarn", "gone"]).unseen
    assert package(tmp_path, prestart="prisma db push", start="node x").review(["npm", "start"]).migrates
    assert package(tmp_path, a="npm run b", b="npm run a").review(["npm", "run", "a"]).unseen


def test_scripts_of_the_image_are_read_where_the_source_is(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    script = tmp_path / "docker" / "entrypoint.sh"
    script.write_text('#!/bin/sh\nset -e\n# never: prisma migrate deploy\nexec "$@"\n')
    reader = StartCommandReader(tmp_path)
    assert reader.review(["/app/docker/entrypoint.sh", "node", "dist/main.js"]).ok
    assert reader.review(["/app/docker/entrypoint.sh", "npx", "prisma", "migrate", "deploy"]).migrates
    assert reader.review(["/app/docker/entrypoint.sh", "./other"]).unseen
    script.write_text("#!/bin/sh\nnpx prisma migrate deploy\nexec node dist/main.js\n")
    assert reader.review(["sh", "docker/entrypoint.sh"]).migrates
    (tmp_path / "main.js").write_text("execSync('npx prisma migrate deploy')")
    assert reader.review(["node", "/srv/main.js"]).migrates


def test_a_trusted_script_is_not_followed_but_its_arguments_are() -> None:
    reader = StartCommandReader(trusted=["docker-entrypoint.sh"])
    assert reader.review(["docker-entrypoint.sh", "node", "dist/main.js"]).ok
    assert reader.review(["docker-entrypoint.sh", "npm", "start"]).unseen
    assert reader.review(["/other/docker-entrypoint.sh", "node", "dist/main.js"]).unseen


def test_a_script_is_never_read_outside_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "start.sh").write_text("node x.js")
    assert StartCommandReader(tmp_path / "source").review(["sh", "../start.sh"]).unseen
