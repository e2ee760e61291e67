"""The clocks of the databases agree with the panel's, and every login sees times in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.clock_difference import ClockDifference, judge_clock
from integrations.preflight.databases import (
    PlannedDatabase,
    PlannedLogin,
    ask_databases,
    ask_logins,
    login_question,
)
from integrations.preflight.result import CheckResult

SAMPLES = 3  # the one with the shortest way there and back counts
ZONES = """
select zone.name,
       not exists (select from generate_series(now(), now() + interval '1 year', interval '1 month') moment
                    where moment at time zone zone.name <> moment at time zone 'UTC'),
       (select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace
        where a.atttypid = 'timestamp'::regtype and a.attnum > 0 and not a.attisdropped
          and c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema$)')
  from (select reset_val as name from pg_settings where name = 'TimeZone') zone
"""
#: where the setting comes from that a new session of this login has
SOURCES = """
select format('ALTER %s', case when s.setrole = 0 then format('DATABASE %I', d.datname)
                               when d.oid is null then format('ROLE %I', r.rolname)
                               else format('ROLE %I IN DATABASE %I', r.rolname, d.datname) end)
  from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
  left join pg_database d on d.oid = s.setdatabase
 where (s.setrole = 0 or r.rolname = session_user) and (s.setdatabase = 0 or d.datname = current_database())
   and exists (select from unnest(s.setconfig) c where lower(split_part(c, '=', 1)) = 'timezone')
 order by s.setrole <> 0 desc, s.setdatabase <> 0 desc limit 1
"""


@preflight_check(
    "postgres.clock", "The clocks of the databases agree with that of the panel's database", texts_shown=True
)
def check_clocks(scope: CheckScope) -> Iterator[CheckResult]:
    """Three times `clock_timestamp()` on each server; the uncertainty is the time of the shortest answer."""

    def compare(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        question = database.question("clock", "clock_timestamp(), compared with the panel's database")
        yield judge_clock(question, _measure(connection, scope))

    yield from ask_databases(scope, "clock", compare)


def _measure(connection: Connection, scope: CheckScope) -> ClockDifference:
    samples = []
    for _ in range(SAMPLES):
        before, started = scope.database_time(), time.monotonic()
        row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        after = before + timedelta(seconds=time.monotonic() - started)
        samples.append(ClockDifference.of(row[0], before, after))
    return min(samples, key=lambda sample: sample.most - sample.least)


@preflight_check("postgres.time_zones", "Every login of a database sees times in UTC", texts_shown=True)
def check_time_zones(scope: CheckScope) -> Iterator[CheckResult]:
    """The setting TimeZone that a new session of each login has, and where it is from."""

    def look(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
        question = login_question(login, "time zone", "the setting TimeZone of a new session")
        row = connection.execute(ZONES).fetchone()
        assert row is not None
        zone, is_utc, columns = row
        if is_utc:
            yield question.green(f"TimeZone is {zone}.")
            return
        source = connection.execute(SOURCES).fetchone()
        seen = f"TimeZone is {zone}{f', by {source[0]}' if source else ', by the server’s configuration'}."
        yield question.amber(f"{seen} {_meaning(columns)}", _remedy(login, source[0] if source else ""))

    yield from ask_logins(scope, "time zone", look)


def _meaning(columns: int) -> str:
    if not columns:
        return "No column is a timestamp without time zone: only what is shown differs."
    return (
        f"{columns} columns are timestamps without time zone: now() writes other values there than a login "
        "in UTC does, and casts to timestamptz shift them."
    )


def _remedy(login: PlannedLogin, source: str) -> str:
    change = f"{source} SET timezone = 'UTC'" if source else "ALTER DATABASE … SET timezone = 'UTC'"
    return (
        f"Find out in which zone the application writes. If in UTC: {change}. If not, the new stack and each "
        f"USING of the migration has to read these values in that zone ({login.role} sees them so)."
    )
