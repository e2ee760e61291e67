"""Indexes are valid, constraints are validated, and triggers are enabled."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import OF_PRODUCTION
from integrations.preflight.databases import PlannedDatabase, ask_databases
from integrations.preflight.result import CheckResult

_NOT_OURS = "n.nspname !~ '^(pg_|information_schema$)'"
INVALID_INDEXES = (
    """
select format('%I.%I', n.nspname, x.relname), format('%I.%I', n.nspname, c.relname), i.indisunique,
       x.relname ~ '_cc(new|old)[0-9]*$', x.relkind = 'I'
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = x.relnamespace
 where not (i.indisvalid and i.indisready and i.indislive) and """
    + _NOT_OURS
    + " order by 1"
)
UNVALIDATED = (
    """
select quote_ident(k.conname), format('%I.%I', n.nspname, c.relname), pg_get_constraintdef(k.oid)
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
 where not k.convalidated and """
    + _NOT_OURS
    + " order by 2, 1"
)
DISABLED_TRIGGERS = (
    """
select quote_ident(t.tgname), format('%I.%I', n.nspname, c.relname), t.tgisinternal,
       coalesce(quote_ident(k.conname), '')
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_constraint k on k.oid = t.tgconstraint
 where t.tgenabled in ('D', 'R') and """
    + _NOT_OURS
    + " order by 2, 1"
)


@preflight_check(
    "postgres.defects", "Indexes are valid, constraints validated, triggers enabled", texts_shown=True
)
def check_defects(scope: CheckScope) -> Iterator[CheckResult]:
    """Three queries of the catalog."""
    yield from ask_databases(scope, "indexes, constraints and triggers", _check, *OF_PRODUCTION)


def _check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    found = [
        *_invalid_indexes(connection, database),
        *_unvalidated(connection, database),
        *_disabled_triggers(connection, database),
    ]
    yield from found
    if not found:
        question = database.question("indexes, constraints and triggers", "whether any is not in force")
        yield question.green("All are in force.")


def _invalid_indexes(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    for index, table, is_unique, is_leftover, is_partitioned in connection.execute(INVALID_INDEXES):
        question = database.question(f"index {index}", "whether it is valid")
        seen = f"The index {index} on {table} is not valid: queries do not use it, and a dump leaves it out."
        if is_partitioned:
            change = "Attach an index of each partition to it (ALTER INDEX … ATTACH PARTITION)."
        elif is_leftover:
            change = f"It is left over from REINDEX CONCURRENTLY: DROP INDEX CONCURRENTLY {index};"
        else:
            change = f"REINDEX INDEX CONCURRENTLY {index}; or DROP INDEX CONCURRENTLY {index};"
        if is_unique and not is_leftover:
            seen += " It is unique, so rows may be there twice: the copy may refuse them."
            yield question.red(seen, f"Look for rows that are there twice, then {change}")
        else:
            yield question.amber(seen, change)


def _unvalidated(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    for name, table, definition in connection.execute(UNVALIDATED):
        question = database.question(f"constraint {name} of table {table}", "whether it is validated")
        yield question.amber(
            f"{table} has {definition}: rows from before it may break it, and then a restore or the new "
            "stack fails on them.",
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}; and correct the rows that it names.",
        )


def _disabled_triggers(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    internal: dict[tuple[str, str], None] = {}
    for name, table, is_internal, constraint in connection.execute(DISABLED_TRIGGERS):
        if is_internal:
            internal[table, constraint] = None
            continue
        question = database.question(f"trigger {name} of table {table}", "whether it is enabled")
        change = f"ALTER TABLE {table} ENABLE TRIGGER {name}; or know why it is off."
        yield question.amber(f"The trigger {name} of {table} is disabled.", change)
    for table, constraint in internal:
        question = database.question(f"foreign key {constraint} of table {table}", "whether it is in force")
        yield question.red(
            f"The triggers of the foreign key {constraint} on {table} are disabled: rows without a parent "
            "are accepted, and a restore fails on them.",
            f"ALTER TABLE {table} ENABLE TRIGGER ALL; after a look for rows without a parent.",
        )
