"""Reads which tables and columns the project's datamodel describes, from the SQL that Prisma makes of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.parity.server.catalog import make_label
from integrations.prisma.cli import Prisma
from integrations.prisma.diff_script import parse_diff

REQUIRED = frozenset({"CONSTR_NOTNULL", "CONSTR_PRIMARY", "CONSTR_IDENTITY"})
#: Prisma's own table, which is in no datamodel; `migrate resolve` and `migrate deploy` make it.
OWN_TABLE = "_prisma_migrations"


@dataclass(frozen=True)
class DatamodelColumn:
    """A column: its type as the grammar names it (“timestamp”, “jsonb”), and whether it is NOT NULL."""

    type: str
    required: bool


def read_datamodel(prisma: Prisma) -> dict[str, dict[str, DatamodelColumn]]:
    """Returns table → column → its shape, as they will be when the database is what the datamodel says.

    Runs ``prisma migrate diff --from-empty``, which reads no database. A table of another schema than public
    has the schema before its name.
    """
    to = "--to-schema" if prisma.version[0] >= 7 else "--to-schema-datamodel"
    with tempfile.TemporaryDirectory(prefix="cutover-datamodel-") as folder:
        script = Path(folder, "datamodel.sql")
        words = ["--from-empty", to, str(prisma.schema), "--script", "--output", str(script)]
        prisma.run("migrate", "diff", *words)
        statements = parse_diff(script.read_text())
    found: dict[str, dict[str, DatamodelColumn]] = {OWN_TABLE: {}}
    for statement in statements:
        if statement.kind == "CreateStmt":
            found[_label(statement.node["relation"])] = dict(_iterate_columns(statement.node))
    return found


def _label(relation: Mapping[str, Any]) -> str:
    schema = relation.get("schemaname", "public")
    return make_label(str(schema), str(relation["relname"]))


def _iterate_columns(node: Mapping[str, Any]) -> Iterator[tuple[str, DatamodelColumn]]:
    elements = node.get("tableElts", [])
    keys = {
        name["String"]["sval"]
        for element in elements
        if element.get("Constraint", {}).get("contype") == "CONSTR_PRIMARY"
        for name in element["Constraint"].get("keys", [])
    }
    for element in elements:
        if (column := element.get("ColumnDef")) is not None:
            rules = {rule["Constraint"]["contype"] for rule in column.get("constraints", [])}
            kind = column["typeName"]["names"][-1]["String"]["sval"]
            name = column["colname"]
            yield name, DatamodelColumn(kind, bool(rules & REQUIRED) or name in keys)
