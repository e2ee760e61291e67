"""What a runbook file becomes, and every mistake it is told about, with its line."""

# ruff: noqa: E501  # the table of mistakes reads best with one mistake a line

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checklists.runbook import EvidenceSpec, duration_text, parse_duration
from tests.checklists.runbook_files import GOOD, broken, line_of, reading, told

pytestmark = pytest.mark.usefixtures("only_own_actions")


def test_a_good_file_becomes_a_document():
    found = reading(GOOD)
    assert found.mistakes == []
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
    assert reading(GOOD.encode()) == reading(GOOD)


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
        ("[[save]]", "[[sav]]", "key: put-back", "its text names [[sav]], which is no item. Did you mean “save”?"),
        ("        kind: manual\n", "        kind: manual\n        quorum: 1\n", "quorum: 1", "quorum: means nothing for kind manual"),
        ("title: Put it back", "title: ''", "title: ''", "title: the text is empty."),
        ("title: Put it back", "title: [a]", "title: [a]", "title: a text belongs here, not a list."),
        ("key: put-back", "key: Put Back", "key: Put Back", "“Put Back” is no key. Use up to 60 small letters"),
        ("key: put-back", "key: save", "key: save\n        title: Put", "a second item has this key, the first stands in line 17."),
        ("key: back", "key: first", "key: first\n    title: Back", "a second phase has this key"),
        ("direction: rollback", "direction: sideways", "sideways", "“sideways” is none of forward, rollback."),
        ("timezone: Europe/Berlin", "timezone: Berlin", "timezone", "“Berlin” is no time zone."),
        ("timezone: Europe/Berlin\n", "", "name: small", "runbook: timezone: is missing."),
        ("kind: postgres", "kind: oracle", "kind: oracle", "kind: oracle is no kind of system."),
        ("    url: ${STORE_URL}\n", "    uri: ${STORE_URL}\n", "store:", "a system of kind postgres needs url:"),
        ("    url: ${STORE_URL}\n", "    uri: ${STORE_URL}\n", "uri", "“uri” is no setting of kind postgres. Did you mean “url”?"),
        ("${STORE_URL}", "${store_url}", "store_url", "“${” begins a variable that does not read like one."),
        ("${STORE_URL}", "postgres://me:word@host/db", "me:word", "a password stands in the file"),
        ("needs: [save, go]", "needs: [save, go, put-back]", "key: change", "waits for “put-back”, which is only done in a rollback"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line_and_remedy(old, new, line, words):
    text = broken(old, new)
    first = text[: text.index(line)].count("\n") + 1
    assert reading(text).document is None
    lines = told(text).split("\n")
    assert any(one.startswith(f"{first}: ") and words in one for one in lines), (first, lines)


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_lines():
    text = (
        GOOD.replace("jobs: 2", "job: 2")
        .replace("owner: lead", "owner: boss")
        .replace("quorum: 2", "quorum: 9")
    )
    mistakes = reading(text).mistakes
    assert len(mistakes) == 6
    assert [m.line for m in mistakes] == sorted(m.line for m in mistakes)


def test_a_circle_of_needs_is_told_once_with_its_path():
    text = broken("        needs: [save]\n", "        needs: [save, change]\n")
    circles = [m for m in reading(text).mistakes if "circle" in m.what]
    assert [m.what for m in circles] == ["the items wait for each other in a circle: change → go → change."]


def test_an_item_that_needs_itself_is_a_circle():
    assert "circle: save → save." in told(broken("planned: 1h30m", "needs: [save]"))


def test_a_long_chain_of_needs_is_no_trouble():
    items = "".join(
        f"      - {{key: i{n}, title: T, kind: manual, owner: lead, how: do, needs: [{f'i{n - 1}' if n else ''}]}}\n"
        for n in range(1, 1200)
    )
    text = broken("  - key: back\n", items.replace("needs: [i0]", "needs: [save]") + "  - key: back\n")
    assert reading(text).mistakes == []
    round_about = text.replace("needs: [save]", "needs: [i1199]")
    assert sum("circle" in m.what for m in reading(round_about).mistakes) >= 1


def test_evidence_of_a_gate_has_to_come_before_it():
    text = broken("        needs: [save]\n", "        needs: []\n")
    assert "evidence: “save” need not be done before this gate. Add save to needs:." in told(text)


def test_a_gate_without_evidence_is_refused():
    text = broken("        evidence:\n          - item: save\n            fresh_for: 20m\n", "")
    assert "an item of kind gate needs evidence:" in told(text)


def test_a_reason_stands_in_for_a_missing_undo():
    assert reading(broken("undo: put-back", "irreversible: It is a rehearsal.")).mistakes == []


def test_an_unset_variable_is_told_and_does_not_stop():
    found = reading(GOOD, environ={"STORE_URL": ""})
    (mistake,) = found.mistakes
    assert (mistake.line, mistake.stops) == (line_of(GOOD, "STORE_URL"), False)
    assert (
        str(mistake)
        == "system store: url: the variable STORE_URL is not set. Set STORE_URL in the environment."
    )
    assert found.document is not None
    assert reading(GOOD, environ={"STORE_URL": "postgresql://h/d"}).mistakes == []
    assert reading(broken("${STORE_URL}", "${STORE_URL:-here}"), environ={}).mistakes == []


def test_a_parameter_may_come_from_the_environment_and_is_told_when_it_cannot():
    text = broken("jobs: 2", "jobs: ${JOBS}")
    found = reading(text, environ={"STORE_URL": "postgresql://h/d"})
    (mistake,) = found.mistakes
    assert (mistake.line, mistake.stops) == (line_of(text, "${JOBS}"), False)
    assert str(mistake) == (
        "item save: parameter “jobs”: the variable JOBS is not set. Set JOBS in the environment."
    )
    assert reading(text, environ={"STORE_URL": "postgresql://h/d", "JOBS": "3"}).mistakes == []
    assert reading(broken("jobs: 2", "jobs: ${JOBS:-2}"), environ=None).mistakes == []
    assert "jobs" in told(broken("jobs: 2", "jobs: ${JOBS:-many}"))
    assert "does not read like one" in told(broken("jobs: 2", "jobs: ${jobs}"))


def test_words_stay_words():
    text = broken("title: Put it back", "title: no").replace("name: small", "name: '7'")
    document = reading(text).document
    assert document.item("put-back").title == "no"
    assert document.name == "7"


@pytest.mark.parametrize(
    "text",
    ["- a\n- b\n", "just words\n", "42\n", "name: x\nphases: 7\n", "name: [\n", "phases:\n  - x\n  -\n"],
)
def test_what_is_no_runbook_is_told_and_never_crashes(text):
    assert reading(text).document is None
    assert reading(text).mistakes


@pytest.mark.parametrize(
    "text", ["", "5", "5x", "m5", "5m1h", "0s", "-5m", "1.5h", "5 m", "٥m", "366d", "99999999999s", "5M"]
)
def test_bad_durations_are_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.integers(1, 365 * 86_400))
def test_durations_survive_being_written_and_read(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(duration_text(duration)) == duration
