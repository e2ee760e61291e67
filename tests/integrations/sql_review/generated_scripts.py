"""Random schemas, rows and scripts of SQL, for the comparison of the review with PostgreSQL itself.

Texts are templates: of ``[a|b|c]`` one is taken, and ``<table>`` stands for a value.
"""

from __future__ import annotations

import random
import re

VALUES = {
    "int": ("1", "2", "3", "70000", "NULL"),
    "bigint": ("1", "3000000000", "2", "NULL"),
    "text": ("'a'", "'A'", "'abcdefghijklmnop'", "''", "'7'", "NULL"),
    "varchar(12)": ("'a'", "'abcdef'", "'12'", "NULL"),
    "numeric(8,2)": ("1.25", "1.26", "99999.99", "NULL"),
    "boolean": ("true", "false", "NULL"),
    "timestamp": ("'2024-01-01 10:00:00.123456'", "'2024-01-01 10:00:00.123'", "NULL"),
    "jsonb": ("'{}'", "'null'", "'{\"a\": 1}'", "NULL"),
    "date": ("'2024-02-03'", "'2024-02-04'", "NULL"),
    "mood": ("'glad'", "'sad'", "NULL"),
}
TYPES = tuple(kind for kind in VALUES if kind != "mood")
NAMES = ("a", "b", "c", "d", "e")
CHOICE = re.compile(r"\[([^\[\]]*)\]")

EXTRAS = (
    "CREATE VIEW seen AS SELECT id, <some> AS shown FROM parent;",
    "CREATE INDEX other_<others> ON other (<others>);",
    "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    "CREATE TRIGGER stamp BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION noop();",
    "ALTER TABLE other ADD CONSTRAINT other_key UNIQUE (id, parent_id);",
    "ALTER TABLE other ADD CONSTRAINT known FOREIGN KEY (parent_id) REFERENCES parent NOT VALID;",
    "CREATE MATERIALIZED VIEW kept AS SELECT id FROM other;",
)
#: Statements about a table and one of its columns; the first of a group is as likely as the group itself.
ALTER_TYPE = "ALTER TABLE <table> ALTER COLUMN <name> TYPE <kind>[||||| USING <name>::text::<kind>| USING NULL| USING <name>::<kind>]"  # noqa: E501  # one pattern
STATEMENTS: tuple[tuple[str, ...], ...] = (
    (ALTER_TYPE,),
    (ALTER_TYPE,),
    ("ALTER TABLE <table> ALTER COLUMN <name> [SET|SET|DROP] NOT NULL",),
    (
        "CREATE UNIQUE INDEX [u1|u2|other_key] ON <table> ([<name>|<name>, id])"
        "[|| WHERE <name> IS NOT NULL| NULLS NOT DISTINCT]",
        "CREATE UNIQUE INDEX [u1|u2] ON <table> (lower(<name>::text))",
        "ALTER TABLE <table> ADD CONSTRAINT [u1|u2|other_key] [UNIQUE|PRIMARY KEY] ([<name>|<name>, id])",
        "CREATE INDEX [|IF NOT EXISTS ][u1|other_key] ON <table> (<name>)",
    ),
    (
        "ALTER TABLE <table> ADD CONSTRAINT [k1|k2] CHECK ([<name> IS NOT NULL|<name>::text <> 'a'"
        "|<name> IS NULL OR id > 2|length(<name>::text) < 4])[|| NOT VALID]",
    ),
    (
        "ALTER TABLE [other|child] ADD CONSTRAINT [f1|f2] FOREIGN KEY ([parent_id|parent_id|id|a]) "
        "REFERENCES [parent (id)|parent|other (id)|parent (a)][|| NOT VALID| ON DELETE CASCADE]",
    ),
    (
        "UPDATE <table> SET <name> = [<value>|<value>|<name>|DEFAULT] WHERE <where>",
        "UPDATE <table> SET <name> = [<value>|coalesce(<name>, <value>)] WHERE <where>",
        "UPDATE <table> SET <name> = x.<name> FROM <table> x WHERE x.id = <table>.id + 1",
        "UPDATE <table> AS t SET <name> = <value> WHERE t.id > 1",
        "UPDATE <table> SET id = [id|id|<other>], <name> = <other>::text::<own> WHERE <where>",
    ),
    (
        "DELETE FROM <table> WHERE <where>",
        "DELETE FROM <table> WHERE <where>",
        "DELETE FROM <table> USING parent p WHERE p.id = <table>.id AND p.id > 2",
        "TRUNCATE <table>[| CASCADE]",
    ),
    (
        "INSERT INTO [other|parent] (id) [SELECT id + 100 FROM <table>"
        "|(SELECT id + 200 FROM <table> WHERE id > 1)|SELECT id FROM <table>"
        "|SELECT s.id + 300 FROM <table> s JOIN parent p ON p.id = s.id"
        "|SELECT id + 400 FROM <table> UNION ALL SELECT id + 500 FROM parent]",
        "INSERT INTO [other|parent] (id, a) SELECT id + 600, <name> FROM <table>",
        "WITH made AS (INSERT INTO [other|parent] (id) SELECT id + 100 FROM <table> RETURNING id) "
        "SELECT count(*) FROM made",
        "WITH old AS (SELECT id FROM <table> WHERE <where>) DELETE FROM [other|child] t USING old "
        "WHERE old.id = t.id",
    ),
    ("ALTER TABLE <table> DROP COLUMN [|| IF EXISTS] <name>[| CASCADE]",),
    (
        "DROP TABLE [|IF EXISTS ][child|other|made|ghost|parent][| CASCADE]",
        "DROP VIEW [|IF EXISTS ]seen",
        "ALTER TABLE other DROP CONSTRAINT [|IF EXISTS ][known|other_key|k1]",
        "DROP INDEX [|IF EXISTS ][u1|other_a|parent_pkey]",
        "DROP TYPE [mood|ghost][| CASCADE]",
        "ALTER TABLE child DROP CONSTRAINT child_parent_id_fkey",
        "ALTER TABLE parent DROP CONSTRAINT parent_pkey[| CASCADE]",
        "DROP MATERIALIZED VIEW [|IF EXISTS ]kept",
    ),
    (
        "CREATE TABLE [|IF NOT EXISTS ][made|parent|fresh] "
        "(id int PRIMARY KEY, parent_id int[| REFERENCES parent (id)| NOT NULL], a text)",
        "CREATE TABLE made AS SELECT * FROM <table> WHERE id > 1",
        "SELECT id INTO made FROM <table>",
        "INSERT INTO made (id, a) SELECT id, 'x' FROM parent",
        "CREATE UNIQUE INDEX made_key ON made ([a|id])",
        "CREATE [|OR REPLACE ]VIEW [seen|view2] AS SELECT id FROM <table>",
        "ALTER TABLE made ADD CONSTRAINT made_parent FOREIGN KEY (parent_id) REFERENCES parent (id)",
    ),
    (
        "ALTER TYPE mood ADD VALUE [|IF NOT EXISTS ]['calm'|'sad']",
        "CREATE TYPE [mood|shape] AS ENUM ('round')",
        "UPDATE other SET feeling = 'calm' WHERE id = 1",
        "ALTER TABLE other ALTER COLUMN feeling SET DEFAULT 'calm'",
        "ALTER TABLE other ALTER COLUMN feeling TYPE text",
    ),
    (
        "ALTER TABLE <table> ALTER COLUMN <name> [SET DEFAULT NULL|DROP DEFAULT]",
        "LOCK TABLE <table> IN [SHARE|EXCLUSIVE|ACCESS EXCLUSIVE] MODE",
        "ANALYZE <table>",
        "COMMENT ON TABLE <table> IS 'x'",
        "ALTER TABLE <table> ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY rule ON <table> USING (true)",
        "CREATE INDEX CONCURRENTLY slow ON <table> (<name>)",
        "ALTER TABLE other VALIDATE CONSTRAINT known",
        "ALTER TABLE <table> SET (fillfactor = 70)",
        "CREATE EXTENSION [|IF NOT EXISTS ][nothing_of_the_kind|plpgsql]",
        "CREATE STATISTICS s1 ON id, <name> FROM <table>",
    ),
    ("ALTER TABLE <table> RENAME TO [moved|other]",),
)
CONDITIONS = (
    "[<other> IS NULL|<other> IS NOT NULL|id > 2|id = 1|true|<other>::text = 'a'"
    "|id IN (SELECT id FROM parent)|NOT EXISTS (SELECT 1 FROM child WHERE child.parent_id = <table>.id)]"
)
NEW_TYPES = (*TYPES, "varchar(3)", "numeric(4,1)", "timestamp(3)", "smallint", "text")


class Writer:
    """Writes schemas and scripts from one source of random choices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.columns: dict[str, dict[str, str]] = {}

    def write(self, template: str, **values: str) -> str:
        """A template with its values and choices made."""
        for name, value in values.items():
            template = template.replace(f"<{name}>", value)
        return CHOICE.sub(lambda found: self.random.choice(found[1].split("|")), template)

    # ── schemas ──────────────────────────────────────────────────────────────

    def schema(self) -> str:
        """Three tables with rows, keys between them, and now and then a view, an index or a trigger."""
        parts = ["CREATE TYPE mood AS ENUM ('glad', 'sad');"]
        for table in ("parent", "child", "other"):
            some = self.random.sample(NAMES, self.random.randint(2, 4))
            self.columns[table] = {"id": "int"} | {name: self.random.choice(TYPES) for name in some}
            parts.append(self._table(table))
        parts.append(self._rows())
        some, others = (self.random.choice([*self.columns[table]]) for table in ("parent", "other"))
        extras = self.random.sample(EXTRAS, self.random.randint(0, 4))
        return "\n".join(parts + [self.write(extra, some=some, others=others) for extra in extras])

    def _table(self, table: str) -> str:
        columns = [f"{name} {kind}" for name, kind in self.columns[table].items() if name != "id"]
        if table == "child":
            self.columns[table]["parent_id"] = "int"
            reference = "parent_id int REFERENCES parent (id)[| ON DELETE CASCADE| ON DELETE SET NULL]"
            columns.append(self.write(reference))
        if table == "other":
            self.columns[table] |= {"parent_id": "int", "feeling": "mood"}
            columns += ["parent_id int", "feeling mood"]
        return f"CREATE TABLE {table} (id int PRIMARY KEY, {', '.join(columns)});"

    def _rows(self) -> str:
        found = []
        for table in self.columns:
            found += [self._row(table, str(number)) for number in range(1, self.random.randint(0, 8) + 1)]
        orphans = "DELETE FROM child WHERE parent_id NOT IN (SELECT id FROM parent);"
        origin = "SET session_replication_role = origin;"
        return "\n".join(["SET session_replication_role = replica;", *found, orphans, origin])

    def _row(self, table: str, number: str) -> str:
        columns = self.columns[table]
        values = [number if name == "id" else self._value(name, kind) for name, kind in columns.items()]
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(values)});"

    def _value(self, name: str, kind: str) -> str:
        options = ("1", "2", "3", "9", "NULL") if name == "parent_id" else VALUES[kind]
        return self.random.choice(options)

    # ── scripts ──────────────────────────────────────────────────────────────

    def script(self) -> list[str]:
        """One to six statements."""
        return [self._statement() for _ in range(self.random.randint(1, 6))]

    def _statement(self) -> str:
        chance = self.random.random()
        if chance < 0.1:
            return self._add_column()
        if chance < 0.15:
            return self._insert()
        if chance < 0.2:
            return self._rename_column()
        table, name = self._column()
        value = self._value(name, self.columns[table].get(name, "int"))
        other = self.random.choice([*self.columns[table]])
        template = self.random.choice(self.random.choice(STATEMENTS))
        template = template.replace("<where>", self.random.choice([CONDITIONS, CONDITIONS, "id > 1"]))
        kind = self.random.choice(NEW_TYPES)
        own = self.columns[table].get(name, "int")
        return self.write(template, table=table, name=name, other=other, kind=kind, own=own, value=value)

    def _column(self) -> tuple[str, str]:
        """A table and one of its columns; now and then one that is not there."""
        table = self.random.choice([*self.columns])
        return table, self.random.choice([*self.columns[table]] * 5 + ["ghost"])

    def _add_column(self) -> str:
        table, name = self.random.choice([*self.columns]), self.random.choice(("n1", "n2", "a"))
        kind = self.random.choice([*VALUES])
        value = self.random.choice(VALUES[kind])
        head = self.write("ALTER TABLE <table> ADD COLUMN [||IF NOT EXISTS ]<name> ", table=table, name=name)
        if self.random.random() < 0.2:
            return head + self.write(
                "[serial|uuid NOT NULL DEFAULT gen_random_uuid()|int CHECK (<name> > 2)]", name=name
            )
        self.columns[table].setdefault(name, kind)
        rest = "[|| DEFAULT <value>| NOT NULL| NOT NULL DEFAULT <value>| UNIQUE DEFAULT <value>| UNIQUE]"
        return head + kind + self.write(rest, value=value)

    def _insert(self) -> str:
        table = self.random.choice([*self.columns])
        rows = [self._row(table, self.random.choice(("1", "50", "60", "61"))) for _ in range(2)]
        values = ", ".join(
            row.rstrip(";").partition(" VALUES ")[2] for row in rows[: self.random.randint(1, 2)]
        )
        head = rows[0].partition(" VALUES ")[0]
        return f"{head} VALUES {values}" + self.write("[|| ON CONFLICT DO NOTHING]")

    def _rename_column(self) -> str:
        table, name = self._column()
        new = self.random.choice(("renamed", "a", "z"))
        self.columns[table].setdefault(new, self.columns[table].get(name, "text"))
        return f"ALTER TABLE {table} RENAME COLUMN {name} TO {new}"
