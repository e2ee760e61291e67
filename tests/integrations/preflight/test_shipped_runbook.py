"""The shipped runbook over the sandbox's old database, with the real Prisma, before the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.preflight import CheckResult, CheckScope, Verdict
from tests.integrations.preflight.scopes import run_check
from tests.integrations.preflight.shipped import shipped_items, shipped_scope

pytestmark = [pytest.mark.prisma]
RED, AMBER, GREEN = Verdict.RED, Verdict.AMBER, Verdict.GREEN
RULES = ("rules.names", "rules.comparisons", "rules.decisions", "rules.queries")
DATA = ("data.fits", "data.kept", "data.json", "data.emails")
PRISMA = ("prisma.migrations", "prisma.alignment")
#: What a person has to know of the sandbox's database; nothing else is there to be known.
KNOWN = {
    "backend: 20251102143000_extend_church_profile, statement 2: would be changed",
    "target: users.email: spelling",
    *(f"backend: {column}" for column in (
        "automation_steps.config", "automations.trigger_filters", "care_interactions.extra_data",
        "donations.payment_info", "events.service_segments", "events.ministry_tags", "members.milestones",
        "settings.addresses", "users.notification_preferences",
    )),
}  # fmt: skip
WRONG_RULES: dict[str, Mapping[str, Any]] = {
    "fingerprint_before": {
        "declared": [
            {"kind": "dropped_table", "table": "alembic_version"},
            {"kind": "null_is_default", "table": "users", "column": "notification_preference", "default": {}},
        ],
        "personal": ["users.email", "members.birthdate"],
        "totals": [{"table": "donations", "sum": "amont", "by": ["currency"]}],
    },
    "check_seeds": {"tables": ["settings", "chruches"]},
    "canary": {"accounts": {"table": "users", "id": "id", "email": "mail", "password": "password_hash"}},
    "rehearse_alignment": {"may_lose": ["alembic_version", "nosuch"], "defaults": {"users.nme": "'x'"}},
    "baseline": {"may_lack": ["account_providers", "sessions", "session"]},
    "init_present": {"seeds": ["settings", "churches", "events"]},
    "parity_after": {
        "spots": [{"table": "events", "key": {"id": "999999"}}],
        "harmless": ["churches.name", "churches.nmae"],
    },
    "old_app_saved": {"query": "select count(*) from donations where emial = 'x'"},
}
FOUND_RULES = {
    "fingerprint-before: declared[1]": "notification_preference): no column of that name is on both sides",
    "fingerprint-before: personal[1]": "no table has such a column",
    "fingerprint-before: totals[0].sum": "donations.amont: the database has no such column, neither now nor",
    "check-seeds: tables[1]": "chruches: the database has no such table",
    "canary: accounts.email": "users.mail: the database has no such column",
    "rehearse-alignment: may_lose[1]": "nosuch matches nothing: the diff drops alembic_version",
    "rehearse-alignment: defaults.users.nme": "users.nme matches nothing",
    "baseline: may_lack[2]": "session matches nothing",
    "init-present: seeds[2]": "events matches nothing",
    "parity-after: harmless[1]": "no table has such a column",
    "parity-after: spots[0].key": "the row of events: no row has this id",
    "old-app-saved: query": 'column "emial" does not exist',
}
PLANTED = r"""
ALTER TABLE donations DISABLE TRIGGER ALL;
UPDATE donations SET payment_info = '{"note": "\u0000"}' WHERE id = 5;
UPDATE donations SET payment_info = '{"amount": 1, "amount": 2}' WHERE id = 6;
CREATE TABLE audit_log (what text);
INSERT INTO audit_log SELECT 'x' FROM generate_series(1, 3);
INSERT INTO users (username, email, password_hash, is_admin)
SELECT 'double', upper(email), '', false FROM users WHERE id = 3;
"""


def run(scope: CheckScope, *keys: str) -> dict[str, CheckResult]:
    return {subject: each for key in keys for subject, each in run_check(key, scope).items()}


def of_verdict(found: Mapping[str, CheckResult], verdict: Verdict) -> set[str]:
    return {subject for subject, each in found.items() if each.verdict == verdict}


def test_the_runbook_is_green_and_every_wrong_rule_is_red_with_its_place(
    project: Path, old_database: str
) -> None:
    scope = shipped_scope(project, old_database)
    found = run(scope, *RULES, *DATA, *PRISMA)
    assert of_verdict(found, AMBER) == KNOWN
    assert of_verdict(found, RED) | of_verdict(found, Verdict.UNKNOWN) == set()
    assert "152 rows hold JSON null" in found["backend: donations.payment_info"].seen
    assert "41 donations rows that it changes. The back-fill: donations.payment_info = '{}'" in (
        found["backend: decided changes"].seen
    )
    wrong = run(replace(scope, items=shipped_items(**WRONG_RULES)), *RULES)
    assert of_verdict(wrong, RED) == set(FOUND_RULES)
    for subject, seen in FOUND_RULES.items():
        assert seen in wrong[subject].seen, wrong[subject]
        assert wrong[subject].items == (subject.partition(":")[0],)
    assert "there is users.email" in wrong["canary: accounts.email"].change


def test_planted_rows_are_red_before_the_window(project: Path, old_database: str) -> None:
    with psycopg.connect(old_database, autocommit=True) as connection:
        connection.execute(PLANTED.encode())
    found = run(shipped_scope(project, old_database), *DATA, *PRISMA)
    assert of_verdict(found, RED) == {
        "backend: donations.payment_info: does not fit the type",
        "backend: donations.payment_info: is another value afterwards",
        "backend: audit_log: would be lost",
        "backend: alignment",
        "target: users.email: the same address",
    }
    assert "1 donations rows whose payment_info does not fit. For example id=5." in (
        found["backend: donations.payment_info: does not fit the type"].seen
    )
    assert "drop audit_log" in found["backend: alignment"].seen
    assert found["backend: audit_log: would be lost"].seen.startswith("3 rows of audit_log")
    assert found["target: users.email: the same address"].seen.startswith("2 accounts. For example id=3, id=")
