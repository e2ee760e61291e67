"""The CLI gets the commands of both engines and both Prisma versions, and no secret is shown."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import Problem
from integrations.prisma.cli import Prisma, is_empty_script, refuse_pooler
from integrations.prisma.installed_packages import read_version_of_program
from integrations.systems import Systems
from tests.allowed import allow

#: Stands for a Prisma with native engines, which cannot be downloaded here: tells what it was asked, and the
#: line about its database as the versions 5, 6 and 7 print it.
NATIVE = """\
#!/bin/sh
if [ "$1" = --version ]; then echo "prisma                  : {version}"; exit 0; fi
echo "$@" >> asked
echo "$DATABASE_URL" >> address
[ "$2" = status ] && echo 'Datasource "db": PostgreSQL database "live", schema "public" at "{at}"'
while [ $# -gt 1 ]; do [ "$1" = --output ] && echo "-- This is an empty migration." > "$2"; shift; done
"""
SCHEMA = 'datasource db {\n  provider = "postgresql"\n  url      = env("%s")\n}\n'
Make = Callable[..., Prisma]


@pytest.fixture
def native(tmp_path: Path) -> Make:
    def make(
        *,
        version: str = "6.16.2",
        variable: str = "DATABASE_URL",
        at: str = "db.example:5432",
        **settings: str,
    ) -> Prisma:
        (tmp_path / "prisma").mkdir()
        (tmp_path / "prisma" / "schema.prisma").write_text(SCHEMA % variable)
        (tmp_path / "prisma.sh").write_text(NATIVE.replace("{version}", version).replace("{at}", at))
        (tmp_path / "prisma.sh").chmod(0o755)
        allow(tmp_path / "prisma.sh")
        base = {"kind": "prisma", "project": str(tmp_path), "command": "./prisma.sh"}
        base |= {"database": "postgresql://me:pw@db.example:5432/live?schema=public"}
        return Prisma(Systems({"p": {**base, **settings}}, environ={})["p"], attempt="a-1")

    return make


def test_prisma_6_gets_no_password_on_the_command_line(native: Make, tmp_path: Path) -> None:
    assert native().diff() == ""
    asked = (tmp_path / "asked").read_text()
    assert "--from-schema-datasource" in asked
    assert "--to-schema-datamodel" in asked
    assert "pw" not in asked


def test_every_variable_of_the_datasource_is_set(native: Make, tmp_path: Path) -> None:
    prisma = native(variable="OTHER_URL")
    env = prisma.build_environment()
    assert env["OTHER_URL"] == env["DATABASE_URL"]
    prisma.diff()
    assert "--from-schema-datasource" in (tmp_path / "asked").read_text()


def test_the_shadow_database_is_the_one_set_or_one_that_does_not_exist(native: Make, tmp_path: Path) -> None:
    prisma = native()
    schema = tmp_path / "prisma" / "schema.prisma"
    schema.write_text(schema.read_text().replace("}", '  shadowDatabaseUrl = env("SHADOW")\n}'))
    assert "/live_no_shadow_is_set?" in prisma.build_environment()["SHADOW"]


def test_a_cli_that_works_in_another_database_is_stopped_before_the_command(
    native: Make, tmp_path: Path
) -> None:
    prisma = native(at="production.example:5432")
    with pytest.raises(Problem, match=r"Prisma works in production\.example:5432/live") as refused:
        prisma.run("migrate", "deploy")
    assert "pw" not in str(refused.value)
    assert (tmp_path / "asked").read_text() == "migrate status\n"


def test_a_fixed_address_in_the_schema_is_refused_before_anything_is_started(
    native: Make, tmp_path: Path
) -> None:
    prisma = native()
    schema = tmp_path / "prisma" / "schema.prisma"
    schema.write_text(schema.read_text().replace('env("DATABASE_URL")', '"postgresql://a/b"'))
    with pytest.raises(Problem, match=r"prisma/schema\.prisma, line 3: url is a fixed address"):
        prisma.run("migrate", "deploy")
    assert not (tmp_path / "asked").exists()


def test_prisma_7_gets_its_own_flags(native: Make, tmp_path: Path) -> None:
    native(version="7.10.0").diff()
    asked = (tmp_path / "asked").read_text()
    assert "--from-config-datasource" in asked
    assert "--to-schema " in asked
    assert "datamodel" not in asked


def test_the_address_names_our_sessions_and_keeps_what_it_had(native: Make) -> None:
    env = native().build_environment()
    query = parse_qs(urlsplit(env["DATABASE_URL"]).query)
    assert query["application_name"] == ["cutover:a-1"]
    assert query["schema"] == ["public"]
    assert "client_connection_check_interval" in query["options"][0]
    assert "SHADOW_DATABASE_URL" not in env


def test_a_formatted_command_has_no_password(native: Make) -> None:
    prisma = native()
    assert prisma.secrets == ["pw"]
    assert prisma.mask("to pw at") == "to ••• at"
    assert prisma.where == "db.example:5432/live"


@pytest.mark.parametrize("host", ["ep-x-pooler.example:5432", "db.example:6432"])
def test_a_pooler_is_refused(host: str) -> None:
    with pytest.raises(Problem, match="connection pooler"):
        refuse_pooler(f"postgresql://u:{secrets.token_hex(4)}@{host}/d")


def test_a_missing_project_and_command_are_reported(native: Make, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is not there"):
        native(project=str(tmp_path / "nowhere")).run("generate")


def test_a_missing_cli_is_reported_with_how_to_install_it(native: Make, tmp_path: Path) -> None:
    allow(tmp_path / "node_modules" / ".bin" / "prisma")
    with pytest.raises(Problem, match="is not installed"):
        native(command="node_modules/.bin/prisma").run("generate")


def test_a_script_of_comments_is_empty() -> None:
    assert is_empty_script("-- This is an empty migration.\n\n")
    assert is_empty_script("/* several\n lines; */ -- and one")
    assert not is_empty_script("-- x\nSELECT 1;")
    assert not is_empty_script("this is not SQL")


def test_the_version_is_read_beside_the_cli_and_a_launcher_is_asked(tmp_path: Path) -> None:
    cli = tmp_path / "node_modules" / "prisma" / "build" / "index.js"
    shim = tmp_path / "node_modules" / ".bin" / "prisma"
    for file in (cli, shim):
        file.parent.mkdir(parents=True)
    cli.write_text("")
    manifest = cli.parent.parent / "package.json"
    manifest.write_text('{"name": "prisma", "version": "7.1.0-dev.2"}')
    shim.symlink_to(cli)
    assert read_version_of_program(str(shim)) == (7, "7.1.0-dev.2")
    manifest.write_text('{"name": "npx", "version": "10.0.0"}')
    assert read_version_of_program(str(shim)) is None
    manifest.write_text('{"name": "prisma"}')
    assert read_version_of_program(str(shim)) is None
    shim.unlink()
    shim.write_text("exec somewhere/prisma\n")
    assert read_version_of_program(str(shim)) is None
