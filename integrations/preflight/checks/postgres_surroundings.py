"""What else lives in a database and acts on a migration: event triggers, replication, vacuum."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import OF_PRODUCTION, DatabaseUse
from integrations.preflight.databases import PlannedDatabase, ask_databases
from integrations.preflight.result import CheckResult
from integrations.sizes import format_bytes

MUCH_WAL = 1_000_000_000  # bytes that a slot without a reader may keep before it is worth a word
EVENT_TRIGGERS = """
select quote_ident(evtname), evtevent, evtfoid::regprocedure::text from pg_event_trigger
 where evtenabled <> 'D' and not exists (
   select from pg_depend d where d.classid = 'pg_event_trigger'::regclass and d.objid = pg_event_trigger.oid
      and d.deptype = 'e')
 order by 1
"""
SLOTS = """
select slot_name, slot_type, active, coalesce(database = current_database(), false),
       case when pg_is_in_recovery() then null
            else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 end,
       coalesce(to_jsonb(s) ->> 'wal_status', '')
  from pg_replication_slots s order by 1
"""
SUBSCRIPTIONS = """
select quote_ident(subname), subenabled from pg_subscription s
 where subdbid = (select oid from pg_database where datname = current_database()) order by 1
"""
PUBLICATIONS = """
select quote_ident(p.pubname), p.puballtables,
       array(select format('%I.%I', t.schemaname, t.tablename) from pg_publication_tables t
              where t.pubname = p.pubname order by 1)
  from pg_publication p order by 1
"""
#: share of the distance to the end of transaction numbers, and when vacuum insists
AGES = """
select age(datfrozenxid), mxid_age(datminmxid),
       current_setting('autovacuum_freeze_max_age')::int8
  from pg_database where datname = current_database()
"""
#: An autovacuum that has to prevent wraparound does not give way to ALTER TABLE.
INSISTING = """
select coalesce(n.nspname || '.' || c.relname, ''), a.pid from pg_stat_activity a
  left join pg_stat_progress_vacuum v on v.pid = a.pid left join pg_class c on c.oid = v.relid
  left join pg_namespace n on n.oid = c.relnamespace
 where a.datname = current_database() and a.query like '%to prevent wraparound%'
   and a.backend_type = 'autovacuum worker' order by 1
"""
DANGER = 1_500_000_000  # of about 2.1 billion: the server stops taking writes near the end


@preflight_check(
    "postgres.event_triggers", "No event trigger acts on the migration unnoticed", texts_shown=True
)
def check_event_triggers(scope: CheckScope) -> Iterator[CheckResult]:
    """pg_event_trigger, without those of extensions."""
    yield from ask_databases(scope, "event triggers", _check_event_triggers, *OF_PRODUCTION)


def _check_event_triggers(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    found = connection.execute(EVENT_TRIGGERS).fetchall()
    for name, event, function in found:
        yield database.question(f"event trigger {name}", "whether any acts on ALTER, CREATE or DROP").amber(
            f"{name} runs {function} on each {event}: it may refuse the migration, or do more than it says.",
            f"Read {function}; if it need not run: ALTER EVENT TRIGGER {name} DISABLE; until all is done.",
        )
    if not found:
        yield database.question("event triggers", "whether any acts on DDL").green("There is none.")


@preflight_check(
    "postgres.replication", "No replication stops the cutover, and the cutover stops none", texts_shown=True
)
def check_replication(scope: CheckScope) -> Iterator[CheckResult]:
    """Slots, subscriptions and publications."""
    yield from ask_databases(scope, "replication", _check_replication, *OF_PRODUCTION)


def _check_replication(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    found = [
        *_check_slots(connection, database),
        *_check_subscriptions(connection, database),
        *_check_publications(connection, database),
    ]
    yield from found
    if not found:
        question = database.question("replication", "slots, subscriptions and publications")
        yield question.green("No slot is without a reader, and nothing is published or subscribed.")


def _check_slots(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    for name, kind, is_active, is_here, kept, status in connection.execute(SLOTS):
        question = database.question(f"replication slot {name}", "whether it is read, and what it blocks")
        drop = f"SELECT pg_drop_replication_slot({sql.Literal(name).as_string(connection)});"
        if kind == "logical" and is_here and database.needs(DatabaseUse.RESTORE_OVER):
            yield question.red(
                f"The logical slot {name} reads this database. A rollback puts another one in its place, and "
                "the reader of the slot would not see it.",
                f"Plan its reader: stop it before the cutover, {drop} and set it up again afterwards.",
            )
        elif not is_active and (status in ("lost", "unreserved") or (kept or 0) > MUCH_WAL):
            size = format_bytes(kept or 0)
            seen = f"Nobody reads the slot {name}; it keeps {size} of WAL ({status or 'reserved'})."
            yield question.red(f"{seen} A migration that writes much may fill the disk.", drop)
        elif not is_active:
            seen = f"Nobody reads the slot {name}: the server keeps all WAL that the migration writes."
            yield question.amber(seen, f"Start its reader, or {drop}")


def _check_subscriptions(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    for name, is_enabled in connection.execute(SUBSCRIPTIONS):
        question = database.question(f"subscription {name}", "whether the database receives changes")
        state = "receives" if is_enabled else "is set up to receive"
        seen = f"The database {state} changes of another one ({name}): these pass a freeze."
        yield question.red(
            f"{seen} A dump holds the subscription too, and a database with one cannot be dropped.",
            f"ALTER SUBSCRIPTION {name} DISABLE; before the freeze; DROP SUBSCRIPTION {name}; before a swap.",
        )


def _check_publications(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    for name, is_of_all, tables in connection.execute(PUBLICATIONS):
        question = database.question(f"publication {name}", "whether others receive changes")
        what = "every table" if is_of_all else ", ".join(tables) or "no table"
        yield question.amber(
            f"{name} publishes {what}. ALTER TABLE is not replicated: a subscriber with another table stops "
            "at the first new row.",
            "Change the subscribers' tables first, or stop them, and tell their owners.",
        )


@preflight_check("postgres.wraparound", "No vacuum that prevents wraparound is due or runs", texts_shown=True)
def check_wraparound(scope: CheckScope) -> Iterator[CheckResult]:
    """The age of the oldest transaction number, and what autovacuum does now."""
    yield from ask_databases(scope, "transaction numbers", _check_wraparound, *OF_PRODUCTION)


def _check_wraparound(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    row = connection.execute(AGES).fetchone()
    assert row is not None
    age, multi, limit = row
    question = database.question("age of transaction numbers", "how far away a wraparound is")
    seen = f"The oldest transaction is {max(age, multi):,} transactions old; autovacuum insists at {limit:,}."
    vacuum = "Let VACUUM (FREEZE) finish on the oldest tables before the window."
    if max(age, multi) > DANGER:
        yield question.red(f"{seen} The server refuses writes near 2.1 billion.", vacuum)
    elif age > 0.9 * limit:
        yield question.amber(
            f"{seen} It may begin in the window, and does not give way to ALTER TABLE.", vacuum
        )
    else:
        yield question.green(seen)
    for table, pid in connection.execute(INSISTING):
        name = table or "a table"
        question = database.question(f"vacuum of {name}", "whether one runs that does not give way")
        yield question.red(
            f"Autovacuum (process {pid}) prevents wraparound on {name}: ALTER TABLE waits for it.",
            "Let it finish before the window; do not end it, it begins again.",
        )
