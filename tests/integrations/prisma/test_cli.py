"""The client builds the commands of both ways and both versions, and shows no secret."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.clients.prisma import Prisma, is_empty, refuse_pooler, replace_database
from integrations.errors import Problem
from integrations.systems import Systems

#: Stands for a Prisma with native engines, which cannot be downloaded here: tells what it was asked.
NATIVE = """\
#!/bin/sh
if [ "$1" = --version ]; then echo "prisma                  : {version}"; exit 0; fi
echo "$@" >> asked
echo "$DATABASE_URL" >> address
while [ $# -gt 1 ]; do [ "$1" = --output ] && echo "-- This is an empty migration." > "$2"; shift; done
"""
SCHEMA = 'datasource db {\n  provider = "postgresql"\n  url      = env("%s")\n}\n'
Make = Callable[..., Prisma]


@pytest.fixture
def native(tmp_path: Path) -> Make:
    def make(*, version: str = "6.16.2", variable: str = "DATABASE_URL", **settings: str) -> Prisma:
        (tmp_path / "prisma").mkdir()
        (tmp_path / "prisma" / "schema.prisma").write_text(SCHEMA % variable)
        (tmp_path / "prisma.sh").write_text(NATIVE.replace("{version}", version))
        (tmp_path / "prisma.sh").chmod(0o755)
        base = {"kind": "prisma", "project": str(tmp_path), "command": "./prisma.sh"}
        base |= {"database": "postgresql://me:pw@db.example:5432/live?schema=public"}
        return Prisma(Systems({"p": {**base, **settings}}, environ={})["p"], attempt="a-1")

    return make


def test_prisma_6_is_asked_without_the_password_on_the_command_line(native: Make, tmp_path: Path) -> None:
    assert native().diff() == ""
    asked = (tmp_path / "asked").read_text()
    assert "--from-schema-datasource" in asked
    assert "--to-schema-datamodel" in asked
    assert "pw" not in asked


def test_prisma_6_gets_the_url_where_the_schema_takes_another_variable(native: Make, tmp_path: Path) -> None:
    prisma = native(variable="OTHER_URL")
    prisma.diff()
    assert "--from-url postgresql://me:pw@db.example" in (tmp_path / "asked").read_text()
    assert '--from-url "$DATABASE_URL"' in prisma.diff_commands()[0]


def test_prisma_7_is_asked_in_its_own_flags(native: Make, tmp_path: Path) -> None:
    native(version="7.10.0").diff()
    asked = (tmp_path / "asked").read_text()
    assert "--from-config-datasource" in asked
    assert "--to-schema " in asked
    assert "datamodel" not in asked


def test_the_address_names_our_sessions_and_keeps_what_it_had(native: Make) -> None:
    env = native().environment()
    query = parse_qs(urlsplit(env["DATABASE_URL"]).query)
    assert query["application_name"] == ["cutover:a-1"]
    assert query["schema"] == ["public"]
    assert "client_connection_check_interval" in query["options"][0]
    assert "SHADOW_DATABASE_URL" not in env


def test_what_is_shown_holds_no_password(native: Make) -> None:
    prisma = native()
    assert prisma.secrets == ["pw"]
    assert prisma.masked("to pw at") == "to ••• at"
    assert prisma.where == "db.example:5432/live"


@pytest.mark.parametrize("host", ["ep-x-pooler.example:5432", "db.example:6432"])
def test_a_pooler_is_refused(host: str) -> None:
    with pytest.raises(Problem, match="connection pooler"):
        refuse_pooler(f"postgresql://u:{secrets.token_hex(4)}@{host}/d")


def test_a_missing_project_and_command_are_said(native: Make, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is not there"):
        native(project=str(tmp_path / "nowhere")).run("generate")


def test_a_missing_cli_is_said_with_how_to_get_it(native: Make) -> None:
    with pytest.raises(Problem, match="is not installed"):
        native(command="node_modules/.bin/prisma").run("generate")


def test_a_script_of_comments_is_empty() -> None:
    assert is_empty("-- This is an empty migration.\n\n")
    assert not is_empty("-- x\nSELECT 1;")


def test_another_database_of_the_same_server_keeps_login_and_options() -> None:
    assert replace_database("postgresql://u:p@h:1/a?x=1", "b c") == "postgresql://u:p@h:1/b%20c?x=1"
