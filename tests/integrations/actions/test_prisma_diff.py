"""The real CLI makes the diff, which is kept in a file and reviewed statement by statement."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.actions import Context, registry
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ACTION = registry()["prisma.diff"]


def test_the_real_diff_is_not_only_metadata_and_names_the_rows_that_would_make_it_fail(
    prisma_context: Make, old_database: str
) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context(old_database))
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok
    facts = report.facts["diff"]
    assert "the runbook expects only metadata" in outcome.summary
    assert f"{facts['beyond_metadata']} are not" in outcome.summary
    assert facts["counts"]["can fail on the rows that are there"] > 10
    users = next(each for each in facts["list"] if each["summary"] == "ALTER TABLE users")
    failing = {check["what"] for check in users["checks"] if check["rows"]}
    assert failing == {
        "users rows whose notification_preferences is NULL",
        "users rows whose notification_preferences is JSON null",
    }
    assert "values are JSON null in columns that become NOT NULL" in outcome.summary
    assert users["lock"] == "ACCESS EXCLUSIVE"
    content = Path(facts["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == facts["sha256"]
    assert len(json.dumps(report.facts)) < 200_000


def test_the_preview_shows_the_commands_and_no_password(prisma_context: Make, old_database: str) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context(old_database))
    preview = ACTION.preview(values)
    assert "db pull --print" in preview.lines[0]
    assert "--from-schema-datamodel" in preview.lines[1]
    assert old_database.split(":")[2].split("@")[0] not in "\n".join([*preview.lines, preview.where])
