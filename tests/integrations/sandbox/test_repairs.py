"""The list of defects, and the repairs of one sandbox."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrations.sandbox import repairs
from integrations.sandbox.facts import FOLDER
from integrations.sandbox.repairs import (
    AppliedRepairs,
    Profile,
    Repair,
    describe_defects,
    find_reported,
    load_repairs,
    load_seen,
)
from tests.customer_runbook import customer_runbook

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def two_repairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "repairs.yaml"
    entry = "{{key: {}, wrong: Bad., change: Change it., items: [look], cause: bad, facts: api.json}}"
    path.write_text(f"- {entry.format('one')}\n- {entry.format('two')}\n")
    loaded = repairs.load_repairs(path)
    monkeypatch.setattr(repairs, "load_repairs", lambda: loaded)


@pytest.mark.usefixtures("two_repairs")
def test_recorded_begins_without_repairs_and_takes_them_one_by_one(tmp_path: Path) -> None:
    applied = AppliedRepairs(tmp_path / "applied.json")
    applied.begin(Profile.RECORDED)
    assert not applied.has("one")
    applied.apply("one")
    assert applied.has("one")
    assert not applied.has("two")
    applied.begin(Profile.RECORDED)  # the next start of the same sandbox
    assert applied.has("one")


@pytest.mark.usefixtures("two_repairs")
def test_repaired_begins_with_all(tmp_path: Path) -> None:
    applied = AppliedRepairs(tmp_path / "applied.json")
    applied.begin(Profile.REPAIRED)
    assert applied.has("one")
    assert applied.has("two")
    with pytest.raises(KeyError):
        applied.has("three")


def test_an_entry_without_an_item_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "repairs.yaml"
    path.write_text("- {key: one, wrong: Bad., change: Change it., items: [], cause: bad, facts: api.json}\n")
    with pytest.raises(ValueError, match="items"):
        repairs.load_repairs(path)


def test_a_repair_takes_its_settings_out_of_the_new_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "repairs.yaml"
    path.write_text(
        "- {key: one, wrong: Bad., change: Change it., items: [look], cause: bad, facts: f, unset: [B]}\n"
    )
    loaded = repairs.load_repairs(path)
    monkeypatch.setattr(repairs, "load_repairs", lambda: loaded)
    settings = tmp_path / repairs.NEW_SETTINGS
    settings.write_text('A="1"\nB="2"\nBB="3"\n')
    applied = AppliedRepairs(tmp_path / "applied.json")
    applied.begin(Profile.RECORDED)
    assert applied.unset() == ()
    applied.apply("one")
    assert applied.unset() == ("B",)
    assert settings.read_text() == 'A="1"\nBB="3"\n'
    assert not AppliedRepairs.of({}).has("one"), "a program outside of a sandbox has none"


def test_every_defect_is_reported_by_items_of_the_runbook() -> None:
    text = customer_runbook()
    actions = {item["key"] for phase in text["phases"] for item in phase["items"] if item["kind"] == "action"}
    assert not {
        key: set(one.items) - actions for key, one in load_repairs().items() if set(one.items) - actions
    }


def test_a_defect_of_a_rehearsed_item_is_reported_by_the_rehearsal_first() -> None:
    """Else an autopilot with the defects stops at the rehearsal, whose verdict no repair answers."""
    text = customer_runbook()
    items = {item["key"]: item for phase in text["phases"] for item in phase["items"]}
    for key in ("rehearse-alignment", "rehearse-frozen"):
        rehearsed = set(items[key]["params"]["items"])
        met = {one.key for one in load_repairs().values() if rehearsed & set(one.items)}
        assert met == {one for one in met if key in load_repairs()[one].items}


def test_one_verdict_names_several_defects_each_with_words_of_its_own() -> None:
    def defect(key: str, cause: str) -> Repair:
        return Repair(key, "Bad.", "Change it.", ("look",), cause, "api.json")

    verdict = "GET answers 500. Half a form is answered by 500. The hash is shown."
    known = [
        defect("failure", "answers 500"),
        defect("hash", "hash is shown"),
        defect("same-words", "500. half"),
        defect("half-a-form", "half a form"),
        defect("rights", "rights"),
    ]
    assert [one.key for one in find_reported(known, "look", verdict)] == ["failure", "hash", "half-a-form"]
    assert find_reported(known, "another-item", verdict) == []


@pytest.mark.reference
def test_the_page_for_the_customer_has_every_defect() -> None:
    assert (PROJECT / "docs" / "reference" / "defects.md").read_text() == describe_defects()


def test_every_defect_names_where_it_was_recorded() -> None:
    named = {one.key: one.facts for one in [*load_repairs().values(), *load_seen()]}
    assert len(load_seen()) > 10
    for key, facts in named.items():
        files = re.findall(r"[\w./-]+\.json", facts)
        assert files, key
        assert all((FOLDER / file).is_file() for file in files), key


def test_a_seen_defect_that_is_not_whole_or_is_a_repair_too_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seen.yaml"
    for entry in ("{key: one, wrong: Bad., why: '', facts: f}", "{key: sign-in, wrong: B, why: c, facts: f}"):
        path.write_text(f"- {entry}\n")
        with pytest.raises(ValueError, match="an entry lacks something"):
            load_seen(path)
