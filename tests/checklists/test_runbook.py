"""What a runbook file becomes, and every error it is told about, with its line."""

# ruff: noqa: E501  # the table of errors reads best with one error a line

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from checklists.runbook import EvidenceSpec
from checklists.runbook.error_collector import suggest
from tests.checklists.runbook_files import GOOD, change_good, errors_of, line_of, read_tiny

pytestmark = pytest.mark.usefixtures("only_own_actions")


def test_a_good_file_becomes_a_document():
    found = read_tiny(GOOD)
    assert found.errors == []
    document = found.document
    assert (document.name, document.timezone, document.text) == ("small", "Europe/Berlin", GOOD)
    assert document.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert document.systems == {"store": {"kind": "postgres", "url": "${STORE_URL}"}}
    assert [(p.key, p.number, p.direction) for p in document.phases] == [
        ("first", "1", "forward"),
        ("back", "2", "rollback"),
    ]
    save, change, go, put_back = document.items
    assert (save.number, save.kind, save.action, save.planned) == (
        "1.1",
        "action",
        "copy.take",
        timedelta(minutes=90),
    )
    assert save.params == {"database": "store", "jobs": 2}
    assert change.needs == ("save", "go")
    assert (go.seats, go.quorum) == (("technical", "data"), 2)
    assert go.evidence == (EvidenceSpec("save", timedelta(minutes=20), line_of(GOOD, "- item: save")),)
    assert put_back.line == line_of(GOOD, "key: put-back")
    assert put_back.how == "Take the copy of 1.1."


def test_bytes_and_text_are_read_alike():
    assert read_tiny(GOOD.encode()) == read_tiny(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("action: copy.take", "action: copy.tale", "copy.tale", "no action “copy.tale”. Did you mean “copy.take”?"),
        ("jobs: 2", "job: 2", "job: 2", "copy.take has no parameter “job”. Did you mean “jobs”?"),
        ("jobs: 2", "jobs: 99", "jobs: 99", "parameter “jobs”: Ensure this value is less than or equal to 8. Tables"),
        ("jobs: 2", "way: sloppy", "way: sloppy", "parameter “way”: Select a valid choice"),
        ("jobs: 2", "rules: {a: 1}", "rules:", "parameter “rules”: must be a list, not dict."),
        ("          database: store\n", "", "params:", "parameter “database”: This field is required. What to copy."),
        ("database: store\n", "database: stores\n", "stores", "“stores” is no system of kind postgres; the runbook"),
        ("copy: save}", "copy: saved}", "copy: saved", "parameter “copy”: there is no item “saved”. Did you mean “save”?"),
        ("copy: save}", "copy: go}", "copy: go}", "“go” does not do copy.take, and leaves no such evidence. Name one of: save."),
        ("needs: [save, go]", "needs: []", "{database", "“save” need not be done before this item. Add save to needs:."),
        ("        undo: put-back\n", "", "schema.change", "changes production, and no item is named that takes it back"),
        ("undo: put-back", "undo: put-bak", "put-bak", "undo: there is no item “put-bak”. Did you mean “put-back”?"),
        ("undo: put-back", "undo: change", "undo: change", "it is said to undo itself."),
        ("undo: put-back", "undo: put-back\n        irreversible: So", "irreversible", "has an undo and a reason for having none"),
        ("        owner: lead\n", "", "key: save", "item save: owner: is missing. Add it."),
        ("owner: lead", "owner: leed", "owner: leed", "owner: there is no role “leed”. Did you mean “lead”?"),
        ("needs: [save, go]", "needs: [save, gone]", "gone", "needs: there is no item “gone”."),
        ("[technical, data]", "[technical, date]", "date]", "seats: there is no seat “date”. Did you mean “data”?"),
        ("quorum: 2", "quorum: 3", "quorum", "3 must say go, and there are 2 seats. Lower the quorum"),
        ("quorum: 2", "quorum: two", "quorum", "a whole number from 1 belongs here, not “two”."),
        ("        quorum: 2\n", "", "key: go", "an item of kind gate needs quorum:"),
        ("fresh_for: 20m", "fresh_for: 20 minutes", "20 minutes", "“20 minutes” is no duration. Write it like 20s"),
        ("planned: 1h30m", "planned: 90", "planned: 90", "planned: “90” is no duration."),
        ("        kind: manual\n", "        kind: robot\n", "robot", "“robot” is none of manual, action, gate."),
        ("        how: Take", "        hwo: Take", "hwo", "“hwo” is no key here. Did you mean “how”?"),
        ("        how: Take the copy of [[save]].\n", "", "key: put-back", "an item of kind manual needs how:"),
        ("[[save]]", "[[sav]]", "[[sav]]", "its text names [[sav]], which is no item. Did you mean “save”?"),
        ("        kind: manual\n", "        kind: manual\n        quorum: 1\n", "quorum: 1", "quorum: means nothing for kind manual"),
        ("title: Put it back", "title: ''", "title: ''", "title: the text is empty."),
        ("title: Put it back", "title: [a]", "title: [a]", "title: a text belongs here, not a list."),
        ("key: put-back", "key: Put Back", "key: Put Back", "“Put Back” is no key. Use up to 60 small letters"),
        ("key: put-back", "key: save", "key: save\n        title: Put", "another item has this key already, in line 17."),
        ("key: back", "key: first", "key: first\n    title: Back", "another phase has this key"),
        (
            "        kind: manual\n",
            "        kind: manual\n        requires: [note, photo]\n",
            "photo",
            "requires: “photo” is none of note, file, second_person. Choose one of them.",
        ),
        (
            "        action: copy.take\n",
            "        action: copy.take\n        requires: [note]\n",
            "requires",
            "requires: means nothing for kind action; it is for manual.",
        ),
        ("direction: rollback", "direction: sideways", "sideways", "“sideways” is none of forward, rollback."),
        ("timezone: Europe/Berlin", "timezone: Berlin", "timezone", "“Berlin” is no time zone."),
        ("timezone: Europe/Berlin\n", "", "name: small", "runbook: timezone: is missing."),
        ("kind: postgres", "kind: oracle", "kind: oracle", "kind: oracle is no kind of system."),
        ("    url: ${STORE_URL}\n", "    uri: ${STORE_URL}\n", "store:", "a system of kind postgres needs url:"),
        ("    url: ${STORE_URL}\n", "    uri: ${STORE_URL}\n", "uri", "“uri” is no setting of kind postgres. Did you mean “url”?"),
        ("    url: ${STORE_URL}\n", "    url: ${STORE_URL}\n    lock_wait: \"1 h\"\n", "lock_wait", "lock_wait: must be a number of seconds up to 3600, and not “1 h”."),
        ("${STORE_URL}", "${store_url}", "store_url", "“${” begins a variable that does not read like one."),
        ("${STORE_URL}", "postgres://me:word@host/db", "me:word", "a password stands in the file"),
        ("needs: [save, go]", "needs: [save, go, put-back]", "key: change", "waits for “put-back”, which is only done in a rollback"),
    ],
)  # fmt: skip
def test_each_error_is_reported_with_its_line_and_remedy(old, new, line, words):
    text = change_good(old, new)
    first = text[: text.index(line)].count("\n") + 1
    assert read_tiny(text).document is None
    lines = errors_of(text).split("\n")
    assert any(one.startswith(f"{first}: ") and words in one for one in lines), (first, lines)


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_lines():
    text = (
        GOOD.replace("jobs: 2", "job: 2")
        .replace("owner: lead", "owner: boss")
        .replace("quorum: 2", "quorum: 9")
    )
    errors = read_tiny(text).errors
    assert len(errors) == 6
    assert [m.line for m in errors] == sorted(m.line for m in errors)


def test_a_circle_of_needs_is_told_once_with_its_path():
    text = change_good("        needs: [save]\n", "        needs: [save, change]\n")
    circles = [m for m in read_tiny(text).errors if "circle" in m.what]
    assert [m.what for m in circles] == ["the items wait for each other in a circle: change → go → change."]


def test_an_item_that_needs_itself_is_a_circle():
    assert "circle: save → save." in errors_of(change_good("planned: 1h30m", "needs: [save]"))


def test_a_long_chain_of_needs_is_no_trouble():
    items = "".join(
        f"      - {{key: i{n}, title: T, kind: manual, owner: lead, how: do, needs: [{f'i{n - 1}' if n else ''}]}}\n"
        for n in range(1, 1200)
    )
    text = change_good("  - key: back\n", items.replace("needs: [i0]", "needs: [save]") + "  - key: back\n")
    assert read_tiny(text).errors == []
    round_about = text.replace("needs: [save]", "needs: [i1199]")
    assert sum("circle" in m.what for m in read_tiny(round_about).errors) >= 1


def test_evidence_of_a_gate_has_to_come_before_it():
    text = change_good("        needs: [save]\n", "        needs: []\n")
    assert "evidence: “save” need not be done before this gate. Add save to needs:." in errors_of(text)


def test_a_gate_without_evidence_is_refused():
    text = change_good("        evidence:\n          - item: save\n            fresh_for: 20m\n", "")
    assert "an item of kind gate needs evidence:" in errors_of(text)


def test_a_reason_stands_in_for_a_missing_undo():
    assert read_tiny(change_good("undo: put-back", "irreversible: It is a rehearsal.")).errors == []


def test_an_unset_variable_is_told_and_does_not_stop():
    found = read_tiny(GOOD, environ={"STORE_URL": ""})
    (error,) = found.errors
    assert (error.line, error.is_fatal) == (line_of(GOOD, "STORE_URL"), False)
    assert (
        str(error)
        == "system store: url: the variable STORE_URL is not set. Set STORE_URL in the environment."
    )
    assert found.document is not None
    assert read_tiny(GOOD, environ={"STORE_URL": "postgresql://h/d"}).errors == []
    assert read_tiny(change_good("${STORE_URL}", "${STORE_URL:-here}"), environ={}).errors == []


def test_a_parameter_may_come_from_the_environment_and_is_told_when_it_cannot():
    text = change_good("jobs: 2", "jobs: ${JOBS}")
    found = read_tiny(text, environ={"STORE_URL": "postgresql://h/d"})
    (error,) = found.errors
    assert (error.line, error.is_fatal) == (line_of(text, "${JOBS}"), False)
    assert str(error) == (
        "item save: parameter “jobs”: the variable JOBS is not set. Set JOBS in the environment."
    )
    assert read_tiny(text, environ={"STORE_URL": "postgresql://h/d", "JOBS": "3"}).errors == []
    assert read_tiny(change_good("jobs: 2", "jobs: ${JOBS:-2}"), environ=None).errors == []
    assert "jobs" in errors_of(change_good("jobs: 2", "jobs: ${JOBS:-many}"))
    assert "does not read like one" in errors_of(change_good("jobs: 2", "jobs: ${jobs}"))


def test_words_stay_words():
    text = change_good("title: Put it back", "title: no").replace("name: small", "name: '7'")
    document = read_tiny(text).document
    assert document.item("put-back").title == "no"
    assert document.name == "7"


@pytest.mark.parametrize(
    "text",
    ["- a\n- b\n", "just words\n", "42\n", "name: x\nphases: 7\n", "name: [\n", "phases:\n  - x\n  -\n"],
)
def test_what_is_no_runbook_is_told_and_never_crashes(text):
    assert read_tiny(text).document is None
    assert read_tiny(text).errors


def test_words_of_other_tools_lead_to_ours() -> None:
    assert suggest("with", ["goes_with", "params"]) == "Did you mean “params”?"
    assert suggest("script.run", ["command.run", "backup.take"]) == "Did you mean “command.run”?"
    assert "without a shell" in suggest("shell.run", ["command.run", "backup.take"])
    assert suggest("with", ["width"]) == "Did you mean “width”?"
