"""The diff is taken by the real CLI, kept in a file, and read statement by statement with live counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.actions import registry
from integrations.actions.base import Context
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
Make = Callable[..., Context]
ACTION = registry()["prisma.diff"]


def test_the_real_diff_is_not_only_metadata_and_says_which_rows_would_stop_it(
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
    assert {"users rows whose is_active is NULL", "users rows whose notification_preference is NULL"} <= {
        check["what"] for check in users["checks"] if check["rows"]
    }
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
