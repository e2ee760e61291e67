"""What somebody can do with the application role's password and SQL: each of these is refused.

Every statement is also run past the rules, as the superuser without triggers: that is the earlier layout, in
which the panel's own role could do it. A statement that would fail there proves nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from checklists import services
from checklists.models import Cutover
from tests import servers
from tests.checklists.decided_rows import decisions
from tests.checklists.forged_decisions import DECISIONS
from tests.checklists.forged_rows import ATTEMPTS, CLAIM, EVIDENCE, HONEST_PASS, RUN, attempts, gates, signing
from tests.checklists.histories import item_of, make_cutover, person

#: Against the rules themselves.
RULES = {
    "turn triggers off": "ALTER TABLE checklists_signoff DISABLE TRIGGER ALL",
    "turn triggers off for the session": "SET session_replication_role = replica",
    "drop a trigger": "DO $$ DECLARE name text; BEGIN SELECT tgname INTO name FROM pg_trigger "
    "WHERE tgrelid = 'checklists_signoff'::regclass AND NOT tgisinternal LIMIT 1; "
    "EXECUTE format('DROP TRIGGER %I ON checklists_signoff', name); END $$",
    "replace a trigger's function": "CREATE OR REPLACE FUNCTION "
    "public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "run a program": "COPY checklists_signoff TO PROGRAM 'cat > /dev/null'",
    "read a file": "CREATE TEMP TABLE read (line text); COPY read FROM '/etc/hostname'",
    "become the owner": "SET ROLE postgres",
    "stand a table before another": "CREATE TEMP TABLE checklists_member (LIKE public.checklists_member)",
    "make a schema": "CREATE SCHEMA mine",
    "make a table": "CREATE TABLE public.mine ()",
    "make a function": "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "change a column": "ALTER TABLE checklists_item ALTER COLUMN quorum SET DEFAULT 0",
    "drop a constraint": "ALTER TABLE checklists_cutover DROP CONSTRAINT only_rehearsals_lower_quorum",
    "empty the passes": "TRUNCATE checklists_gatepass",
    "empty the record": "TRUNCATE checklists_auditentry",
    "give numbers out again": "SELECT setval('checklists_fence', 1)",
    "forget a migration": "DELETE FROM django_migrations",
}
#: Against what was agreed and what happened, in the cutover {cutover}.
ROWS = {
    "lower a quorum": "UPDATE checklists_item SET quorum = 1 WHERE cutover_id = {cutover} AND kind = 'gate'",
    "drop a gate's seats": "UPDATE checklists_item SET seats = '{{}}' WHERE cutover_id = {cutover}",
    "drop what an item needs": "UPDATE checklists_item SET needs = '{{}}' WHERE cutover_id = {cutover}",
    "change parameters": "UPDATE checklists_item SET params = '{{}}' WHERE cutover_id = {cutover}",
    "let evidence age": "UPDATE checklists_gateevidence SET fresh_for = '9 days'",
    "ask for less evidence": "DELETE FROM checklists_gateevidence",
    "delete an item": "DELETE FROM checklists_note; DELETE FROM checklists_item WHERE key = 'celebrate'",
    "make it a rehearsal": "UPDATE checklists_cutover SET kind = 'REHEARSAL', rehearsal_quorum = 1",
    "edit the runbook": "UPDATE checklists_runbook SET text = ''",
    "turn a phase round": "UPDATE checklists_phase SET direction = 'FORWARD'",
    "go back to forward": "UPDATE checklists_cutover SET direction = 'FORWARD'",
    "lower the epoch": "UPDATE checklists_cutover SET epoch = 0",
    "order a rollback silently": "UPDATE checklists_cutover SET direction = 'ROLLBACK' WHERE id = {forward}",
    "change systems": "UPDATE checklists_cutover SET systems = '{{\"db\": 1}}'",
    "begin at a later epoch": "INSERT INTO checklists_cutover (slug, title, kind, runbook_id, "
    "status, direction, epoch, timezone, systems, seat_titles, logs_for_stakeholders, created_at, "
    "rto_from, rto_to, decision_time) "
    "SELECT 'x', title, kind, runbook_id, 'OPEN', 'FORWARD', 9, timezone, systems, seat_titles, false, "
    "now(), '', '', decision_time "
    "FROM checklists_cutover LIMIT 1",
    "take a seat": "UPDATE checklists_member SET seats = '{{technical,data,finance}}', part = 'APPROVER'",
    "remove people": "DELETE FROM checklists_member WHERE part = 'APPROVER'",
    "join": "INSERT INTO checklists_member (cutover_id, person_id, part, seats, roles) "
    "VALUES ({cutover}, {stranger}, 'APPROVER', '{{finance}}', '{{}}')",
    "tick for somebody, yesterday": "UPDATE checklists_item SET done_by_id = {kofi}, done_at = now() - "
    "interval '1 day' WHERE id = {ticked}",
    "tick without a tick": "UPDATE checklists_item SET done_by_id = {ama}, done_at = now() "
    "WHERE id = {manual}",
    "hand in yesterday": "INSERT INTO checklists_tick (item_id, by_id, at, note, on_behalf_of_name) "
    "VALUES ({manual}, {kofi}, now() - interval '1 day', '', '')",
    "skip as an approver": "UPDATE checklists_item SET skipped_by_id = {kofi}, skipped_at = now(), "
    "skip_reason = 'x' WHERE id = {manual}",
    "edit a sign-off": "UPDATE checklists_signoff SET decision = 'NO_GO', reason = 'x'",
    "remove a sign-off": "DELETE FROM checklists_signoff",
    "date a sign-off back": "DO $$ DECLARE names text; BEGIN SELECT string_agg(attname, ', ') INTO names "
    "FROM pg_attribute WHERE attrelid = 'checklists_signoff'::regclass AND attnum > 0 AND attname <> 'id' "
    "AND NOT attisdropped; EXECUTE format('INSERT INTO checklists_signoff (%s) SELECT %s "
    "FROM checklists_signoff', names, regexp_replace(replace(names, 'nonce', 'gen_random_uuid()'), "
    "'\\mat\\M', 'at - interval ''1 day''')); END $$",
    "remove a pass": "DELETE FROM checklists_gatepass",
    "edit a pass": "UPDATE checklists_gatepass SET digest = repeat('a', 64)",
    "an attempt that has succeeded": "INSERT INTO checklists_attempt "
    "SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'number', 99))).* "
    "FROM checklists_attempt a WHERE status = 'SUCCEEDED' LIMIT 1",
    "another result": 'UPDATE checklists_attempt SET params = \'{{"thing": "another"}}\'',
    "somebody else started it": "UPDATE checklists_attempt SET requested_by_id = {kofi}",
    "remove an attempt": "DELETE FROM checklists_evidence; DELETE FROM checklists_attempt",
    "edit evidence": "UPDATE checklists_evidence SET facts = '{{}}'",
    "edit the record": "UPDATE checklists_auditentry SET actor = 'kofi'",
    "cut the record": "DELETE FROM checklists_auditentry WHERE seq > 3",
    "move its head": "UPDATE checklists_audithead SET seq = 3",
    "a link beside the chain": "INSERT INTO checklists_auditentry "
    "(cutover_id, seq, at, actor, kind, payload, prev, hash) "
    "VALUES ({cutover}, 900, now(), 'kofi', 'x', '{{}}', repeat('0', 64), repeat('0', 64))",
    "choose a row's number": "INSERT INTO checklists_note (id, item_id, by_id, at, text) "
    "VALUES (1000000, {manual}, {ama}, now(), 'x')",
    "edit a note": "UPDATE checklists_note SET text = 'x'",
}

#: How what is about a gate's evidence is refused, and what another rule refuses first.
REFUSED = "sign-off refused: "
OTHERWISE_REFUSED = {"pass on an invented digest", "tick what nothing takes back"}


@pytest.fixture
def ids(transactional_db: None) -> Mapping[str, object]:
    """Of a production cutover that is signed and then goes back, and of one that still goes forward."""
    cutover = make_cutover("signed", kind="PRODUCTION")
    forward = make_cutover()
    ama = person("ama")
    services.add_note(item=item_of(cutover, "celebrate"), by=ama, text="Cake is ordered.")
    services.order_rollback(cutover=cutover, by=ama, reason="We try it.")
    return {
        "cutover": cutover.pk,
        "forward": forward.pk,
        "ama": ama.pk,
        "kofi": person("kofi").pk,
        "stranger": person("stranger").pk,
        "ticked": item_of(cutover, "announce").pk,
        "manual": item_of(cutover, "celebrate").pk,
        **gates(),
        **attempts(),
        **decisions(),
    }


def outcome(database: psycopg.Connection[tuple[object, ...]], statement: str) -> str:
    """“done”, “nothing” when no row was changed, or why it was refused; nothing of it stays."""
    try:
        with database.transaction(force_rollback=True):
            cursor = database.execute(sql.SQL(statement))
            database.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit checks
            return "nothing" if cursor.rowcount == 0 else "done"
    except psycopg.Error as error:
        return f"{error.sqlstate}: {str(error).splitlines()[0]}"


def statements(ids: Mapping[str, object]) -> Mapping[str, str]:
    return {
        **RULES,
        **{name: statement.format(**ids) for name, statement in (ROWS | EVIDENCE | ATTEMPTS).items()},
        **{name: statement.format(**ids) for name, (_, statement) in DECISIONS.items()},
    }


def test_every_one_worked_when_the_panel_owned_its_tables(ids: Mapping[str, object]) -> None:
    with psycopg.connect(servers.POSTGRES.url(connection.settings_dict["NAME"]), autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        found = {name: outcome(owner, statement) for name, statement in statements(ids).items()}
    assert {name: said for name, said in found.items() if said != "done"} == {}


def test_the_application_role_can_do_none_of_them(ids: Mapping[str, object]) -> None:
    with psycopg.connect(servers.application_url(connection.settings_dict["NAME"]), autocommit=True) as panel:
        found = {name: outcome(panel, statement) for name, statement in statements(ids).items()}
        assert panel.execute("SHOW session_replication_role").fetchone() == ("origin",)
    assert {name: said for name, said in found.items() if said in ("done", "nothing")} == {}
    assert {name for name in EVIDENCE if REFUSED not in found[name]} == OTHERWISE_REFUSED
    assert {name: found[name] for name, (code, _) in DECISIONS.items() if found[name][:5] != code} == {}
    assert Cutover.objects.get(pk=ids["cutover"]).epoch == 2


def test_what_the_board_would_write_is_accepted(ids: Mapping[str, object]) -> None:
    """Otherwise the statements above would prove nothing: they differ from this one by one value each."""
    with psycopg.connect(servers.application_url(connection.settings_dict["NAME"]), autocommit=True) as panel:
        assert outcome(panel, signing().format(**ids)).endswith("signed without an entry of the record")
        assert outcome(panel, HONEST_PASS.format(**ids)).endswith("passes without an entry of the record")
        said = outcome(panel, f"{CLAIM}; {RUN}".format(**ids))
        assert said.endswith("RUNNING without an entry of the record")


def test_the_rules_hold_for_the_owner_until_they_are_turned_off(ids: Mapping[str, object]) -> None:
    with psycopg.connect(servers.POSTGRES.url(connection.settings_dict["NAME"]), autocommit=True) as owner:
        rows = {name: one for name, one in statements(ids).items() if name not in RULES}
        found = {name: outcome(owner, statement) for name, statement in rows.items()}
    assert {name for name, said in found.items() if said in ("done", "nothing")} == set()


def test_no_session_turns_triggers_off_by_a_setting_of_pgtrigger(ids: Mapping[str, object]) -> None:
    """`SET pgtrigger.ignore` needs no right; the function that reads it does not do so any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        names = ",".join(name for (name,) in cursor.fetchall())
    wanted = ROWS["go back to forward"]
    with psycopg.connect(servers.application_url(connection.settings_dict["NAME"]), autocommit=True) as panel:
        panel.execute("SELECT set_config('pgtrigger.ignore', %s, false)", ["{" + names + "}"])
        assert "only go forward" in outcome(panel, wanted)
