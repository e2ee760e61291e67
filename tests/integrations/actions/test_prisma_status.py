"""The status is good only when table and files agree, whatever Prisma's exit code says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context
from integrations.errors import Unreachable
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
Make = Callable[..., Context]
ACTION = registry()["prisma.status"]


def test_a_database_that_prisma_never_saw_is_pending_and_told_to_baseline(
    prisma_context: Make, old_database: str
) -> None:
    report = Recorder()
    outcome = ACTION.run(ACTION.bind({"prisma": "new"}, prisma_context(old_database)), report)
    assert not outcome.ok
    assert "Baseline" in outcome.summary
    assert report.facts["migrations"]["table"] is False
    assert report.facts["migrations"]["prisma_says"] == "pending"


def test_all_applied_is_good_until_a_file_or_a_row_changes(
    prisma_context: Make, deployed_database: str, project: Path
) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context(deployed_database))
    outcome = ACTION.run(values, Recorder())
    assert outcome.ok, outcome.summary
    assert "4 of 4 applied" in outcome.summary
    changed = project / "prisma" / "migrations" / "20251101120000_add_email_providers" / "migration.sql"
    changed.write_text(changed.read_text() + "-- a word more\n")
    with psycopg.connect(deployed_database, autocommit=True) as connection:
        connection.execute(
            "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name ~ 'extend_church'"
        )
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert not outcome.ok
    assert report.facts["migrations"]["changed"] == ["20251101120000_add_email_providers"]
    assert report.facts["migrations"]["failed"] == ["20251102143000_extend_church_profile"]


def test_a_server_that_is_not_there_is_said_to_be_so(prisma_context: Make) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context("postgresql://a:b-secret-b@127.0.0.1:1/nothing"))
    with pytest.raises(Unreachable, match="P1001") as refused:
        ACTION.run(values, Recorder())
    assert "b-secret-b" not in str(refused.value)
