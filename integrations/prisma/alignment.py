"""Builds the alignment migration: the diff to the datamodel, preceded by the backfills that it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.clients.postgres import Connection
from integrations.errors import Problem
from integrations.prisma.diff_script import (
    find_bare_not_null,
    find_losses,
    insert_texts,
    is_present_time,
    iterate_commands,
    parse_diff,
    read_new_defaults,
)
from integrations.sql_review.identifiers import quote_identifier, shorten_name
from integrations.sql_review.parser import ParsedStatement


@dataclass(frozen=True)
class Backfill:
    """A value for the rows that have none. ``origin`` says where it is from: schema, database or runbook."""

    table: str  # quoted
    column: str
    value: str  # an SQL expression
    origin: str

    @property
    def key(self) -> str:
        """“table.column”, as the parameter ``defaults`` names it."""
        return f"{shorten_name(self.table)}.{self.column}"

    @property
    def sql(self) -> str:
        """The statement."""
        name = quote_identifier(self.column)
        return f"UPDATE {self.table} SET {name} = {self.value} WHERE {name} IS NULL"  # noqa: S608 - quoted

    @property
    def description(self) -> str:
        """One sentence for a person, with a warning where the value is the time of the migration."""
        note = ": those rows get the time of this migration" if is_present_time(self.value) else ""
        return f"{self.key} = {self.value} where it is NULL ({self.origin}){note}"


@dataclass(frozen=True)
class Alignment:
    """The whole migration, and what it consists of. Empty ``sql``: there is nothing to align."""

    sql: str
    backfills: tuple[Backfill, ...] = ()
    losses: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes: also the checksum that Prisma stores."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def build_alignment(
    diff: str,
    conn: Connection,
    *,
    defaults: Mapping[str, str] | None = None,
    may_lose: Sequence[str] = (),
    explicit_transaction: bool = False,
) -> Alignment:
    """Builds the alignment from a diff and the live catalog.

    ``defaults`` decides “table.column” → SQL expression where the schema gives no default or another
    value is wanted; ``may_lose`` names the tables and “table.column”s whose loss is accepted.
    ``explicit_transaction`` puts BEGIN and COMMIT into the file: a driver adapter sends its statements
    one by one. Raises `Problem` that names every column without a value and every unaccepted loss.
    """
    if not diff.strip():
        return Alignment("")
    statements = parse_diff(diff)
    losses = find_losses(statements)
    _refuse_losses(losses, set(may_lose))
    _refuse_unlost(losses, may_lose)
    wanted = dict(defaults or {})
    backfills, undecided = _choose_backfills(statements, conn, wanted)
    texts, unfilled = _add_values(statements, wanted)
    _refuse_undecided([*undecided, *unfilled])
    _refuse_unused(wanted, statements)
    return Alignment(_format_file(backfills, texts, explicit_transaction), tuple(backfills), tuple(losses))


def draft_alignment(
    diff: str, conn: Connection, *, defaults: Mapping[str, str], explicit_transaction: bool = False
) -> Alignment:
    """As `build_alignment`, without its refusals: what it would be once everything is decided.

    Columns for which no value is known stay as the diff has them, so that a review still counts their rows.
    """
    statements = parse_diff(diff)
    wanted = {name: defaults[name] for name in find_touched_columns(statements) & defaults.keys()}
    backfills, _ = _choose_backfills(statements, conn, wanted)
    texts, _ = _add_values(statements, wanted)
    sql = _format_file(backfills, texts, explicit_transaction)
    return Alignment(sql, tuple(backfills), tuple(find_losses(statements)))


def _choose_backfills(
    statements: list[ParsedStatement], conn: Connection, wanted: Mapping[str, str]
) -> tuple[list[Backfill], list[str]]:
    """Returns the backfills for columns that become NOT NULL, and the columns for which no value is known."""
    defaults = read_new_defaults(statements)
    found, undecided = [], []
    for _, table, command in iterate_commands(statements):
        if command["subtype"] != "AT_SetNotNull":
            continue
        column = command["name"]
        key = f"{shorten_name(table)}.{column}"
        live = _query_default(conn, table, column)
        choices = (
            (wanted.get(key), "the runbook"),
            (defaults.get((table, column)), "default of the schema"),
            (None if (table, column) in defaults else live, "default of the database"),
        )
        chosen = next(((value, origin) for value, origin in choices if value), None)
        if chosen:
            found.append(Backfill(table, column, *chosen))
        elif has_nulls(conn, table, column):
            undecided.append(f"{key} ({_count_nulls(conn, table, column)} rows without a value)")
    return found, undecided


def _query_default(conn: Connection, table: str, column: str) -> str | None:
    row = conn.execute(
        "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a "
        "ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
        "WHERE d.adrelid = to_regclass(%s) AND a.attname = %s",
        [table, column],
    ).fetchone()
    return str(row[0]) if row else None


def has_nulls(conn: Connection, table: str, column: str) -> bool:
    """Whether any row has no value there."""
    query = f"SELECT EXISTS (SELECT FROM {table} WHERE {quote_identifier(column)} IS NULL)"  # noqa: S608 - quoted
    row = conn.execute(query.encode()).fetchone()
    return bool(row and row[0])


def _count_nulls(conn: Connection, table: str, column: str) -> int:
    query = f"SELECT count(*) FROM {table} WHERE {quote_identifier(column)} IS NULL"  # noqa: S608 - quoted
    row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _add_values(statements: list[ParsedStatement], wanted: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Returns the diff's statements, and the new columns for which no value is known.

    A new NOT NULL column without a default gets the runbook's value as a default, for the rows that exist;
    the default is dropped again afterwards.
    """
    texts, unfilled = [], []
    for each in statements:
        inserts: list[tuple[int, str]] = []
        drops: list[str] = []
        for _, table, command in iterate_commands([each]):
            if command["subtype"] != "AT_AddColumn" or (place := find_bare_not_null(command)) is None:
                continue
            column = command["def"]["ColumnDef"]["colname"]
            key = f"{shorten_name(table)}.{column}"
            if key not in wanted:
                unfilled.append(f"{key} (a new column that may not be NULL and has no default)")
                continue
            inserts.append((place, f"DEFAULT {wanted[key]} "))
            drops.append(f"ALTER TABLE {table} ALTER COLUMN {quote_identifier(column)} DROP DEFAULT")
        texts += [insert_texts(each, inserts), *drops]
    return texts, unfilled


def _refuse_losses(losses: list[str], accepted: set[str]) -> None:
    refused = [name for name in losses if name not in accepted]
    if refused:
        raise Problem(
            f"The alignment would drop {', '.join(refused)}, with all that is in there.",
            means="The datamodel does not know them. Nothing was changed.",
            next="Put them into the datamodel, or accept the loss: name each under may_lose: of this item.",
        )


def _refuse_unlost(losses: list[str], may_lose: Sequence[str]) -> None:
    """Raises `Problem` for an accepted loss that does not occur: mostly a misspelt name."""
    wrong = [f"{name} (entry {number})" for number, name in enumerate(may_lose, 1) if name not in losses]
    if wrong:
        raise Problem(
            f"The parameter may_lose names what the diff does not drop: {', '.join(wrong)}.",
            means="A name is written wrong, or the datamodel has it now. Nothing was changed.",
            next=f"The diff drops {', '.join(losses) or 'nothing'}. Correct the names under may_lose:.",
        )


def _refuse_undecided(columns: list[str]) -> None:
    if columns:
        raise Problem(
            f"There is no value yet for: {'; '.join(columns)}.",
            means="These columns become NOT NULL and the schema gives no default. Nothing was changed.",
            next="Decide with the owner of the data, and give each an SQL value under defaults: of this "
            "item, e.g. users.name: \"'unknown'\".",
        )


def find_touched_columns(statements: list[ParsedStatement]) -> set[str]:
    """Every “table.column” that a diff adds, drops or alters."""
    met = set()
    for _, table, command in iterate_commands(statements):
        column = command.get("name") or command.get("def", {}).get("ColumnDef", {}).get("colname")
        met.add(f"{shorten_name(table)}.{column}")
    return met


def _refuse_unused(wanted: Mapping[str, str], statements: list[ParsedStatement]) -> None:
    """Raises `Problem` for a default of a column that the diff does not touch: mostly a misspelt name."""
    unknown = sorted(set(wanted) - find_touched_columns(statements))
    if unknown:
        raise Problem(
            f"The parameter defaults names what the diff does not touch: {', '.join(unknown)}.",
            means="A name is written wrong, or the column is aligned already. Nothing was changed.",
            next="Correct the names (table.column, as in the database) under defaults: of this item.",
        )


def _format_file(backfills: list[Backfill], texts: list[str], explicit_transaction: bool) -> str:
    lines = ["-- Brings the tables that SQLAlchemy made to what the Prisma datamodel says."]
    lines += ["BEGIN;"] if explicit_transaction else []
    if backfills:
        lines += ["", "-- Rows without a value get one before the column forbids NULL."]
        lines += [f"{each.sql};" for each in backfills]
    lines += ["", "-- As prisma migrate diff gives it."]
    lines += [f"{text};" for text in texts]
    lines += ["COMMIT;"] if explicit_transaction else []
    return "\n".join(lines) + "\n"
