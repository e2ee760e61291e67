"""Addresses lead to a primary where that matters, and standbys say how far they are behind."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import NEED_PRIMARY
from integrations.preflight.databases import (
    PlannedDatabase,
    PlannedLogin,
    ask_databases,
    login_question,
    planned_logins,
)
from integrations.preflight.result import CheckResult

ASKED = "whether it is a primary or a standby"
PRIMARY_ONLY = ("read-write", "primary")
STANDBY = """
select extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::int8,
       current_setting('recovery_min_apply_delay')
"""
#: who follows this primary; the state of others is hidden from a login without pg_read_all_stats
FOLLOWERS = """
select current_setting('synchronous_standby_names'), count(*) filter (where sync_state in ('sync', 'quorum')),
       count(*) filter (where sync_state is null) from pg_stat_replication
"""


@preflight_check(
    "postgres.primary", "Databases that are written, backed up or compared are primaries", texts_shown=True
)
def check_primary(scope: CheckScope) -> Iterator[CheckResult]:
    """A few functions of the server."""
    for login in planned_logins(scope):
        yield from _check_hosts(login)
    yield from ask_databases(scope, ASKED, _check_role)


def _check_hosts(login: PlannedLogin) -> Iterator[CheckResult]:
    settings = postgres.connection_settings(login.url)
    if "," not in settings.get("host", "") or settings.get("target_session_attrs") in PRIMARY_ONLY:
        return
    question = login_question(login, "several hosts in the address", "which of the hosts is used")
    seen = "The address names several hosts and does not say which one is wanted: the first that answers."
    change = "Add target_session_attrs=read-write to the address, or name the primary alone."
    yield question.red(seen, change) if login.needs(*NEED_PRIMARY) else question.amber(seen, change)


def _check_role(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    items = tuple(key for login in database.logins for key in login.items(*NEED_PRIMARY))
    question = database.question("primary or standby", ASKED, items)
    row = connection.execute("select pg_is_in_recovery()").fetchone()
    if not (row and row[0]):
        yield _check_followers(connection, database)
        return
    seen = f"It is a standby: {_describe_lag(connection)}."
    if not items:
        yield question.amber(seen, "Know that what is read there may be older than the primary.")
        return
    uses = [use.value for login in database.logins for use in login.uses if use in NEED_PRIMARY]
    needs = ", one that ".join(dict.fromkeys(uses))
    yield question.red(
        f"{seen} The runbook needs a login there that {needs}.",
        "Give these systems the address of the primary: what is backed up or compared here is not complete.",
    )


def _describe_lag(connection: Connection) -> str:
    row = connection.execute(STANDBY).fetchone()
    seconds, received, delay = row if row else (None, None, "0")
    if seconds is None:
        words = "it has replayed no transaction since it started, so its lag is not known"
    elif received == 0:
        words = f"all WAL that it received is replayed; its last transaction was {seconds:.0f} s ago"
    else:
        words = f"its last replayed transaction is {seconds:.0f} s old"
    return words + (f"; recovery_min_apply_delay is {delay}" if delay not in ("0", "0ms") else "")


def _check_followers(connection: Connection, database: PlannedDatabase) -> CheckResult:
    question = database.question("primary or standby", ASKED)
    row = connection.execute(FOLLOWERS).fetchone()
    names, synchronous, hidden = row if row else ("", 0, 0)
    if not names or synchronous:
        return question.green("It is a primary.")
    seen = f"It is a primary, and waits at each commit for a synchronous standby ({names})"
    if hidden:
        change = "GRANT pg_read_all_stats to the login, or look at pg_stat_replication with another one."
        return question.unknown(f"{seen}; whether one is connected is hidden from this login.", change)
    change = "Start the standby, or take it out of synchronous_standby_names: until then no commit returns."
    return question.red(f"{seen}, and none is connected.", change)
