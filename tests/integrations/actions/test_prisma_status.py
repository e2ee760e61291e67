"""The status is green only when table and files agree, whatever Prisma's exit code is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from integrations.actions import Context, registry
from integrations.errors import Unreachable
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ACTION = registry()["prisma.status"]


def test_a_database_without_a_baseline_is_pending(prisma_context: Make, old_database: str) -> None:
    report = Recorder()
    outcome = ACTION.run(ACTION.bind({"prisma": "new"}, prisma_context(old_database)), report)
    assert not outcome.ok
    assert "Baseline" in outcome.summary
    assert report.facts["migrations"]["table"] is False
    assert report.facts["migrations"]["prisma_says"] == "pending"


def test_all_applied_is_green_until_a_file_or_a_row_changes(
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


def test_an_unreachable_server_is_an_error(prisma_context: Make) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context("postgresql://a:b-secret-b@127.0.0.1:1/nothing"))
    with pytest.raises(Unreachable, match="cannot be reached") as refused:
        ACTION.run(values, Recorder())
    assert "b-secret-b" not in str(refused.value)
