"""The record: whole as long as only the panel writes, broken by any other hand, and provable elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from checklists.canonical import canonical, canonical_of
from checklists.models import AuditEntry, AuditHead, Cutover
from checklists.models.audit import link_hash
from checklists.record.chain import VERIFIER, export, verify
from checklists.record.verify_record import continues, verify_export
from checklists.record.verify_record import link_hash as elsewhere
from tests.by_hand import by_hand
from tests.checklists.histories import make_cutover

pytestmark = pytest.mark.django_db


@pytest.fixture
def cutover() -> Cutover:
    """A cutover in which people did things."""
    return make_cutover(at="signed")


def tamper(statement: str, *values: Any) -> None:
    """Writes as somebody who owns the database could: past the triggers."""
    with by_hand(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("record", *arguments, stdout=out)
    return out.getvalue()


def elsewhere_says(*files: Path) -> subprocess.CompletedProcess[str]:
    """What the copied verifier says, in a Python that cannot see the panel."""
    verifier = files[0].with_name(VERIFIER.name)
    argv = [sys.executable, "-I", "-S", str(verifier), *map(str, files)]
    return subprocess.run(argv, capture_output=True, text=True, cwd="/", check=False)


def test_an_untouched_chain_is_whole(cutover: Cutover) -> None:
    verdict = verify(cutover)
    assert (verdict.ok, verdict.links) == (True, cutover.record.count())
    assert verdict.links > 5
    assert verdict.head == AuditHead.objects.get(cutover=cutover).hash


def test_numbers_that_the_database_writes_otherwise_do_not_break_the_chain(cutover: Cutover) -> None:
    AuditEntry.objects.append(cutover, "odd", by=None, large=1e16, zero=-0.0, small=1e-7, whole=10**20)
    assert verify(cutover).ok


@pytest.mark.parametrize("column", ["kind", "actor"])
def test_a_changed_word_breaks_the_chain_at_its_link(cutover: Cutover, column: str) -> None:
    tamper(f"UPDATE checklists_auditentry SET {column} = 'x' WHERE seq = 3")
    assert (verify(cutover).ok, verify(cutover).broken_at) == (False, 3)


def test_a_changed_time_or_payload_breaks_the_chain(cutover: Cutover) -> None:
    tamper("UPDATE checklists_auditentry SET at = at + interval '1 microsecond' WHERE seq = 2")
    assert verify(cutover).broken_at == 2
    tamper("UPDATE checklists_auditentry SET at = at - interval '1 microsecond' WHERE seq = 2")
    assert verify(cutover).ok
    tamper("UPDATE checklists_auditentry SET payload = payload || '{\"a\": 1}' WHERE seq = 4")
    assert verify(cutover).broken_at == 4


@pytest.mark.parametrize(
    "change",
    ["seq = 300", "prev = repeat('1', 64)", "hash = repeat('1', 64)", "payload = '[]'"],
)
def test_a_change_of_any_other_column_breaks_the_chain(cutover: Cutover, change: str) -> None:
    tamper(f"UPDATE checklists_auditentry SET {change} WHERE seq = 3")
    assert (verify(cutover).ok, verify(cutover).broken_at) == (False, 3)


def test_an_odd_payload_is_whole_and_a_changed_one_is_not(cutover: Cutover) -> None:
    """What is verified fast is what `verify_record.link_hash` makes, whatever a payload holds."""
    odd = {"b": {"z": [1, {"y": None, "aa": True}], "Z": "\x7f\u2028\\/"}, 'a\n"é': "\U0001f54a \t", "": []}
    AuditEntry.objects.append(cutover, 'odd "kind"\n', by=None, **odd)
    with CaptureQueriesContext(connection) as asked:
        assert verify(cutover).ok
    chains = [one["sql"] for one in asked.captured_queries if "payload" in one["sql"]]
    assert len(chains) == 1, "the chain is whole, so it is read once"
    last = cutover.record.count()
    tamper("UPDATE checklists_auditentry SET payload = payload || '{\"\": [0]}' WHERE seq = %s", last)
    assert verify(cutover).broken_at == last


def test_two_links_that_changed_places_break_the_chain(cutover: Cutover) -> None:
    tamper("UPDATE checklists_auditentry SET seq = 1000 WHERE seq = 3")
    tamper("UPDATE checklists_auditentry SET seq = 3 WHERE seq = 4")
    tamper("UPDATE checklists_auditentry SET seq = 4 WHERE seq = 1000")
    assert (verify(cutover).ok, verify(cutover).broken_at) == (False, 3)


def test_a_removed_link_is_missed(cutover: Cutover) -> None:
    tamper("DELETE FROM checklists_auditentry WHERE seq = 3")
    assert (verify(cutover).ok, verify(cutover).broken_at) == (False, 3)


def test_a_removed_end_is_missed(cutover: Cutover) -> None:
    last = cutover.record.count()
    tamper("DELETE FROM checklists_auditentry WHERE seq = %s", last)
    assert (verify(cutover).ok, verify(cutover).broken_at) == (False, last)


def test_a_link_added_by_hand_behind_the_end_is_found(cutover: Cutover) -> None:
    last = cutover.record.get(seq=cutover.record.count())
    digest = link_hash(last.hash, cutover.slug, last.seq + 1, last.at, "ama", "gate.signed", {})
    tamper(
        "INSERT INTO checklists_auditentry (cutover_id, seq, at, actor, kind, payload, prev, hash) "
        "VALUES (%s, %s, %s, 'ama', 'gate.signed', '{}', %s, %s)",
        *(cutover.pk, last.seq + 1, last.at, last.hash, digest),
    )
    assert "by hand" in verify(cutover).why


def test_a_removed_head_is_missed(cutover: Cutover) -> None:
    tamper("DELETE FROM checklists_audithead")
    assert not verify(cutover).ok


def test_the_command_verifies_one_or_all_and_fails_on_a_broken_chain() -> None:
    cutover = make_cutover(at="announced")
    assert "whole" in said("verify")
    assert cutover.slug in said("verify", cutover.slug)
    tamper("UPDATE checklists_auditentry SET kind = 'x' WHERE seq = 1")
    with pytest.raises(CommandError, match="outside the panel"):
        said("verify", cutover.slug)


def test_the_command_says_which_cutovers_there_are(cutover: Cutover) -> None:
    with pytest.raises(CommandError, match=cutover.slug):
        said("verify", "no-such")


def test_nothing_to_verify_is_no_success() -> None:
    with pytest.raises(CommandError, match="no cutover yet"):
        said("verify")


def test_an_export_verifies_where_there_is_no_panel(cutover: Cutover, tmp_path: Path) -> None:
    said("export", cutover.slug, str(tmp_path / "record.json"))
    done = elsewhere_says(tmp_path / "record.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{cutover.record.count()} links" in done.stdout


def test_an_edited_export_is_broken_elsewhere_too(cutover: Cutover, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    said("export", cutover.slug, str(file))
    record = json.loads(file.read_text())
    record["links"][1]["actor"] = "somebody else"
    file.write_text(json.dumps(record))
    done = elsewhere_says(file)
    assert done.returncode == 1
    assert "BROKEN at link 2" in done.stdout


def test_an_export_continues_an_earlier_one_unless_history_was_rewritten(
    cutover: Cutover, tmp_path: Path
) -> None:
    earlier, later = tmp_path / "earlier.json", tmp_path / "later.json"
    said("export", cutover.slug, str(earlier))
    AuditEntry.objects.append(cutover, "note.added", by=None, text="é, \U0001f54a and \n")
    said("export", cutover.slug, str(later))
    assert elsewhere_says(later, earlier).returncode == 0
    assert elsewhere_says(earlier, later).returncode == 1  # the other way round its end is missing


def test_a_rewritten_whole_chain_does_not_continue_the_earlier_export(cutover: Cutover) -> None:
    earlier = json.loads(export(cutover))
    rewritten = json.loads(export(cutover))
    prev = "0" * 64
    for link in rewritten["links"]:
        link["actor"], link["prev"] = "nobody", prev
        prev = link["hash"] = elsewhere(prev, cutover.slug, link)
    rewritten["head"]["hash"] = prev
    assert verify_export(rewritten).ok  # by itself it cannot be told from a true one …
    assert "rewritten" in continues(rewritten, earlier)  # … beside an earlier export it can


def test_a_file_that_is_no_record_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    (tmp_path / VERIFIER.name).write_text(VERIFIER.read_text())
    for text, code in (("[]", 2), ("{}", 1), ("no json", 2)):
        file.write_text(text)
        assert elsewhere_says(file).returncode == code


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab \u00e9", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.property
@given(value=JSON)
def test_what_postgresql_wrote_becomes_canonical(value: Any) -> None:
    assert canonical_of(json.dumps(value)) == canonical(value)


@pytest.mark.property
@given(payload=st.dictionaries(st.text("xyz\u00e9", max_size=3), JSON, max_size=3), actor=st.text(max_size=8))
def test_both_implementations_of_a_links_hash_agree(payload: dict[str, Any], actor: str) -> None:
    at = datetime.now(UTC)
    actor = actor.encode(errors="ignore").decode()
    link = {
        "seq": 7,
        "at": at.isoformat(timespec="microseconds"),
        "actor": actor,
        "kind": "k",
        "payload": payload,
    }
    assert elsewhere("a" * 64, "night", link) == link_hash("a" * 64, "night", 7, at, actor, "k", payload)
