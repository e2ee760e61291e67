"""The baseline marks what is there, refuses what is not, and can be looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.errors import Problem
from tests.integrations.actions.conftest import INIT
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
Make = Callable[..., Context]
ACTION = registry()["prisma.baseline"]


def bound(make: Make, url: str, *, migration: str = INIT, may_lack: tuple[str, ...] = ()) -> Values:
    params = {"prisma": "new", "migration": migration, "may_lack": list(may_lack)}
    return ACTION.bind(params, make(url))


def test_one_row_is_added_and_what_did_not_happen_is_said(prisma_context: Make, old_database: str) -> None:
    values = bound(prisma_context, old_database, may_lack=("account_providers", "sessions"))
    preview = ACTION.preview(values)
    assert preview.lines[0].endswith(f"migrate resolve --applied {INIT}")
    assert any("INSERT INTO settings" in warning for warning in preview.warnings)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen is Seen.NOT_DONE
    with psycopg.connect(old_database) as connection:
        settings = connection.execute("SELECT count(*) FROM settings").fetchone()
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert report.facts["baseline"]["lacking"] == ["account_providers", "sessions"]
    assert ACTION.probe(values, before).seen is Seen.DONE
    with psycopg.connect(old_database) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == settings
        assert connection.execute("SELECT migration_name FROM _prisma_migrations").fetchall() == [(INIT,)]
    with pytest.raises(Problem, match="has a row for"):
        ACTION.run(values, Recorder())


def test_tables_that_lack_without_leave_are_named(prisma_context: Make, old_database: str) -> None:
    with pytest.raises(Problem, match="account_providers, sessions") as refused:
        ACTION.run(bound(prisma_context, old_database), Recorder())
    assert "may_lack" in refused.value.next


def test_a_name_that_the_project_lacks_is_refused_with_those_it_has(
    prisma_context: Make, old_database: str
) -> None:
    with pytest.raises(Problem, match="has no migration") as refused:
        ACTION.preview(bound(prisma_context, old_database, migration="20200101000000_other"))
    assert INIT in refused.value.next
