"""What a rollback would lose is told by keys and rows of every table; what nobody can tell is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, Outcome, ProbeStatus, RunbookItem, registry
from integrations.backups.kept_copies import find_foreign_mark, mark_kept
from integrations.clients import postgres
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import as_role
from tests.integrations.recorder import Recorder

ACTION = registry()["rollback.assess"]
TAKEN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SHA256 = "ab" * 32

#: The old schema, with rows as they were when the backup was taken.
OLD = """
create table donations (id serial primary key, amount numeric(10,2), currency text default 'GHS',
    status text default 'completed', created_at timestamp default current_timestamp);
create table members (id serial primary key, name varchar(80), notes json, joined timestamp(6));
create table rooms (id serial primary key, name text);
create table keyless (what text, n int);
create table visits (id int, day date, primary key (id, day)) partition by range (day);
create table visits_26 partition of visits for values from ('2026-01-01') to ('2027-01-01');
create table tokens (token text primary key, created_at timestamp);
create table gallery (id int generated always as identity primary key, first text, last text);
create table old_log (id int primary key);
insert into donations (amount, created_at) select i, '2026-11-01' from generate_series(1, 20) i;
insert into members (name, notes, joined)
    select 'Ama ' || i, '{"b": 1, "a": 2}', '2026-01-01 10:00:00.123456' from generate_series(1, 9) i;
insert into rooms (name) values ('Hall'), ('Garden');
insert into keyless values ('a', 1), ('b', 2);
insert into visits select i, '2026-05-01' from generate_series(1, 5) i;
insert into gallery (first, last) values ('a', 'b');
insert into old_log values (1);
"""


@dataclass
class Sides:
    """The live database and the restored copy of its backup."""

    live: str
    copy: str
    make_context: Callable[..., Context]

    def execute(self, *statements: str, url: str = "") -> None:
        with psycopg.connect(url or self.live, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def bind(
        self,
        *,
        live: str = "",
        declared: tuple[Any, ...] = (),
        verified: dict[str, Any] | None = None,
        backup: dict[str, Any] | None = None,
        before: dict[str, Any] | None = None,
        **raw: Any,
    ) -> Any:
        systems = {
            "live": {"kind": "postgres", "url": live or self.live},
            "scratch": {"kind": "postgres", "url": self.copy},
        }
        proof = {"equal": True, "sha256": SHA256, "database": self.copy.rpartition("/")[2]}
        taken = {"taken_at": TAKEN.isoformat(), "sha256": SHA256, "counts": {"public.donations": 20}}
        context = self.make_context(
            systems,
            take={"backup": backup or taken},
            prove={"verified": verified or proof},
            before=before or {},
        )
        context.items["before"] = RunbookItem("parity.fingerprint", {"declared": list(declared)})
        asked = {"verified": "prove", "scratch": "scratch", "before": "before"}
        return ACTION.bind({"database": "live", "backup": "take", **asked, **raw}, context)

    def assess(self, **how: Any) -> tuple[Outcome, dict[str, Any]]:
        report = Recorder()
        outcome = ACTION.run(self.bind(**how), report)
        assert "loss" in report.facts
        return outcome, report.facts


@pytest.fixture
def sides(new_database: Callable[[], str], new_context: Callable[..., Context]) -> Sides:
    live, copy = new_database(), new_database()
    made = Sides(live, copy, new_context)
    made.execute(OLD)
    made.execute(OLD, url=copy)
    return made


def counts(facts: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Table → rows created, changed and deleted."""
    tables = facts["loss"]["tables"]
    return {name: (one["created"], one["changed"], one["deleted"]) for name, one in tables.items()}


def test_without_a_difference_a_rollback_costs_only_time(sides: Sides) -> None:
    outcome, facts = sides.assess()
    assert outcome.ok
    assert "in none of 8 tables: a rollback costs only the time to restore" in outcome.summary
    assert facts["loss"]["answer"] == "nothing"
    assert facts["loss"]["unknown"] == {}


def test_a_named_table_that_is_not_there_is_told(sides: Sides) -> None:
    _, facts = sides.assess(names={"donations": "gifts", "prayers": "prayers"})
    assert facts["loss"]["not_there"] == ["prayers"]
    assert any("were not found (names:): prayers" in warning for warning in facts["warnings"])
    _, facts = sides.assess(names={"prayers": "prayers"}, verified={"equal": False})
    assert facts["loss"]["not_there"] == [], "nobody looked: there is no copy"


def test_no_clock_and_no_missing_time_hides_a_row(sides: Sides) -> None:
    """The three situations that were once answered with “nothing”, and every other kind of table."""
    sides.execute(
        # the clock of the database is 90 s behind the one by which the backup was dated
        "insert into donations (amount, created_at) values (500, '2026-11-22 02:58:33')",
        # a database in another time zone, with DEFAULT CURRENT_TIMESTAMP
        "set timezone = 'America/New_York'; insert into donations (amount, currency) values (7, 'NGN')",
        "update donations set status = 'refunded' where id = 3",
        "delete from donations where id = 4",
        "insert into rooms (name) values ('Tower')",  # no column with a time
        "insert into keyless values ('c', 3)",
        "insert into visits values (6, '2026-06-01')",
        "insert into tokens values ('opens-a-door', '2026-11-22 02:00')",
        "insert into gallery (first, last) values ('c', 'd')",
    )
    money = [{"table": "donations", "sum": "amount", "by": ["currency", "status"]}]
    outcome, facts = sides.assess(money=money, created="created_at")
    assert outcome.ok, "it counts and does not judge"
    assert facts["loss"]["answer"] == "loss"
    assert counts(facts) == {
        "donations": (2, 1, 1),
        "rooms": (1, 0, 0),
        "keyless": (1, 0, 0),
        "visits": (1, 0, 0),
        "tokens": (1, 0, 0),
        "gallery": (1, 0, 0),
    }
    assert (
        "7 rows created, 1 changed, 1 deleted in 6 tables: donations (2 created, 1 changed" in outcome.summary
    )
    donations = facts["loss"]["tables"]["donations"]
    assert donations["keys"] == {"created": ["21", "22"], "changed": ["3"], "deleted": ["4"]}
    assert donations["columns"] == {"status": 1}
    assert donations["times"][0] == "2026-11-22 02:58:33"
    found = facts["loss"]["money"][0]
    assert found["groups"] == [
        {"by": ["GHS", "completed"], "rows": 1, "sum": "500.00"},
        {"by": ["NGN", "completed"], "rows": 1, "sum": "7.00"},
    ]
    assert found["changed_from"] == [{"by": ["GHS", "completed"], "rows": 1, "sum": "3.00"}]
    assert found["changed_to"] == [{"by": ["GHS", "refunded"], "rows": 1, "sum": "3.00"}]
    assert found["deleted"] == [{"by": ["GHS", "completed"], "rows": 1, "sum": "4.00"}]
    assert "500.00 GHS completed" in outcome.summary
    assert "opens-a-door" not in str(facts), "the key of a session is a secret"


MIGRATION = (
    "update donations set created_at = coalesce(created_at, now()), status = coalesce(status, 'pending')",
    "alter table donations alter created_at type timestamp(3), alter status set not null",
    "alter table members alter notes type jsonb, alter name type text, alter joined type timestamp(3)",
    "alter table members add updated_at timestamp default current_timestamp, add avatar text,"
    " add label text generated always as (upper(name)) stored, add roles text[] default '{}'",
    "alter table gallery rename column last to surname",
    "drop table old_log",
    "create table sessions (id text primary key, at timestamp); create table sessions_unused (id int)",
)
DECLARED = (
    {"kind": "null_is_filled", "table": "*", "column": "created_at"},
    {"kind": "null_is_default", "table": "donations", "column": "status", "default": "pending"},
    {"kind": "new_column", "table": "members", "column": "updated_at"},
    {"kind": "new_column", "table": "gallery", "column": "surname"},
    {"kind": "dropped_column", "table": "gallery", "column": "last"},
    {"kind": "dropped_table", "table": "old_log"},
    {"kind": "new_table", "table": "sessions*"},
)


def test_what_the_migration_itself_changed_is_no_loss(sides: Sides) -> None:
    """Types, filled and defaulted values, new and renamed columns, new and dropped tables."""
    empty = "insert into donations (amount, status, created_at) values (1, null, null)"
    sides.execute(empty, url=sides.copy)
    sides.execute(empty, *MIGRATION)
    backup = {"taken_at": TAKEN.isoformat(), "sha256": SHA256, "counts": {"public.donations": 21}}
    outcome, facts = sides.assess(declared=DECLARED, backup=backup)
    assert outcome.ok, outcome.summary
    assert (facts["loss"]["answer"], facts["loss"]["tables"]) == ("nothing", {})
    assert facts["loss"]["explained"] >= 2
    told = " ".join(facts["not_counted"])
    assert "members.updated_at: the backup has no such column" in told
    assert "old_log: the live database has no such table any more, and a rollback brings it back" in told
    assert "gallery.last" in told
    assert "avatar" not in told, "nobody wrote there"
    assert "roles" not in told, "every row has the default"
    assert "label" not in told, "a generated column follows from the others"
    assert "members.updated_at" in facts["warnings"][0]

    sides.execute(
        "insert into sessions values ('x', now())",
        "update members set name = 'Efua' where id = 1",
        "update members set avatar = 'new.png' where id = 2",
    )
    outcome, facts = sides.assess(declared=DECLARED, backup=backup)
    assert facts["loss"]["added"] == {"sessions": 1}
    assert counts(facts) == {"members": (0, 1, 0)}
    assert "members.avatar" in facts["loss"]["unknown"], "not declared, and somebody wrote there"
    assert not outcome.ok


def test_what_cannot_be_counted_makes_the_answer_unknown(sides: Sides) -> None:
    """Each part is named: nobody reads “nothing” when the panel does not know."""
    role = sides.live.rpartition("/")[2] + "_reader"
    sides.execute(
        f"create role {role} login password 'of-a-test'",
        f"grant select on donations, members, keyless, visits, tokens, gallery to {role}",
        "alter table members alter joined type text using 'x'",
        "alter table members alter notes type bytea using 'x'",
        "alter table gallery rename column last to surname",
        "alter table old_log rename to new_log",
    )
    try:
        outcome, facts = sides.assess(live=as_role(sides.live, role, "of-a-test"))
    finally:
        sides.execute(f"drop owned by {role}", f"drop role {role}")
    unknown = facts["loss"]["unknown"]
    assert not outcome.ok
    assert facts["loss"]["answer"] == "unknown"
    assert "grant SELECT" in unknown["rooms"]
    assert "no common form" in unknown["members"]
    assert {"gallery.surname", "gallery.last", "new_log", "old_log"} <= unknown.keys()
    assert "It is not known what a rollback would lose" in outcome.summary
    assert "costs only" not in outcome.summary


def test_a_limit_on_the_load_makes_the_answer_unknown(sides: Sides) -> None:
    sides.execute("insert into rooms (name) select repeat('x', 400) from generate_series(1, 200)")
    outcome, facts = sides.assess(largest=3)
    assert not outcome.ok
    assert "rooms" in facts["loss"]["unknown"]


def test_rows_declared_as_new_or_not_compared_are_counted_all_the_same(sides: Sides) -> None:
    sides.execute("insert into rooms (name) values ('Tower')", "insert into keyless values ('c', 3)")
    declared = ({"kind": "new_rows", "table": "rooms"}, {"kind": "not_compared", "table": "keyless"})
    _, facts = sides.assess(declared=declared)
    assert counts(facts) == {"rooms": (1, 0, 0), "keyless": (1, 0, 0)}
    assert "rooms is declared as new rows" in facts["not_counted"][0]


def test_what_was_renamed_is_unknown_and_the_rest_is_counted(sides: Sides) -> None:
    rules = (
        {"kind": "renamed_table", "table": "rooms", "to": "spaces"},
        {"kind": "renamed_column", "table": "donations", "column": "status", "to": "state"},
    )
    sides.execute(
        "alter table rooms rename to spaces",
        "alter table donations rename status to state",
        "insert into spaces (name) values ('Tower')",
        "update donations set state = 'refunded' where id = 3",
        "insert into keyless values ('c', 3)",
    )
    _, facts = sides.assess(declared=rules)
    assert counts(facts) == {"keyless": (1, 0, 0)}
    assert {"rooms", "spaces", "donations.status", "donations.state"} <= facts["loss"]["unknown"].keys()
    assert any("what was renamed is not compared" in note for note in facts["not_counted"])


def test_what_sql_takes_for_the_same_is_said_not_to_count(sides: Sides) -> None:
    sides.execute(
        "update rooms set name = upper(name) where id = 1",
        "insert into donations (amount) values (500)",
    )
    rules = (
        {"kind": "normalised", "table": "rooms", "column": "name", "form": "lower"},
        {"kind": "as", "table": "donations", "column": "id", "source": "id + 1", "target": "id + 1"},
    )
    _, facts = sides.assess(declared=rules, money=[{"table": "donations", "sum": "amount"}])
    assert counts(facts) == {"donations": (1, 0, 0)}
    told = " ".join(facts["not_counted"])
    assert told.count("what its SQL takes for the same does not count as lost") == 2
    reason = facts["loss"]["money"][0]["reason"]
    assert reason == "its key is compared through SQL, which finds no row"


def test_rows_of_children_are_lost_with_those_of_their_table(sides: Sides) -> None:
    for url in (sides.live, sides.copy):
        sides.execute("create table part (more int) inherits (donations)", url=url)
    sides.execute(
        "create table later () inherits (donations)",
        "insert into part (amount) values (3)",
        "insert into later (amount, created_at) values (5, '2026-11-23')",
    )
    rule = {"kind": "with_children", "table": "donations"}
    money = [{"table": "donations", "sum": "amount", "by": ["currency"]}]
    _, facts = sides.assess(declared=(rule,), money=money, created="created_at")
    assert counts(facts) == {"donations": (2, 0, 0)}
    assert "later" not in facts["loss"]["unknown"]


@pytest.mark.parametrize(
    ("verified", "why"),
    [
        ({"equal": True, "sha256": SHA256, "database": ""}, "has kept no restored backup"),
        ({"equal": False, "sha256": SHA256, "database": "x"}, "has kept no restored backup"),
        ({"equal": True, "sha256": "cd" * 32, "database": "x"}, "has restored another backup"),
        ({"equal": True, "sha256": SHA256, "database": "was_dropped"}, "is no longer on its server"),
    ],
)
def test_without_a_copy_of_this_backup_the_answer_is_unknown(
    sides: Sides, verified: dict[str, Any], why: str
) -> None:
    outcome, facts = sides.assess(verified=verified)
    assert not outcome.ok
    assert why in outcome.summary
    assert "keep: true" in facts["loss"]["unknown"]["the rows of the backup"]
    assert why in ACTION.preview(sides.bind(verified=verified)).warnings[0]


def test_a_copy_of_another_backup_or_one_that_was_written_to_is_named(sides: Sides) -> None:
    name = sides.copy.rpartition("/")[2]
    with psycopg.connect(sides.copy, autocommit=True) as admin:
        mark_kept(admin, name, "cd" * 32)
    with postgres.connect(sides.copy) as copy, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        copy.execute("delete from rooms")
    sides.execute(
        "set default_transaction_read_only = off", "delete from donations where id > 15", url=sides.copy
    )
    outcome, facts = sides.assess()
    assert not outcome.ok
    assert "another backup" in facts["loss"]["unknown"]["the restored copy"]
    assert "somebody has changed the copy" in facts["loss"]["unknown"]["donations"]


def test_the_live_database_is_not_compared_with_itself(sides: Sides) -> None:
    with pytest.raises(Problem, match="is itself the restored copy"):
        sides.assess(live=sides.copy)


def test_without_a_copy_a_fingerprint_gives_lower_bounds(sides: Sides) -> None:
    take, report = registry()["parity.fingerprint"], Recorder()
    context = sides.make_context({"live": {"kind": "postgres", "url": sides.live}})
    assert take.run(take.bind({"database": "live"}, context), report).ok
    sides.execute("insert into rooms (name) values ('Tower')", "update members set name = 'x' where id = 1")
    outcome, _ = sides.assess(verified={"equal": False}, before=report.facts)
    assert not outcome.ok
    assert "Counted so far: at least 1 row created, 1 changed in 2 tables" in outcome.summary


def test_a_revoked_backup_makes_the_answer_unknown(sides: Sides) -> None:
    backup = {
        "taken_at": TAKEN.isoformat(),
        "sha256": SHA256,
        "counts": {},
        "failed_verification": "It broke.",
    }
    outcome, facts = sides.assess(backup=backup)
    assert facts["loss"]["unknown"] == {"the backup itself": "It broke."}
    assert not outcome.ok


def test_large_objects_are_named(sides: Sides) -> None:
    sides.execute("select lo_from_bytea(0, 'x')")
    assert "0 in the backup, 1 now" in sides.assess()[1]["loss"]["unknown"]["large objects"]


def test_money_that_cannot_be_summed_is_named(sides: Sides) -> None:
    sides.execute("insert into keyless values ('c', 3)", "insert into rooms (name) values ('Tower')")
    money = [
        {"table": "keyless", "sum": "n", "by": ["what"]},
        {"table": "rooms", "sum": "amount", "by": ["name"]},
        {"table": "none", "sum": "n", "by": ["n"]},
    ]
    unknown = sides.assess(money=money)[1]["loss"]["unknown"]
    assert list(unknown) == ["the money of keyless", "the money of rooms", "the money of none"]


def test_a_missing_backup_is_an_error_and_it_can_be_cancelled(sides: Sides) -> None:
    values = sides.bind()
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: True))
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE
    values.backup.evidence.clear()
    with pytest.raises(Problem, match="has left no backup"):
        ACTION.run(values, Recorder())


def test_the_whole_chain_from_the_backup_to_the_answer(sides: Sides) -> None:
    """With pg_dump and pg_restore: the counts, the mark and the clock are those of the backup itself."""
    systems = {
        "live": {"kind": "postgres", "url": sides.live},
        "scratch": {"kind": "postgres", "url": sides.copy},
    }
    report = Recorder()
    for key, raw in (
        ("backup.take", {"database": "live"}),
        ("backup.verify", {"backup": "take", "scratch": "scratch", "keep": True}),
    ):
        action, context = registry()[key], sides.make_context(systems, take=report.facts)
        assert action.run(action.bind(raw, context), report).ok
    taken, kept = report.facts["backup"], report.facts["verified"]
    name = kept["database"]
    try:
        sides.execute("insert into rooms (name) values ('Tower')")
        evidence = {"take": {"backup": taken}, "prove": {"verified": kept}}
        context = sides.make_context(systems, **evidence)
        raw = {"database": "live", "backup": "take", "verified": "prove", "scratch": "scratch"}
        outcome = ACTION.run(ACTION.bind(raw, context), report)
        assert outcome.ok, outcome.summary
        assert (report.facts["loss"]["unknown"], counts(report.facts)) == ({}, {"rooms": (1, 0, 0)})
        assert abs(taken["clock_ahead"]) < 5
        with postgres.connect(postgres.with_database(sides.copy, name)) as copy:
            assert find_foreign_mark(copy, taken["sha256"]) == ""
            assert copy.execute("show default_transaction_read_only").fetchone() == ("on",)
    finally:
        sides.execute(f"drop database {name} with (force)", url=sides.copy)
