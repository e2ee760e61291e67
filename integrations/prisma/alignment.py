"""Writes the alignment migration: the diff to the datamodel, preceded by the back-fills that it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients.postgres import Connection
from integrations.clients.sql_review import review
from integrations.clients.sql_review.reading import PIECE, Cut, cut
from integrations.clients.sql_review.script import bare, quoted, table_name
from integrations.errors import Problem


@dataclass(frozen=True)
class Backfill:
    """A value for the rows that have none. ``origin`` says who decided it: diff, database or runbook."""

    table: str  # quoted
    column: str
    value: str  # an SQL expression
    origin: str

    @property
    def key(self) -> str:
        """“table.column”, as the parameter ``defaults`` names it."""
        return f"{bare(self.table)}.{self.column}"

    @property
    def sql(self) -> str:
        """The statement."""
        name = quoted(self.column)
        return f"UPDATE {self.table} SET {name} = {self.value} WHERE {name} IS NULL"  # noqa: S608 - quoted

    @property
    def in_words(self) -> str:
        """For a person, with a warning where a time is made up."""
        made_up = "CURRENT_TIMESTAMP" in self.value.upper() or "NOW()" in self.value.upper()
        note = ": those rows get the time of this migration" if made_up else ""
        return f"{self.key} = {self.value} where it is NULL ({self.origin}){note}"


@dataclass(frozen=True)
class Alignment:
    """The whole migration, and what it was made of. Empty ``sql``: there is nothing to align."""

    sql: str
    backfills: tuple[Backfill, ...] = ()
    losses: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the file's bytes, which is also the checksum that Prisma keeps."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def make(
    diff: str,
    conn: Connection,
    *,
    defaults: Mapping[str, str] | None = None,
    may_lose: Iterable[str] = (),
    explicit_transaction: bool = False,
) -> Alignment:
    """The alignment from a diff and the live catalog.

    ``defaults`` decides “table.column” → SQL expression where the schema gives no default or another
    value is wanted; ``may_lose`` names the tables and “table.column”s whose loss is accepted.
    ``explicit_transaction`` puts BEGIN and COMMIT into the file: a driver adapter sends its statements
    one by one. Raises `Problem` that names every column without a value and every unaccepted loss.
    """
    if not diff.strip():
        return Alignment("")
    cuts = _read(diff)
    losses = _losses(cuts)
    _refuse_losses(losses, set(may_lose))
    wanted = dict(defaults or {})
    backfills, undecided = _backfills(cuts, conn, wanted)
    texts, unfilled = _with_values(cuts, wanted)
    _refuse_undecided([*undecided, *unfilled])
    _refuse_unused(wanted, cuts)
    return Alignment(_file(backfills, texts, explicit_transaction), tuple(backfills), tuple(losses))


def _read(diff: str) -> list[Cut]:
    found = review(diff)
    if found.unparsable:
        raise Problem(
            f"The diff that Prisma printed is not SQL that PostgreSQL reads: {found.unparsable}.",
            means="No alignment was made of it. Nothing was changed.",
            next="Look at the file of the Diff item; mostly a message of the CLI stands in it.",
        )
    return cut(diff)


def _commands(cuts: list[Cut]) -> Iterable[tuple[Cut, str, dict[str, Any]]]:
    """Each sub-command of every ALTER TABLE with its quoted table."""
    for each in cuts:
        if each.kind == "AlterTableStmt":
            table = table_name(each.node["relation"])
            yield from ((each, table, command["AlterTableCmd"]) for command in each.node["cmds"])


def _backfills(
    cuts: list[Cut], conn: Connection, wanted: Mapping[str, str]
) -> tuple[list[Backfill], list[str]]:
    """Back-fills for the columns that become NOT NULL, and those for which nobody knows a value."""
    defaults = _new_defaults(cuts)
    found, undecided = [], []
    for _, table, command in _commands(cuts):
        if command["subtype"] != "AT_SetNotNull":
            continue
        column = command["name"]
        key = f"{bare(table)}.{column}"
        live = _live_default(conn, table, column)
        choices = (
            (wanted.get(key), "the runbook"),
            (defaults.get((table, column)), "default of the schema"),
            (None if (table, column) in defaults else live, "default of the database"),
        )
        chosen = next(((value, origin) for value, origin in choices if value), None)
        if chosen:
            found.append(Backfill(table, column, *chosen))
        elif has_nulls(conn, table, column):
            undecided.append(f"{key} ({_nulls(conn, table, column)} rows without a value)")
    return found, undecided


def _new_defaults(cuts: list[Cut]) -> dict[tuple[str, str], str]:
    """What the diff's SET DEFAULT says, as text; an empty one for DROP DEFAULT."""
    found = {}
    for each, table, command in _commands(cuts):
        if command["subtype"] == "AT_ColumnDefault":
            found[table, command["name"]] = _default_text(each, command["name"]) if "def" in command else ""
    return found


def _default_text(each: Cut, column: str) -> str:
    """The expression after SET DEFAULT: up to the comma, outside of brackets, that ends the sub-command."""
    head = f"ALTER COLUMN {quoted(column)} SET DEFAULT "
    start = each.sql.index(head) + len(head)
    depth, text = 0, ""
    for piece in PIECE.finditer(each.sql[start:]):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(piece.group(), 0)
        if depth == 0 and piece.group() in {",", ";"}:
            break
        text += piece.group()
    return text.strip()


def _live_default(conn: Connection, table: str, column: str) -> str | None:
    row = conn.execute(
        "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a "
        "ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
        "WHERE d.adrelid = to_regclass(%s) AND a.attname = %s",
        [table, column],
    ).fetchone()
    return str(row[0]) if row else None


def has_nulls(conn: Connection, table: str, column: str) -> bool:
    """Whether any row has no value there."""
    query = f"SELECT EXISTS (SELECT FROM {table} WHERE {quoted(column)} IS NULL)"  # noqa: S608 - quoted
    row = conn.execute(query.encode()).fetchone()
    return bool(row and row[0])


def _nulls(conn: Connection, table: str, column: str) -> int:
    query = f"SELECT count(*) FROM {table} WHERE {quoted(column)} IS NULL"  # noqa: S608 - quoted
    row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _with_values(cuts: list[Cut], wanted: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The diff's statements; a new NOT NULL column without default gets the runbook's value for the rows."""
    texts, unfilled = [], []
    for each in cuts:
        inserts: list[tuple[int, str]] = []
        drops: list[str] = []
        for _, table, command in _commands([each]):
            if command["subtype"] != "AT_AddColumn" or (place := _bare_not_null(command)) is None:
                continue
            column = command["def"]["ColumnDef"]["colname"]
            key = f"{bare(table)}.{column}"
            if key not in wanted:
                unfilled.append(f"{key} (a new column that may not be NULL and has no default)")
                continue
            inserts.append((place, f"DEFAULT {wanted[key]} "))
            drops.append(f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} DROP DEFAULT")
        texts += [_inserted(each, inserts), *drops]
    return texts, unfilled


def _bare_not_null(command: dict[str, Any]) -> int | None:
    rules = [rule["Constraint"] for rule in command["def"]["ColumnDef"].get("constraints", [])]
    kinds = {rule["contype"]: rule.get("location", 0) for rule in rules}
    if kinds.keys() & {"CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"}:
        return None
    return kinds.get("CONSTR_NOTNULL")


def _inserted(each: Cut, inserts: list[tuple[int, str]]) -> str:
    raw = each.script[each.begin : each.end]
    for place, text in sorted(inserts, reverse=True):
        at = place - each.begin
        raw = raw[:at] + text.encode() + raw[at:]
    return raw.decode().strip()


def _losses(cuts: list[Cut]) -> list[str]:
    """Tables and columns that the diff drops."""
    found = [
        f"{bare(table)}.{command['name']}"
        for _, table, command in _commands(cuts)
        if command["subtype"] == "AT_DropColumn"
    ]
    for each in cuts:
        if each.kind == "DropStmt" and each.node["removeType"] == "OBJECT_TABLE":
            found += [item["List"]["items"][-1]["String"]["sval"] for item in each.node["objects"]]
    return found


def _refuse_losses(losses: list[str], accepted: set[str]) -> None:
    refused = [name for name in losses if name not in accepted]
    if refused:
        raise Problem(
            f"The alignment would drop {', '.join(refused)}, with all that is in there.",
            means="The datamodel does not know them. Nothing was changed.",
            next="Put them into the datamodel, or accept the loss: name each under may_lose: of this item.",
        )


def _refuse_undecided(columns: list[str]) -> None:
    if columns:
        raise Problem(
            f"Nobody has decided what to write into: {'; '.join(columns)}.",
            means="These columns become NOT NULL and the schema gives no default. Nothing was changed.",
            next="Decide with the owner of the data, and give each an SQL value under defaults: of this "
            "item, e.g. users.name: \"'unknown'\".",
        )


def _refuse_unused(wanted: Mapping[str, str], cuts: list[Cut]) -> None:
    """A default for a column that the diff does not touch is a slip of the pen: said, not passed over."""
    met = set()
    for _, table, command in _commands(cuts):
        column = command.get("name") or command.get("def", {}).get("ColumnDef", {}).get("colname")
        met.add(f"{bare(table)}.{column}")
    unknown = sorted(set(wanted) - met)
    if unknown:
        raise Problem(
            f"The parameter defaults names what the diff does not touch: {', '.join(unknown)}.",
            means="A name is written wrong, or the column is aligned already. Nothing was changed.",
            next="Correct the names (table.column, as in the database) under defaults: of this item.",
        )


def _file(backfills: list[Backfill], texts: list[str], explicit_transaction: bool) -> str:
    lines = ["-- Brings the tables that SQLAlchemy made to what the Prisma datamodel says."]
    lines += ["BEGIN;"] if explicit_transaction else []
    if backfills:
        lines += ["", "-- Rows without a value get one before the column forbids NULL."]
        lines += [f"{each.sql};" for each in backfills]
    lines += ["", "-- As prisma migrate diff gives it."]
    lines += [f"{text};" for text in texts]
    lines += ["COMMIT;"] if explicit_transaction else []
    return "\n".join(lines) + "\n"
