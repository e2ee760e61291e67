"""Makes one role read-only in one database, and gives back exactly what was before.

The means is ``ALTER ROLE … IN DATABASE … SET default_transaction_read_only = on``, after which every
session that began earlier is ended. Write privileges are *not* revoked as well: the role often owns
its tables, revoking would also hit the migrator where that is a member of the owner, would cascade to
grants made onward, and could not be given back exactly. A program that lifts the default for its own
session could still write; that is not hoped away but looked for (`writers`, `rows_written`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from integrations.clients import durable, postgres
from integrations.errors import Problem

SETTING = "default_transaction_read_only"
TRUE = {"on", "true", "yes", "1", "t", "y", "tru", "tr", "ye"}


@dataclass(frozen=True)
class Login:
    """The old application's role in its database, as the server names them."""

    role: str
    database: str


@dataclass(frozen=True)
class Original:
    """How it was before the freeze: the role's own setting in this database (None: it had none), all
    its settings for the record (``database`` “*” is the whole cluster), and whether a write went through."""

    role: str
    database: str
    own: str | None
    settings: list[dict[str, Any]]
    writable: bool

    def keep(self, folder: Path) -> None:
        """Writes it down for good, before anything changes. What is there already stays: it is older."""
        path = _path(folder, Login(self.role, self.database))
        if path.exists():
            return
        durable.private_folder(folder)
        durable.write(path, json.dumps(asdict(self)).encode())


def _path(folder: Path, login: Login) -> Path:
    name = re.sub(r"[^\w-]", "_", f"{login.database}-{login.role}")
    return folder / f"freeze-{name}.json"


def kept(folder: Path, login: Login) -> Original | None:
    """What an earlier freeze of this login wrote down, None where there was none."""
    path = _path(folder, login)
    return Original(**json.loads(path.read_text())) if path.exists() else None


def forget(folder: Path, login: Login) -> None:
    """The freeze is lifted: what was before it is history now."""
    path = _path(folder, login)
    if path.exists():
        path.unlink()
        durable.sync(folder)


def login_of(admin: postgres.Connection, application_url: str, attempt: str) -> Login:
    """The login behind the application's address; a `Problem` when it leads to another database."""
    query = (
        "select session_user, current_database(), oid::text, pg_postmaster_start_time()::text"
        " from pg_database where datname = current_database()"
    )
    with postgres.connect(application_url, attempt=attempt, readonly=True) as application:
        mine = application.execute(query).fetchone()
    theirs = admin.execute(query).fetchone()
    assert mine is not None
    assert theirs is not None
    if mine[1:] != theirs[1:]:
        raise Problem(
            f"The application works on the database {mine[1]}, the administrator on {theirs[1]}: "
            "they are not the same one.",
            means="A freeze set there would not stop the application. Nothing was changed.",
            next="Correct the two addresses under systems: in the runbook, or their variables.",
        )
    if mine[0] == theirs[0]:
        raise Problem(
            f"The application and the administrator are the same role, {mine[0]}.",
            means="The freeze would end and freeze its own session, and the migrator with it.",
            next="Give the runbook an administrating role of its own. Nothing was changed.",
        )
    return Login(mine[0], mine[1])


def role_settings(admin: postgres.Connection, login: Login) -> list[dict[str, Any]]:
    """Every setting of the role, in this database and (``*``) in the whole cluster."""
    rows = admin.execute(
        "select coalesce(d.datname, '*'), s.setconfig from pg_db_role_setting s"
        " join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase"
        " where r.rolname = %s and (s.setdatabase = 0 or d.datname = %s) order by 1",
        [login.role, login.database],
    )
    return [{"database": database, "config": list(config)} for database, config in rows]


def own_setting(admin: postgres.Connection, login: Login) -> str | None:
    """The role's `SETTING` in this very database, None where it has none."""
    for row in role_settings(admin, login):
        for entry in row["config"]:
            name, _, value = entry.partition("=")
            if row["database"] == login.database and name == SETTING:
                return str(value)
    return None


def is_on(value: str | None) -> bool:
    """Whether a setting's text means yes to PostgreSQL."""
    return value is not None and value.lower() in TRUE


def statement(login: Login, value: str | None) -> sql.Composed:
    """The SQL that gives the role this value in this database; None takes its setting away."""
    change = sql.SQL("reset {}") if value is None else sql.SQL("set {} = {}")
    parts = [sql.Identifier(SETTING), *([] if value is None else [sql.Literal(value)])]
    return sql.SQL("alter role {} in database {} {}").format(
        sql.Identifier(login.role), sql.Identifier(login.database), change.format(*parts)
    )


def set_own(admin: postgres.Connection, login: Login, value: str | None) -> str:
    """Does that and returns the SQL. Raises `Problem` where the administrator may not."""
    command = statement(login, value)
    admin.execute(sql.SQL("set {} = off").format(sql.Identifier(SETTING)))  # the database may have it on
    try:
        admin.execute(command)
    except errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not change the settings of the role {login.role}: "
            f"{error.diag.message_primary}.",
            means="Nothing was changed: the application still writes as before.",
            next=f"Use a superuser, or a role with CREATEROLE and ADMIN on {login.role}.",
        ) from None
    return command.as_string(admin)


def sessions(admin: postgres.Connection, login: Login) -> list[dict[str, Any]]:
    """The role's open sessions in this database: pid, start, what program; not those of the panel's proof."""
    rows = admin.execute(
        "select pid, backend_start::text, application_name, coalesce(state, '') from pg_stat_activity"
        " where usename = %s and datname = %s and pid <> pg_backend_pid() order by backend_start",
        [login.role, login.database],
    )
    return [{"pid": p, "started": s, "application": a, "state": st} for p, s, a, st in rows]


def end_sessions(admin: postgres.Connection, login: Login, check: Callable[[], None]) -> int:
    """Ends every session that began before now, and returns when the last is gone: how many there were.

    Those that begin from here on read the role's new setting. Raises `Problem` after 20 s.
    """
    now = admin.execute("select clock_timestamp()").fetchone()
    assert now is not None
    ended: set[int] = set()
    for _ in range(100):
        check()
        left = _end_older(admin, login, now[0])
        ended |= left
        if not left:
            return len(ended)
        time.sleep(0.2)
    raise Problem(
        f"{len(left)} session(s) of {login.role} do not end: process {', '.join(map(str, sorted(left)))}.",
        means="The role is changed, but these sessions go on under the old setting.",
        next="Look at them in pg_stat_activity, end their program on its own host, then start this again.",
    )


def _end_older(admin: postgres.Connection, login: Login, than: Any) -> set[int]:
    try:
        rows = admin.execute(
            "select pid, pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = %s and datname = %s and backend_start <= %s and pid <> pg_backend_pid()",
            [login.role, login.database, than],
        )
        return {row[0] for row in rows}
    except errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not end the sessions of {login.role}: {error.diag.message_primary}.",
            means="The role is changed, but its open sessions go on under the old setting.",
            next=f"Grant pg_signal_backend to {admin.info.user} (or use a superuser), then start this again.",
        ) from None


def prepared(admin: postgres.Connection, login: Login) -> list[str]:
    """Names of the role's prepared transactions: they write when they are committed, frozen or not."""
    rows = admin.execute(
        "select gid from pg_prepared_xacts where owner = %s and database = %s order by prepared",
        [login.role, login.database],
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Proof:
    """What PostgreSQL answered to a test write as the application: ``sqlstate`` is empty when it was
    accepted (and rolled back), 25006 when the freeze refused it."""

    accepted: bool
    statement: str
    sqlstate: str
    message: str

    @property
    def frozen(self) -> bool:
        return self.sqlstate == errors.ReadOnlySqlTransaction.sqlstate


CANDIDATE = """
select n.nspname, c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^(pg_|information_schema$)'
and has_schema_privilege(n.oid, 'usage')
and has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'update')
and a.attgenerated = '' and a.attidentity <> 'a'
order by c.reltuples <= 0, c.relpages, n.nspname, c.relname, a.attnum limit 1
"""


def _self_update(schema: str, name: str, attribute: str) -> sql.Composed:
    table, column = sql.Identifier(schema, name), sql.Identifier(attribute)
    command = sql.SQL("update {} set {} = {} where ctid = (select ctid from {} limit 1)")
    return command.format(table, column, column, table)


def try_write(application_url: str, attempt: str) -> Proof:
    """Tries a write with the application's own login and takes it back: one row is set to itself (an
    empty database: a temporary table is made). Leaves nothing, whatever the answer."""
    with postgres.connect(application_url, attempt=attempt, autocommit=False) as application:
        application.execute("set lock_timeout = '5s'")
        found = application.execute(CANDIDATE).fetchone()
        command = _self_update(*found) if found else sql.SQL("create temp table cutover_test ()").format()
        text = command.as_string(application)
        try:
            application.execute(command)
        except psycopg.Error as error:
            return Proof(False, text, error.sqlstate or "", (error.diag.message_primary or str(error)))
        finally:
            application.rollback()
        return Proof(True, text, "", "accepted, and rolled back")


def writers(admin: postgres.Connection, login: Login) -> list[int]:
    """Sessions of the role that hold a transaction number although it is frozen: they lifted the freeze."""
    rows = admin.execute(
        "select pid from pg_stat_activity where usename = %s and datname = %s and backend_xid is not null",
        [login.role, login.database],
    )
    return [row[0] for row in rows]


def rows_written(admin: postgres.Connection) -> dict[str, int]:
    """Rows inserted, updated and deleted so far, by table, whoever did it."""
    rows = admin.execute(
        "select format('%I.%I', schemaname, relname), n_tup_ins + n_tup_upd + n_tup_del"
        " from pg_stat_user_tables"
    )
    return {row[0]: int(row[1]) for row in rows}
