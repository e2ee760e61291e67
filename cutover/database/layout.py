"""The statements that give each role what it needs: made from the database as it is, run by the owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from cutover.database.rights import RIGHTS, SEQUENCES, Columns, Rights

SCHEMA = "public"
NAMES = sql.Identifier
#: django-pgtrigger lets any session turn triggers off with ``SET pgtrigger.ignore``; this ends that.
CLOSE_PGTRIGGER_IGNORE: LiteralString = """
CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""
COLUMNS = """
    SELECT attname, attidentity <> '' FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
RELATIONS = """
    SELECT relname, relkind::text, pg_has_role(relowner, 'USAGE') FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm') ORDER BY relkind, relname
"""
OWNERS_ABOVE = """
    SELECT 'DATABASE', datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s
    UNION ALL SELECT 'SCHEMA', nspname, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'
"""
OWNERS = """
    SELECT relname, pg_get_userbyid(relowner) FROM pg_class c
    WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm') AND NOT EXISTS (
        SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY relkind, relname
"""
#: Trigger functions and others; those of extensions stay with their extension.
FUNCTIONS = """
    SELECT oid::regprocedure::text, pg_get_userbyid(proowner), prorettype = 'trigger'::regtype FROM pg_proc p
    WHERE pronamespace = %s::regnamespace AND NOT EXISTS (
        SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1
"""
OWNED_SEQUENCES = """
    SELECT s.relname, t.relname FROM pg_class s
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
    JOIN pg_class t ON t.oid = d.refobjid
    WHERE s.relkind = 'S' AND s.relnamespace = %s::regnamespace ORDER BY 1
"""


@dataclass(frozen=True)
class Layout:
    """Reads the catalog through the owner's ``cursor``, and gives statements for the role ``application``."""

    cursor: CursorWrapper
    application: str

    def rights(self) -> Iterator[sql.Composed]:
        """What `migrate` runs each time: takes every right away, then gives those of `RIGHTS`."""
        yield from self._closed_doors()
        own = {name: kind for name, kind, is_ours in self._ask(RELATIONS, SCHEMA) if is_ours}
        yield from self._revoke("SEQUENCE", [name for name, kind in own.items() if kind == "S"])
        yield from self._revoke("TABLE", [name for name, kind in own.items() if kind != "S"])
        for table, rights in RIGHTS.items():
            if table in own:
                yield self._grant(table, rights)
        yield from self._grant_sequences(own)

    def _closed_doors(self) -> Iterator[sql.Composed]:
        """No temporary table or schema may stand before the real tables when a trigger looks them up."""
        role, database = NAMES(self.application), NAMES(str(self.cursor.db.settings_dict["NAME"]))
        yield sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC, {}").format(database, role)
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role)
        yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(role)
        yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role)
        functions = self._ask(FUNCTIONS, SCHEMA)
        if any(name.startswith("_pgtrigger_should_ignore") for name, _, _ in functions):
            yield sql.Composed([sql.SQL(CLOSE_PGTRIGGER_IGNORE)])
        for name, _, is_trigger in functions:
            if is_trigger:
                yield sql.SQL("ALTER FUNCTION {} SET search_path = pg_catalog, public, pg_temp").format(
                    _raw(name)
                )

    def _revoke(self, kind: LiteralString, names: list[str]) -> Iterator[sql.Composed]:
        if names:
            listed, role = sql.SQL(", ").join(map(NAMES, names)), NAMES(self.application)
            yield sql.SQL("REVOKE ALL ON {} {} FROM PUBLIC, {}").format(sql.SQL(kind), listed, role)

    def _grant(self, table: str, rights: Rights) -> sql.Composed:
        columns = self._ask(COLUMNS, f'{SCHEMA}."{table}"')
        parts: list[sql.Composable] = [sql.SQL("SELECT")]
        if rights.insert:
            parts.append(_on_columns("INSERT", [name for name, is_identity in columns if not is_identity]))
        if rights.update is Columns.ALL:
            parts.append(sql.SQL("UPDATE"))
        elif rights.update:
            parts.append(_on_columns("UPDATE", [name for name, _ in columns if name in rights.update]))
        if rights.delete:
            parts.append(sql.SQL("DELETE"))
        granted = sql.SQL(", ").join(parts)
        return sql.SQL("GRANT {} ON {} TO {}").format(granted, NAMES(table), NAMES(self.application))

    def _grant_sequences(self, relations: dict[str, str]) -> Iterator[sql.Composed]:
        usable = [name for name in SEQUENCES if name in relations]
        usable += [name for name, table in self._ask(OWNED_SEQUENCES, SCHEMA) if _adds_rows(table)]
        for name in usable:
            yield sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(NAMES(name), NAMES(self.application))

    def ownership(self, owner: str) -> Iterator[sql.Composed]:
        """Gives the owner what belongs to somebody else. Sequences of columns follow their table."""
        database = str(self.cursor.db.settings_dict["NAME"])
        for kind, name, belongs_to in self._ask(OWNERS_ABOVE, database):
            if belongs_to == self.application:
                what = sql.SQL("DATABASE" if kind == "DATABASE" else "SCHEMA")
                yield sql.SQL("ALTER {} {} OWNER TO {}").format(what, NAMES(name), NAMES(owner))
        follow = {name for name, _ in self._ask(OWNED_SEQUENCES, SCHEMA)}
        for name, belongs_to in self._ask(OWNERS, SCHEMA):
            if belongs_to != owner and name not in follow:
                yield sql.SQL("ALTER TABLE {} OWNER TO {}").format(NAMES(name), NAMES(owner))
        for name, belongs_to, _ in self._ask(FUNCTIONS, SCHEMA):
            if belongs_to != owner:
                yield sql.SQL("ALTER FUNCTION {} OWNER TO {}").format(_raw(name), NAMES(owner))

    def _ask(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(query, values)
        return list(self.cursor.fetchall())


def _raw(signature: str) -> sql.SQL:
    """A function's signature as the catalog itself wrote it, quoted where that is needed."""
    return sql.SQL(signature)


def _on_columns(right: LiteralString, columns: list[str]) -> sql.Composed:
    return sql.SQL(right) + sql.SQL(" ({})").format(sql.SQL(", ").join(map(NAMES, columns)))


def _adds_rows(table: str) -> bool:
    rights = RIGHTS.get(table)
    return rights is not None and rights.insert
