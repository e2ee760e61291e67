"""The variables of a project's addresses are found in schema and configuration; others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.errors import Problem
from integrations.prisma.datasource import DatasourceAddress, find_config, read_addresses
from integrations.prisma.project_files import ProjectFiles

SCHEMA = """
generator client {{
  provider = "prisma-client-js" // url = env("IN_A_COMMENT")
}}

datasource db {{
  provider = "postgresql"
  {0}
}}

model Link {{
  url String @default("datasource db {{ url = env(1) }}")
}}
"""


def addresses(folder: Path, *, schema: str = "", config: str = "") -> list[DatasourceAddress]:
    (folder / "schema.prisma").write_text(SCHEMA.format(schema))
    if config:
        (folder / "prisma.config.ts").write_text(config)
    return read_addresses(folder, [folder / "schema.prisma"])


def named(found: list[DatasourceAddress]) -> dict[str, tuple[str, ...]]:
    return {each.setting: each.variables for each in found}


def test_every_address_of_the_schema_names_its_variable(tmp_path: Path) -> None:
    lines = 'url = env("POSTGRES_PRISMA_URL")\n  directUrl=env( "DIRECT_URL" )\n'
    found = addresses(tmp_path, schema=lines + '  shadowDatabaseUrl = env("SHADOW") // env("NOT_THIS")')
    assert named(found) == {
        "url": ("POSTGRES_PRISMA_URL",),
        "directUrl": ("DIRECT_URL",),
        "shadowDatabaseUrl": ("SHADOW",),
    }
    assert found[1].place == "schema.prisma, line 9"


@pytest.mark.parametrize(
    ("value", "variables"),
    [
        ('env("A_URL")', ("A_URL",)),
        ("env<Env>('A_URL') || process.env.B_URL || ''", ("A_URL", "B_URL")),
        ("process.env.A_URL!", ("A_URL",)),
        ("process.env['A_URL'] as string", ("A_URL",)),
        ("process.env?.A_URL ?? env('B_URL')", ("A_URL", "B_URL")),
        ('process.env.A_URL ?? "postgresql://only@when/it-is-not-set"', ("A_URL",)),
        ("datasourceUrl", ("A_URL", "B_URL")),
    ],
)
def test_expressions_of_the_configuration_name_their_variables(
    tmp_path: Path, value: str, variables: tuple[str, ...]
) -> None:
    config = f"""
    import 'dotenv/config'
    const datasourceUrl: string | undefined =
      process.env.A_URL ?? // the first one decides
      env("B_URL");
    export default defineConfig({{ schema: 'schema.prisma', datasource: {{ url: {value} }} }})
    """
    found = addresses(tmp_path, config=config)
    assert named(found) == {"url": variables}
    found[0].refuse_unknown_source()


@pytest.mark.parametrize(
    ("schema", "config", "message"),
    [
        ('url = "postgresql://u:p4ss@h/d"', "", r"schema\.prisma, line 8: url is a fixed address"),
        ("url = address()", "", r"schema\.prisma, line 8: the panel cannot tell"),
        (
            "",
            "({\n datasource: {\n url: 'postgresql://u:p4ss@h/d' } })",
            r"prisma\.config\.ts, line 3: url is",
        ),
        ("", "({\n datasource: { url: `${a}` } })", r"prisma\.config\.ts, line 2: the panel cannot tell"),
        ("", "({ datasource: { url: env('A').replace('a', 'b') } })", "the panel cannot tell"),
        ("", "({ datasource: { url: wanted ? env('A') : env('B') } })", "the panel cannot tell"),
        ("", "const datasource = {}; export default { datasource }", "the panel cannot tell"),
        ("", "({ datasource: makeDatasource() })", "the panel cannot tell"),
    ],
)
def test_an_address_that_no_variable_gives_is_refused_with_its_line(
    tmp_path: Path, schema: str, config: str, message: str
) -> None:
    (found,) = addresses(tmp_path, schema=schema, config=config)
    with pytest.raises(Problem, match=message) as refused:
        found.refuse_unknown_source()
    assert 'env("DATABASE_URL")' in refused.value.next
    assert "p4ss" not in str(refused.value)


def test_the_configuration_replaces_a_fixed_address_of_the_schema(tmp_path: Path) -> None:
    config = "export default { datasource: { url: env('A') } }"
    (found,) = addresses(tmp_path, schema='url = "postgresql://fixed"', config=config)
    assert found.variables == ("A",)


def test_a_configuration_is_found_where_the_cli_looks(tmp_path: Path) -> None:
    assert find_config(tmp_path) is None
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "prisma.mjs").touch()
    assert find_config(tmp_path) == tmp_path / ".config" / "prisma.mjs"
    (tmp_path / "prisma.config.js").touch()
    assert find_config(tmp_path) == tmp_path / "prisma.config.js"


def test_a_schema_in_several_files_has_one_datasource_and_its_migrations_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "prisma" / "schema"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "user.prisma").write_text("model User {\n id Int @id\n}\n")
    (folder / "main.prisma").write_text(SCHEMA.format('url = env("A_URL")'))
    files = ProjectFiles(tmp_path, folder)
    files.check("backend")
    assert files.name_variables("url") == ["A_URL"]
    assert files.migrations == folder / "migrations"
    assert "model" not in files.read_head()
    assert 'url = env("A_URL")' in files.read_head()
    (tmp_path / "prisma.config.ts").write_text("export default { migrations: { path: 'db/migrations' } }")
    assert ProjectFiles(tmp_path, folder).migrations == tmp_path / "db" / "migrations"
