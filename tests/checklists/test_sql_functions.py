"""The database's functions: as the code has them, and with the results of the Python that they replaced."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from checklists import services
from checklists.canonical import canonical, digest_of
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.models.gate_functions import FUNCTIONS
from checklists.models.recorded import RECORDED
from checklists.services.ticks import HandedIn
from checklists.states import AttemptStatus
from tests.checklists.histories import ended, item_of, make_cutover, person, view_of
from tests.checklists.services.test_content_digest import TICKED

pytestmark = pytest.mark.django_db
#: Three gates: they share an item of their evidence, and one asks for another gate.
SHARED = """
name: shared
title: Shared
timezone: UTC
systems: {}
roles: {lead: Lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: night
    title: Night
    items:
      - {key: look, title: Look, kind: action, action: sample.look, owner: lead, planned: 1m}
      - {key: again, title: Look again, kind: action, action: sample.look, owner: lead, planned: 1m}
      - {key: announce, title: Announce, kind: manual, how: Call., owner: lead, planned: 1m}
      - {key: tell, title: Tell, kind: manual, how: Write., owner: lead, planned: 1m}
      - {key: first, title: First, kind: gate, owner: lead, seats: [technical], quorum: 1,
         needs: [look], evidence: [{item: look}]}
      - {key: second, title: Second, kind: gate, owner: lead, seats: [technical, data], quorum: 2,
         needs: [first, look, announce, tell], evidence: [{item: announce}, {item: look}, {item: tell}]}
      - {key: third, title: Third, kind: gate, owner: lead, seats: [data], quorum: 1,
         needs: [second, first, tell], evidence: [{item: first}, {item: tell}]}
"""
PARTS = re.compile(r"FUNCTION (\w+)\(.*?\$body\$(.*?)\$body\$", re.DOTALL)


def ask(query: str, *values: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def rows(query: str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


@pytest.mark.parametrize("statement", [*FUNCTIONS, RECORDED], ids=lambda text: PARTS.search(text)[1])
def test_the_database_has_each_function_as_the_code_has_it(statement: str) -> None:
    """A text that was changed without a migration is in no database."""
    name, body = PARTS.search(statement).groups()  # type: ignore[union-attr]  # each has both
    assert ask("SELECT prosrc FROM pg_proc WHERE proname = %s", name) == body


@pytest.mark.parametrize(
    "value",
    [
        {
            "b": 1,
            "a": [],
            "": {},
            "B": None,
            "ä": True,
            "aa": False,
            "a b": 0,
            "z\U0001f600": -7,
            "z\uffff": 8,
        },
        ['"', "\\", "/", "\b\f\n\r\t", "\x01\x1f\x7f", "ü\u2028\u00a0", "\U0001f600", "<&'>"],
        [[[]], [{"a": {"b": [1, "1"]}}], 12345678901234567890, "{}", "null"],
        "",
    ],
)
def test_canonical_text_is_that_of_python(value: Any) -> None:
    assert ask("SELECT checklists_canonical(%s::jsonb)", json.dumps(value)) == canonical(value)
    assert ask("SELECT checklists_digest(%s::jsonb)", json.dumps(value)) == digest_of(value)


def test_the_digest_is_the_one_to_which_earlier_signatures_of_version_2_are_bound() -> None:
    cutover, ama = make_cutover(text=TICKED), person("ama")
    announce = item_of(cutover, "announce")
    services.tick_item(item=announce, by=ama, given=HandedIn(note="by letter", on_behalf_of_name="Adjoa"))
    look = ended(cutover, "look", facts={"seen": 1}, resource="db:x")
    facts: list[dict[str, Any]] = [
        {"item": "look", "state": "DONE", "target": "db:x", "facts": digest_of({"seen": 1})},
        {
            "item": "announce",
            "state": "DONE",
            "tick": {"by": "ama", "note": "by letter", "on_behalf_of": "Adjoa"},
        },
    ]
    content: dict[str, Any] = {
        "version": 2,
        "cutover": cutover.slug,
        "runbook": look.item.runbook_sha256,
        "gate": "go",
        "facts": facts,
        "gaps": [],
    }
    assert view_of(cutover, "go").gate.digest == digest_of(content)
    services.untick_item(item=announce, by=ama, reason="not yet")
    services.skip_item(item=announce, by=ama, reason="no time")
    facts[1] = {"item": "announce", "state": "SKIPPED", "skip": {"by": "ama", "reason": "no time"}}
    content["gaps"] = [{"item": "announce", "kind": "skipped", "by": "ama", "reason": "no time"}]
    assert view_of(cutover, "go").gate.digest == digest_of(content)


def test_what_is_computed_for_all_gates_is_what_is_computed_for_each() -> None:
    """Also where gates ask for the same item, one that was contradicted, was skipped, or is another gate."""
    cutover, ama = make_cutover(text=SHARED), person("ama")
    looked = ended(cutover, "look", ago=timedelta(minutes=2), facts={"seen": 1})
    ended(cutover, "again", AttemptStatus.FAILED, facts={"seen": 2})  # the same check says otherwise
    services.skip_item(item=item_of(cutover, "announce"), by=ama, reason="no time")
    services.tick_item(item=item_of(cutover, "tell"), by=ama, given=HandedIn(note="by letter"))
    other = make_cutover(text=SHARED)
    gates = [item_of(one, key) for one in (cutover, other) for key in ("first", "second", "third")]
    together = dict(
        rows("SELECT * FROM checklists_gate_contents(%s::bigint[])", [gate.pk for gate in reversed(gates)])
    )
    each = {gate.pk: ask("SELECT checklists_gate_content(%s)", gate.pk) for gate in gates}
    assert together == each
    first, second, third = (json.loads(each[gate.pk]) for gate in gates[:3])
    state = {fact["item"]: fact["state"] for one in (first, second, third) for fact in one["facts"]}
    assert state == {"look": "CONTRADICTED", "announce": "SKIPPED", "tell": "DONE", "first": "OPEN"}
    assert [gap["item"] for gap in second["gaps"]] == ["announce"]
    assert (first["gaps"], third["gaps"]) == ([], [])
    assert json.loads(each[gates[3].pk])["facts"] == [{"item": "look", "state": "OPEN"}]
    assert looked.item_id == item_of(cutover, "look").pk


def test_a_verdict_leaves_evidence() -> None:
    attempt = ended(make_cutover("announced"), "look", AttemptStatus.RUNNING)

    def end(status: AttemptStatus) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            Attempt.objects.filter(pk=attempt.pk).update(status=status, ended_at=database_now())
            about = {"attempt": attempt.pk, "status": status}
            AuditEntry.objects.append(attempt.cutover, "attempt.ended", by=None, **about)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError, match="without evidence"):
        end(AttemptStatus.SUCCEEDED)
    end(AttemptStatus.ERRORED)  # without a verdict there is none
