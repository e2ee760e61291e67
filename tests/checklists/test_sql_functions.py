"""The database's functions: as the code has them, and with the results of the Python that they replaced."""

from __future__ import annotations

import json
import re
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
PARTS = re.compile(r"FUNCTION (\w+)\(.*?\$body\$(.*?)\$body\$", re.DOTALL)


def ask(query: str, *values: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


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
