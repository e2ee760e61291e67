"""Every mode of comparison records evidence of every table, and only proof makes the verdict good."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.forms import ValidationError

from integrations.actions import Context, Outcome, ProbeStatus, parity_options, registry
from integrations.actions.parity_compare import NOT_THE_WHOLE
from integrations.errors import Cancelled, Problem
from integrations.parity.server import session_settings
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
ACTION = registry()["parity.compare"]
MIGRATED = (
    "alter table members alter notes type jsonb, alter joined type timestamp(3), alter name type text",
    "select setval('donations_id_seq', 500)",
)
DECLARED = [{"kind": "rounded", "table": "members", "column": "joined"}]
TOTALS = [{"table": "donations", "sum": "amount", "by": ["currency"]}]


@pytest.fixture
def restored(app_database: AppDatabase, new_database: Callable[[], str]) -> AppDatabase:
    """A copy of the application's database as it is at first."""
    url = new_database()
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as admin:
        admin.execute(f"drop database {name}")
        admin.execute(f"create database {name} template {app_database.name}")
    copy = AppDatabase(url, url, "", name)
    role = app_database.role  # owns nothing here, so that it can be dropped with its own database
    copy.execute(f"reassign owned by {role} to current_user")
    copy.execute(f"drop owned by {role}")
    return copy


def systems(**urls: str) -> dict[str, dict[str, str]]:
    return {name: {"kind": "postgres", "url": url} for name, url in urls.items()}


def run(raw: dict[str, Any], context: Context, report: Recorder | None = None) -> tuple[Outcome, Any]:
    report = report or Recorder()
    outcome = ACTION.run(ACTION.bind(raw, context), report)
    return outcome, report.facts["parity"]


def test_live_against_live_names_the_rows_that_differ(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    for statement in MIGRATED:
        app_database.execute(statement)
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    raw = {"source": "old", "target": "new", "declared": DECLARED, "totals": TOTALS}
    outcome, facts = run(raw, context)
    assert outcome.ok, outcome.summary
    assert outcome.summary == "4 tables, 1\u202f050 rows: all equal; 500 differences are declared."
    app_database.execute("update donations set amount = -amount where id = 77")
    outcome, facts = run(raw, context)
    assert not outcome.ok
    assert "1 row differs in 1 table; 1 total not the same (donations)" in outcome.summary
    first = facts["tables"][0]
    assert (first["table"], first["differing"], first["equal"]) == ("donations", 1, False)
    assert first["examples"] == [
        {"key": {"id": "77"}, "kind": "changed", "columns": {"amount": ["25.67", "-25.67"]}, "paths": {}}
    ]
    assert len(facts["digest"]) == 64
    assert len(json.dumps(facts)) < 400_000
    assert urlsplit(app_database.admin_url).password not in json.dumps(facts)


def test_before_against_after_with_and_without_the_backup(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    urls = systems(database=app_database.admin_url, scratch=app_database.admin_url)
    report = Recorder()
    take = registry()["parity.fingerprint"]
    take.run(
        take.bind(
            {"database": "database", "declared": DECLARED, "totals": TOTALS, "personal": ["*.name"]},
            new_context(urls),
        ),
        report,
    )
    for statement in (*MIGRATED, "delete from donations where id = 5"):
        app_database.execute(statement)
    verified = {"verified": {"equal": True, "database": restored.name}}
    context = new_context(urls, taken=report.facts, verify=verified)
    raw = {"before": "taken", "database": "database"}
    outcome, facts = run(raw, context)
    assert not outcome.ok
    assert (facts["mode"], facts["tables"][0]["at_least"]) == ("before", True)
    outcome, facts = run({**raw, "backup": "verify", "scratch": "scratch"}, context)
    assert facts["tables"][0]["examples"][0]["key"] == {"id": "5"}
    assert facts["declared_count"] == 500
    assert facts["personal"] == ["*.name"]  # what the fingerprint calls so
    live = {"database": "database", "backup": "verify", "scratch": "scratch", "declared": DECLARED}
    assert run(live, context)[1]["tables"][0]["missing"] == 1


def test_missing_evidence_of_an_earlier_item_is_named(app_database: AppDatabase, new_context: Make) -> None:
    urls = systems(database=app_database.admin_url, scratch=app_database.admin_url)
    with pytest.raises(Problem, match="no fingerprint of before: the item “taken” has not left one"):
        run({"before": "taken", "database": "database"}, new_context(urls))
    unkept = new_context(urls, verify={"verified": {"equal": True, "database": ""}})
    with pytest.raises(Problem, match="keep: true"):
        run({"backup": "verify", "scratch": "scratch", "database": "database"}, unkept)


@pytest.mark.parametrize(
    "raw", [{}, {"source": "database"}, {"before": "taken"}, {"source": "database", "before": "x"}]
)
def test_an_incomplete_set_of_sides_is_refused(
    app_database: AppDatabase, new_context: Make, raw: dict[str, str]
) -> None:
    with pytest.raises(ValidationError, match="Say what to compare"):
        ACTION.bind(raw, new_context(systems(database=app_database.admin_url)))


def test_rules_beside_a_fingerprint_are_refused(app_database: AppDatabase, new_context: Make) -> None:
    raw = {"before": "taken", "database": "database", "declared": DECLARED}
    with pytest.raises(ValidationError, match="the fingerprint of “before” holds these"):
        ACTION.bind(raw, new_context(systems(database=app_database.admin_url)))


def test_the_preview_names_both_sides_and_the_declared_differences(
    app_database: AppDatabase, new_context: Make
) -> None:
    urls = systems(database=app_database.admin_url)
    values = ACTION.bind({"before": "taken", "database": "database"}, new_context(urls))
    assert "the fingerprint of “taken”" in ACTION.preview(values).lines[0]
    raw = {"source": "database", "target": "database", "declared": DECLARED, "settle": 5}
    values = ACTION.bind(raw, new_context(urls))
    preview = ACTION.preview(values)
    assert "Compare 4 tables" in preview.lines[0]
    assert preview.lines[2:] == [
        "Declared: members.joined: rounded to 3 digits of a second.",
        "Read rows that differ again after 5 s.",
        "Stakeholders see no values.",
    ]
    assert preview.where.endswith(app_database.name)
    assert ACTION.probe(values, {}).status is ProbeStatus.NOT_DONE


def test_progress_is_reported_and_a_cancel_is_obeyed(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    context = new_context(systems(one=restored.admin_url, two=app_database.admin_url))
    raw = {"source": "one", "target": "two"}
    report = Recorder()
    assert run(raw, context, report)[0].ok
    worked_on = dict.fromkeys(what for _, _, what in report.steps)
    assert list(worked_on) == ['"Odd ""name"', "donations", "empty_one", "members"]
    assert any(line.startswith("members: 500 rows, equal") for line in report.lines)
    stopped = Recorder(cancel_when=lambda so_far: len(so_far.steps) > 2)
    with pytest.raises(Cancelled):
        run(raw, context, stopped)
    assert "parity" not in stopped.facts


def test_each_table_and_each_row_that_differs_is_reported_during_the_comparison(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    app_database.execute("update members set name = 'Other' where id in (7, 8)")
    app_database.execute("delete from donations where id = 5")
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    report = Recorder()
    raw = {"source": "old", "target": "new", "personal": ["members.name", "*.amount"]}
    _, facts = run(raw, context, report)
    last = {name: (state, how["found"]) for name, state, how in report.parts}
    assert {state for state, _ in last.values()} == {"done"}
    assert last["empty_one"][1]["equal"] is True
    assert (last["members"][1]["differing"], last["donations"][1]["missing"]) == (2, 1)
    told = {(row["table"], row["kind"], row["key"]["id"], *row["personal"]) for row in report.differences}
    assert told == {
        ("members", "changed", "7", "name"),
        ("members", "changed", "8", "name"),
        ("donations", "missing", "5", "amount"),
    }
    assert facts["personal"] == ["members.name", "*.amount"]
    assert "Other" not in report.text  # no value of a row is in the log


def test_the_preview_names_the_limits_and_the_hidden_columns(
    app_database: AppDatabase, new_context: Make
) -> None:
    urls = systems(database=app_database.admin_url)
    bounds = {"workers": 2, "page_rate": 500, "snapshot_age": 600, "largest": 9_000, "sample": 0.5}
    raw = {"source": "database", "target": "database", **bounds, "personal": ["users.email"]}
    assert ACTION.preview(ACTION.bind(raw, new_context(urls))).lines[2:] == [
        "Compare only 0.5 % of the rows: this can prove a difference, never equality.",
        "Read with at most 2 connections per side.",
        "Read at most 500 pages (8 kB) per second and side.",
        "Keep no snapshot longer than 600 s; refuse what takes longer.",
        "Refuse tables of more than 9000 pages (8 kB).",
        "Personal, and never shown to stakeholders: users.email.",
        "Stakeholders see no values.",
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"personal": ["email"]}, "“email” is no table.column, such as users.email or *.phone."),
        ({"personal": "users.email"}, "must be a list, not str."),
        ({"views": [7]}, "must be a list of names."),
        ({"workers": 0}, "greater than or equal to 1"),
        ({"sample": 100}, "less than or equal to 99"),
        ({"page_rate": "fast"}, "Enter a whole number."),
        ({"largets": 5}, "parity.compare has no parameter “largets”"),
    ],
)
def test_an_invalid_option_is_named(
    app_database: AppDatabase, new_context: Make, raw: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        ACTION.bind(
            {"source": "one", "target": "one", **raw}, new_context(systems(one=app_database.admin_url))
        )
    (name,) = raw
    assert said in raised.value.message_dict[name][0]


def test_with_only_tell_differences_are_reported_and_not_judged(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    app_database.execute("update members set name = 'Other' where id = 7")
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    outcome, facts = run({"source": "old", "target": "new", "only_tell": True}, context)
    assert outcome.ok
    assert "1 row differs" in outcome.summary
    assert "Told, not judged" in outcome.summary
    assert not facts["equal"]


SELECTIONS: dict[str, dict[str, Any]] = {
    "tables": {"tables": ["members"]},
    "exclude": {"exclude": ["dona*"]},
    "where": {"where": [{"table": "members", "condition": "id > 0"}]},
}


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("more", [{}, {"only_tell": True}])
def test_a_selection_never_counts_as_the_whole(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make, name: str, more: dict[str, bool]
) -> None:
    """Whatever it finds: a gate would take the part for the whole."""
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    raw = {"source": "old", "target": "new", **SELECTIONS[name]}
    outcome, facts = run({**raw, **more}, context)
    assert (outcome.ok, facts["equal"]) == (False, True)
    assert "A selection never counts as the whole" in outcome.summary
    assert "; selected: " in outcome.summary
    assert facts["selection"] in outcome.summary
    outcome, facts = run({**raw, **more, "selection_counts": True}, context)
    assert outcome.ok
    assert facts["selection"] in outcome.summary


def test_the_preview_says_what_is_selected_and_that_it_will_not_count(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    where = [{"table": "members", "condition": "name <> 'Ada'"}]
    raw = {"source": "old", "target": "new", "tables": ["mem*"], "exclude": ["x"], "where": where}
    first, *lines = ACTION.preview(ACTION.bind(raw, context)).lines
    assert re.fullmatch(r"Compare 1 of the 4 tables of \S+ with \S+ \(members\)\.", first)
    assert lines[:2] == [
        "This is a selection: only the tables mem*; without x; of members only rows that meet a condition.",
        NOT_THE_WHOLE,
    ]
    first, *lines = ACTION.preview(ACTION.bind({**raw, "selection_counts": True}, context)).lines
    assert lines[0].startswith("This is a selection: ")
    assert NOT_THE_WHOLE not in lines
    first, *lines = ACTION.preview(ACTION.bind({"source": "old", "target": "new"}, context)).lines
    assert first.startswith("Compare 4 tables of ")
    assert not any("selection" in line for line in lines)


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        ({"selection_counts": True}, "selection_counts", "nothing is selected"),
        ({"where": [{"table": "members"}]}, "where", "where 1 must look like"),
        ({"tables": [""]}, "tables", "must be a list of names"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(
    app_database: AppDatabase, new_context: Make, raw: dict[str, Any], field: str, said: str
) -> None:
    given = {"source": "one", "target": "one", **raw}
    with pytest.raises(ValidationError) as raised:
        ACTION.bind(given, new_context(systems(one=app_database.admin_url)))
    assert said in raised.value.message_dict[field][0]


def test_a_kept_pass_makes_the_next_comparison_read_only_what_was_written_since(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    urls = systems(old=restored.admin_url, new=app_database.admin_url)
    sides, report = {"source": "old", "target": "new"}, Recorder()
    outcome, facts = run({**sides, "keep_pass": True}, new_context(urls), report)
    assert outcome.ok, outcome.summary
    assert report.facts["kept_pass"]["taken_at"] == facts["started"]
    app_database.execute("update members set name = 'Other' where id = 7")
    after = new_context(urls, full=report.facts)
    outcome, facts = run({**sides, "recheck": "full"}, after)
    assert not outcome.ok
    assert facts["mode"] == "recheck"
    assert facts["tables"][0]["examples"][0]["key"] == {"id": "7"}
    app_database.execute("update members set name = (select 'Name ' || 7) where id = 7")
    restored.execute("update members set name = (select 'Name ' || 7) where id = 7")
    outcome, facts = run({**sides, "recheck": "full"}, after)
    assert outcome.ok, outcome.summary
    assert facts["rows"] == 1_050  # the verdict is about all of them


def test_a_recheck_without_a_kept_pass_says_what_to_do(app_database: AppDatabase, new_context: Make) -> None:
    context = new_context(systems(one=app_database.admin_url))
    with pytest.raises(Problem, match="no kept pass to build on: the item “full” has not left one"):
        run({"source": "one", "target": "one", "recheck": "full"}, context)
    values = ACTION.bind({"source": "one", "target": "one", "recheck": "full"}, context)
    assert "only what was written since the pass that “full” kept" in ACTION.preview(values).lines[1]


@pytest.mark.parametrize(
    ("raw", "name", "said"),
    [
        ({"before": "f", "database": "one", "keep_pass": True}, "keep_pass", "needs source and target"),
        ({"before": "f", "database": "one", "sample": 5}, "sample", "works with two live databases only"),
        (
            {"source": "one", "target": "one", "keep_pass": True, "sample": 5},
            "keep_pass",
            "cannot be used with sample",
        ),
        (
            {"source": "one", "target": "one", "keep_pass": True, "recheck": "x"},
            "recheck",
            "remove keep_pass here",
        ),
    ],
)
def test_contradicting_parameters_of_a_pass_are_refused(
    app_database: AppDatabase, new_context: Make, raw: dict[str, Any], name: str, said: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        ACTION.bind(raw, new_context(systems(one=app_database.admin_url)))
    assert said in raised.value.message_dict[name][0]


def test_sql_checks_and_spot_checks_are_compared(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    app_database.execute("update donations set amount = 99 where id = 77")
    beside = {
        "checks": [{"name": "gifts", "sql": "select count(*), sum(amount) from donations"}],
        "spots": [{"table": "donations", "key": {"id": 77}, "columns": ["amount"]}],
        "structure": "judged",
    }
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    outcome, facts = run({"source": "old", "target": "new", **beside}, context)
    assert not outcome.ok
    assert [one["equal"] for one in (*facts["checks"], *facts["spots"])] == [False, False]
    assert facts["spots"][0]["columns"] == {"amount": ["25.67", "99.00"]}
    assert facts["structure_judged"] is True


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"checks": [{"name": "x"}]}, "check 1 must look like"),
        ({"spots": [{"table": "t"}]}, "spot check 1 must look like"),
        ({"structure": "maybe"}, "maybe is not one of the available choices"),
    ],
)
def test_a_mistake_in_checks_spots_or_structure_is_named(
    app_database: AppDatabase, new_context: Make, raw: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        ACTION.bind(
            {"source": "one", "target": "one", **raw}, new_context(systems(one=app_database.admin_url))
        )
    (name,) = raw
    assert said in raised.value.message_dict[name][0]


def test_kinds_are_judged_as_the_runbook_says_and_an_unknown_one_is_refused(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    app_database.execute("create index by_joined on members (joined)")
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url))
    told, _ = run({"source": "old", "target": "new"}, context)
    assert told.ok, told.summary
    judged, _ = run({"source": "old", "target": "new", "judge": ["indexes"]}, context)
    assert "1 part of the structure not the same (indexes members.by_joined)" in judged.summary
    with pytest.raises(ValidationError) as raised:
        run({"source": "old", "target": "new", "judge": ["index"]}, context)
    assert "“index” is no kind of objects; there are: columns, " in raised.value.message_dict["judge"][0]


def test_a_diff_that_was_not_made_announces_nothing(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make
) -> None:
    context = new_context(systems(old=restored.admin_url, new=app_database.admin_url), diff={})
    with pytest.raises(Problem, match="There is no reviewed schema diff: the item “diff” has not left one"):
        run({"source": "old", "target": "new", "announced": "diff"}, context)


def test_a_table_that_is_locked_is_reported_with_who_locks_it(
    app_database: AppDatabase, restored: AppDatabase, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(session_settings.SESSION_SETTINGS, "lock_timeout", "1s")
    monkeypatch.setattr(parity_options, "FIRST_LOOK", 0.2)
    context, holds = new_context(systems(old=restored.admin_url, new=app_database.admin_url)), "a migration"
    with psycopg.connect(app_database.app_url, application_name=holds) as holder:
        holder.execute("lock table empty_one")  # without a default: the catalog can be read
        outcome, facts = run({"source": "old", "target": "new"}, context)
        assert not outcome.ok
        reasons = " ".join(next(each for each in facts["tables"] if each["table"] == "empty_one")["unsound"])
        assert "another session holds a lock on it" in reasons
        assert "application “a migration”; idle in transaction" in reasons
        holder.execute("lock table donations")
        outcome, facts = run({"source": "old", "target": "new"}, context)
    assert not outcome.ok
    (line,) = facts["unsound"]  # a question beside the rows fails on its own
    assert line.startswith("columns could not be compared: target: ")
    assert "application “a migration”; idle in transaction" in line
