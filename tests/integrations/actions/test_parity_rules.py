"""The runbook's own rules on the sandbox's old database, before the migration and after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, registry
from integrations.prisma.alignment import build_alignment
from integrations.prisma.cli import Prisma
from tests.customer_runbook import customer_runbook
from tests.integrations.actions.conftest import INIT, Databases, database_name, project_system
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
FINGERPRINT, COMPARE = registry()["parity.fingerprint"], registry()["parity.compare"]


def params_of(key: str) -> dict[str, Any]:
    """The parameters of one item of the shipped runbook."""
    phases = customer_runbook()["phases"]
    found: dict[str, Any] = next(
        item["params"] for phase in phases for item in phase["items"] if item["key"] == key
    )
    return found


RULES = params_of("fingerprint-before")


def take(make: Make, url: str, **changed: Any) -> tuple[Any, Recorder]:
    context = make(url, more={"old": {"kind": "postgres", "url": url}})
    given = RULES | {"database": "old", "datamodel": "new"} | changed
    report = Recorder()
    return FINGERPRINT.run(FINGERPRINT.bind(given, context), report), report


def test_each_rule_of_the_runbook_matches_and_its_comparison_is_green_after_the_alignment(
    prisma_context: Make, databases: Databases, old_template: str, project: Path
) -> None:
    url = databases.make(old_template)
    outcome, taken = take(prisma_context, url)
    assert outcome.ok, outcome.summary
    assert len(taken.facts["fingerprint"]["tables"]) == 23
    reviewed, diff = Recorder(), registry()["prisma.diff"]
    diff.run(diff.bind(params_of("diff-schema") | {"prisma": "new"}, prisma_context(url)), reviewed)
    align(Prisma(project_system(project, url)))
    live = {"kind": "postgres", "url": url}
    kept = {"verified": {"database": database_name(databases.make(old_template)), "equal": True}}
    context = prisma_context(
        url,
        evidence={"before": taken.facts, "verify": kept, "diff-schema": reviewed.facts},
        more={"live": live, "scratch": live},
    )
    given = params_of("parity-after") | {"before": "before", "backup": "verify", "database": "live"}
    given["spots"] = [{**spot, "key": {"id": "1"}} for spot in given["spots"]]
    report = Recorder()
    compared = COMPARE.run(COMPARE.bind(given, context), report)
    assert compared.ok, compared.summary
    facts = report.facts["parity"]
    assert len(facts["tables"]) == 22
    assert facts["totals"][0]["declared"] == ["donations.status: NULL is 'pending'"]
    assert sorted(facts["schema"]["missing_tables"]) == ["alembic_version"]
    assert facts["schema"]["undeclared"] == []
    assert [(spot["table"], spot["equal"]) for spot in facts["spots"]] == [
        ("members", True),
        ("donations", True),
        ("events", True),
    ]
    assert facts["expected_count"] > 100
    unannounced = COMPARE.run(COMPARE.bind({**given, "announced": None}, context), Recorder())
    assert f"{facts['expected_count']} parts of the structure not the same" in unannounced.summary
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE users DROP CONSTRAINT users_email_key; CREATE VIEW w AS SELECT 1")
    lost = COMPARE.run(COMPARE.bind(given, context), Recorder())
    assert "2 parts of the structure not the same" in lost.summary
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE events SET start_date = start_date + interval '1 hour' WHERE id = 1")
    again = COMPARE.run(COMPARE.bind(given, context), report)
    assert "1 spot check not the same (events)" in again.summary


def align(prisma: Prisma) -> None:
    prisma.run("migrate", "resolve", "--applied", INIT)
    prisma.run("migrate", "deploy")
    lose = [params_of(key)["may_lose"] for key in ("rehearse-alignment", "rehearse-frozen")]
    assert lose[0] == lose[1]
    with psycopg.connect(prisma.url) as connection:
        connection.execute(build_alignment(prisma.diff(), connection, may_lose=lose[0]).sql)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "null_is_default", "table": "donations", "column": "is_anonymous", "default": False},
     "no column of that name is on both sides"),
    ({"kind": "null_is_default", "table": "automations", "column": "default_channel", "default": "email"},
     "it may stay NULL afterwards: nothing fills it"),
    ({"kind": "null_is_filled", "table": "care_interactions", "column": "interaction_date"},
     "it is NOT NULL already"),
    ({"kind": "new_column", "table": "churches", "column": "phone"}, "only after the change"),
    ({"kind": "new_table", "table": "accounts"}, "only after the change"),
    ({"kind": "dropped_table", "table": "donations"}, "only before the change"),
]  # fmt: skip


def test_each_rule_that_matches_nothing_is_red_before_the_migration_with_its_position(
    prisma_context: Make, old_database: str
) -> None:
    outcome, report = take(
        prisma_context,
        old_database,
        declared=RULES["declared"] + [rule for rule, _ in WRONG],
        personal=[*RULES["personal"], "users.name", "donations.donor_*"],
        totals=[*RULES["totals"], {"table": "donations", "sum": "amount", "by": ["provider"]}],
    )
    assert not outcome.ok
    assert "10 rule(s) match nothing" in outcome.summary
    assert "fingerprint" not in report.facts
    found, first = report.facts["unmatched_rules"], len(RULES["declared"]) + 1
    for number, (rule, reason) in enumerate(WRONG, first):
        assert any(
            one.startswith(f"declared difference {number} ({rule['kind']}") and reason in one for one in found
        )
    first = len(RULES["personal"]) + 1
    assert found[6:8] == [
        f"personal column {first} (users.name): no table has such a column",
        f"personal column {first + 1} (donations.donor_*): no table has such a column",
    ]
    assert "the datamodel has no donations.provider" in found[-1]


def test_without_the_datamodel_what_the_database_alone_can_tell_is_red(
    prisma_context: Make, old_database: str
) -> None:
    outcome, report = take(prisma_context, old_database, datamodel=None, declared=[rule for rule, _ in WRONG])
    assert not outcome.ok
    assert [one.split(" ", 3)[2] for one in report.facts["unmatched_rules"]] == ["1", "3"]


def test_the_rows_that_a_baseline_does_not_insert_are_checked_before_the_migration_and_counted_after_it(
    prisma_context: Make, old_database: str
) -> None:
    given = params_of("init-present") | {"prisma": "new"}
    assert given["seeds"] == params_of("check-seeds")["tables"]
    present = registry()["prisma.present"]
    outcome = present.run(present.bind(given, prisma_context(old_database)), Recorder())
    assert outcome.ok, outcome.summary
