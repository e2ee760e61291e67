"""Makes one role read-only in one database, and restores exactly what was before.

The means is ``ALTER ROLE … IN DATABASE … SET default_transaction_read_only = on``, after which every
session that began earlier is terminated. Write privileges are *not* revoked as well: the role often owns
its tables, revoking would also hit the migrator where that is a member of the owner, would cascade to
grants made onward, and could not be given back exactly. A program that lifts the default for its own
session can still write; `find_writing_sessions` and `count_written_rows` show that.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psycopg import errors, sql

from integrations import atomic_files
from integrations.artefacts import ArtefactStore
from integrations.clients import lock_waits, postgres
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Problem

SETTING = "default_transaction_read_only"
TRUE = {"on", "true", "yes", "1", "t", "y", "tru", "tr", "ye"}


@dataclass(frozen=True)
class DatabaseLogin:
    """The old application's role in its database, as the server names them."""

    role: str
    database: str


@dataclass(frozen=True)
class StateBeforeFreeze:
    """What a freeze has to restore. Attempts record it as evidence under these names.

    ``own`` is the role's setting in this database (None: it had none); ``settings`` are all of its settings,
    for the record (``database`` “*” is the whole cluster); ``writable`` is whether a test write passed.
    """

    role: str
    database: str
    own: str | None
    settings: list[dict[str, Any]]
    writable: bool

    def save(self, store: ArtefactStore) -> None:
        """Writes the state where all hosts find it. Call it before anything changes."""
        # A file that is there is from an earlier freeze, before the role was changed. It must not be replaced
        # by what the role is now.
        path = _path(store, DatabaseLogin(self.role, self.database))
        if store.has(path):
            return
        atomic_files.make_private_folder(path.parent)
        atomic_files.write_file(path, json.dumps(asdict(self)).encode())
        store.publish(path)


def _path(store: ArtefactStore, login: DatabaseLogin) -> Path:
    name = re.sub(r"[^\w-]", "_", f"{login.database}-{login.role}")
    return store.root / f"freeze-{name}.json"


def read_saved_state(store: ArtefactStore, login: DatabaseLogin) -> StateBeforeFreeze | None:
    """Returns what an earlier freeze of this login saved, None when there was none."""
    saved = store.read(str(_path(store, login)))
    return StateBeforeFreeze(**json.loads(saved)) if saved is not None else None


def delete_saved_state(store: ArtefactStore, login: DatabaseLogin) -> None:
    """Deletes what a freeze saved; call it when the freeze is lifted."""
    store.remove(_path(store, login))


def find_login(admin: postgres.Connection, application_url: str, attempt: str) -> DatabaseLogin:
    """Returns the login behind the application's address.

    Raises `Problem` when the two addresses lead to different databases, or have the same role.
    """
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
    return DatabaseLogin(mine[0], mine[1])


def read_role_settings(admin: postgres.Connection, login: DatabaseLogin) -> list[dict[str, Any]]:
    """Returns the role's settings: ``{"database": str, "config": ["name=value"]}``, “*” for the cluster."""
    rows = admin.execute(
        "select coalesce(d.datname, '*'), s.setconfig from pg_db_role_setting s"
        " join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase"
        " where r.rolname = %s and (s.setdatabase = 0 or d.datname = %s) order by 1",
        [login.role, login.database],
    )
    return [{"database": database, "config": list(config)} for database, config in rows]


def read_own_setting(admin: postgres.Connection, login: DatabaseLogin) -> str | None:
    """Returns the role's `SETTING` in this database, None when it has none."""
    for row in read_role_settings(admin, login):
        for entry in row["config"]:
            name, _, value = entry.partition("=")
            if row["database"] == login.database and name == SETTING:
                return str(value)
    return None


def is_on(value: str | None) -> bool:
    """Whether PostgreSQL reads a setting's text as true."""
    return value is not None and value.lower() in TRUE


def build_statement(login: DatabaseLogin, value: str | None) -> sql.Composed:
    """Returns the SQL that sets `SETTING` for the role in this database; None resets it."""
    change = sql.SQL("reset {}") if value is None else sql.SQL("set {} = {}")
    parts = [sql.Identifier(SETTING), *([] if value is None else [sql.Literal(value)])]
    return sql.SQL("alter role {} in database {} {}").format(
        sql.Identifier(login.role), sql.Identifier(login.database), change.format(*parts)
    )


def apply_own_setting(admin: postgres.Connection, login: DatabaseLogin, value: str | None) -> str:
    """Runs `build_statement` and returns its SQL. Raises `Problem` when the administrator may not."""
    command = build_statement(login, value)
    # The database itself may be read-only by default, and then the administrator's session is, too.
    admin.execute(sql.SQL("set {} = off").format(sql.Identifier(SETTING)))
    try:
        lock_waits.execute_change(admin, command)
    except errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not change the settings of the role {login.role}: "
            f"{describe_error(error)}.",
            means="Nothing was changed: the application still writes as before.",
            next=f"Use a superuser, or a role with CREATEROLE and ADMIN on {login.role}.",
        ) from None
    return command.as_string(admin)


def list_sessions(admin: postgres.Connection, login: DatabaseLogin) -> list[dict[str, Any]]:
    """Returns the role's sessions in this database: ``pid``, ``started``, ``application``, ``state``."""
    rows = admin.execute(
        "select pid, backend_start::text, application_name, coalesce(state, '') from pg_stat_activity"
        " where usename = %s and datname = %s and pid <> pg_backend_pid() order by backend_start",
        [login.role, login.database],
    )
    return [{"pid": p, "started": s, "application": a, "state": st} for p, s, a, st in rows]


def end_sessions(admin: postgres.Connection, login: DatabaseLogin, check: Callable[[], None]) -> int:
    """Terminates every session that began before now, and returns how many when the last is gone.

    Sessions that begin later read the role's new setting. Raises `Problem` after 20 s, and when the
    administrator may not end them. ``check`` may raise to stop.
    """
    now = admin.execute("select clock_timestamp()").fetchone()
    assert now is not None
    ended: set[int] = set()
    # pg_terminate_backend only sends a signal. The loop ends when no session of before is left.
    for _ in range(100):
        check()
        left = _terminate_older(admin, login, now[0])
        ended |= left
        if not left:
            return len(ended)
        time.sleep(0.2)
    raise Problem(
        f"{len(left)} session(s) of {login.role} do not end: process {', '.join(map(str, sorted(left)))}.",
        means="The role is changed, but these sessions go on under the old setting.",
        next="Look at them in pg_stat_activity, end their program on its own host, then start this again.",
    )


def _terminate_older(admin: postgres.Connection, login: DatabaseLogin, than: Any) -> set[int]:
    try:
        rows = admin.execute(
            "select pid, pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = %s and datname = %s and backend_start <= %s and pid <> pg_backend_pid()",
            [login.role, login.database, than],
        )
        return {row[0] for row in rows}
    except errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not end the sessions of {login.role}: {describe_error(error)}.",
            means="The role is changed, but its open sessions go on under the old setting.",
            next=f"Grant pg_signal_backend to {admin.info.user} (or use a superuser), then start this again.",
        ) from None


def list_prepared_transactions(admin: postgres.Connection, login: DatabaseLogin) -> list[str]:
    """Returns the names of the role's prepared transactions, which write on commit in spite of a freeze."""
    rows = admin.execute(
        "select gid from pg_prepared_xacts where owner = %s and database = %s order by prepared",
        [login.role, login.database],
    )
    return [row[0] for row in rows]


def find_writing_sessions(admin: postgres.Connection, login: DatabaseLogin) -> list[int]:
    """Returns the pids of the role's sessions that have a transaction number, so they lifted the freeze."""
    rows = admin.execute(
        "select pid from pg_stat_activity where usename = %s and datname = %s and backend_xid is not null",
        [login.role, login.database],
    )
    return [row[0] for row in rows]


def count_written_rows(admin: postgres.Connection) -> dict[str, int]:
    """Returns table → rows inserted, updated and deleted so far, by any role."""
    rows = admin.execute(
        "select format('%I.%I', schemaname, relname), n_tup_ins + n_tup_upd + n_tup_del"
        " from pg_stat_user_tables"
    )
    return {row[0]: int(row[1]) for row in rows}
