"""Every kind of audit entry has a sentence of its own."""

import re
from pathlib import Path

import pytest

from checklists.models import AuditEntry
from checklists.record.sentences import SENTENCES, describe_entry
from integrations.actions import registry
from tests.checklists.histories import make_cutover

DOMAIN = Path(__file__).parents[3] / "checklists"


def recorded_kinds() -> set[str]:
    """The kinds that the code appends, found where it does.

    Keys of actions look the same, and so do names of files, columns and variables of a page.
    """
    text = "".join(path.read_text() for path in DOMAIN.rglob("*.py") if path.name != "sentences.py")
    kinds = (
        "item|gate|attempt|change|cutover|host|member|preflight|rollback|runbook|secrets|status_link|window"
    )
    found = set(re.findall(rf'"((?:{kinds})\.(?!html|yaml|phase_id|cutover_id|zone)[a-z_]+)"', text))
    return found - (registry().keys() - SENTENCES.keys())


def test_every_kind_that_the_code_records_has_a_sentence():
    assert recorded_kinds() - set(SENTENCES) == set()
    assert set(SENTENCES) - recorded_kinds() == set()


@pytest.mark.django_db
def test_a_sentence_names_what_it_is_about():
    cutover = make_cutover("signed")
    sentences = [
        describe_entry(entry) for entry in AuditEntry.objects.filter(cutover=cutover).order_by("seq")
    ]
    assert sentences[0] == "opened this cutover (rehearsal)"
    assert "ticked “Announce it”" in sentences
    assert "said go at “Change it?” (technical seat)" in sentences
    assert sentences[-1] == "opened the gate “Change it?”"


QUOTING = [kind for kind, sentence in SENTENCES.items() if re.search("[:;] “|[(]“", sentence)]


@pytest.mark.parametrize("kind", QUOTING)
def test_a_reason_that_nobody_had_to_give_leaves_no_empty_quotation(kind: str) -> None:
    payload = dict.fromkeys(re.findall(r"{(\w+)", SENTENCES[kind]), "2026-12-01T00:00")
    for name in payload.keys() - {"title"}:
        assert "“”" not in describe_entry(AuditEntry(kind=kind, payload={**payload, name: ""}))
