"""Locks around the real Prisma CLI: it starts when they are free, gives up in time, and is never repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.errors import Problem
from integrations.prisma import cli_environment
from integrations.prisma.cli import Prisma
from integrations.prisma.migrations import LOCK
from tests.integrations.actions.conftest import INIT, project_settings, project_system
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
DEPLOY, BASELINE = registry()["prisma.deploy"], registry()["prisma.baseline"]
BLOCKED = "20251102143000_extend_church_profile"
FREE = "The locks of the migrations could be had"


class Acting(Recorder):
    """Does something once, as soon as the log has a line that begins like this."""

    def __init__(self, begins: str, act: Callable[[], object]) -> None:
        super().__init__()
        self.begins, self.act = begins, act

    def log(self, line: str, **of: Any) -> None:
        super().log(line, **of)
        if line.startswith(self.begins):
            self.begins = "never again"
            self.act()


@pytest.fixture
def url(prisma_context: Make, old_database: str) -> str:
    """The address of an old database with its baseline."""
    params = {"prisma": "new", "migration": INIT, "may_lack": ["account_providers", "sessions"]}
    BASELINE.run(BASELINE.bind(params, prisma_context(old_database)), Recorder())
    return old_database


@pytest.fixture
def bind(prisma_context: Make, project: Path, url: str) -> Callable[[], Any]:
    settings = {**project_settings(project, url), "lock_wait": "1"}
    return lambda: DEPLOY.bind({"prisma": "new"}, prisma_context(url, more={"new": settings}))


@pytest.fixture
def holder(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who has a transaction open."""
    with psycopg.connect(url, application_name="a report of Ama") as connection:
        yield connection


def rows(url: str) -> dict[str, bool]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT migration_name, finished_at IS NOT NULL FROM _prisma_migrations")
        return dict(found.fetchall())


def test_prisma_starts_only_when_its_locks_are_free(
    bind: Any, url: str, holder: psycopg.Connection[Any]
) -> None:
    """Traps 8 and 9: an idle session, and a prepared transaction of another role."""
    values, before = bind(), rows(url)
    image = DEPLOY.before(values)
    holder.execute("SELECT name FROM churches")
    pid = holder.info.backend_pid
    with pytest.raises(Problem, match=rf"ACCESS EXCLUSIVE on churches, held by pid {pid} ") as refused:
        DEPLOY.run(values, Recorder())
    assert "application “a report of Ama”; idle in transaction" in refused.value.what
    assert "Prisma was not started" in refused.value.means
    holder.rollback()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("BEGIN; LOCK TABLE churches IN ROW EXCLUSIVE MODE; PREPARE TRANSACTION 'tx2'")
        try:
            with pytest.raises(Problem, match="held by the prepared transaction “tx2”"):
                DEPLOY.run(bind(), Recorder())
        finally:
            other.execute("ROLLBACK PREPARED 'tx2'")
    assert rows(url) == before
    assert DEPLOY.probe(values, image).status is ProbeStatus.NOT_DONE


def test_prisma_goes_on_when_the_lock_becomes_free(
    bind: Any, url: str, holder: psycopg.Connection[Any]
) -> None:
    holder.execute("LOCK TABLE churches IN SHARE MODE")
    report = Acting("Waiting for ACCESS EXCLUSIVE on churches", holder.rollback)
    assert DEPLOY.run(bind(), report).ok
    assert any(what.startswith("waiting for ACCESS EXCLUSIVE on churches") for _, _, what in report.steps)
    assert all(rows(url).values())


def test_a_lock_timeout_of_prisma_names_the_session_and_what_is_recorded(
    bind: Any, url: str, holder: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_environment, "LOCK_TIMEOUT", 2.5)
    values = bind()
    image = DEPLOY.before(values)
    report = Acting(FREE, lambda: holder.execute("LOCK TABLE churches"))
    with pytest.raises(Problem, match="55P03") as refused:
        DEPLOY.run(values, report)
    pid, problem = holder.info.backend_pid, refused.value
    assert f"held by pid {pid} (role postgres; application “a report of Ama”; idle in" in problem.what
    assert f"In _prisma_migrations {BLOCKED} began " in problem.means
    assert "has no end (0 steps applied)" in problem.means
    assert "whether it changed rows of public.churches could not be looked at" in problem.means
    assert f"SELECT pg_terminate_backend({pid}). Then look whether it changed rows: `SELECT" in problem.next
    assert report.text.count("migrations found in prisma/migrations") <= 2, "the CLI is not started again"
    assert DEPLOY.probe(values, image).status is ProbeStatus.PARTIAL
    holder.rollback()
    with psycopg.connect(url) as connection:
        count, resolve = problem.next.split("`")[1::2]
        assert connection.execute(count.encode()).fetchone() == (0,)
        connection.execute(resolve.encode())
    assert DEPLOY.run(bind(), Recorder()).ok
    assert rows(url)[BLOCKED]


def test_the_holder_of_prismas_own_lock_is_named_and_nothing_is_left(
    bind: Any, url: str, holder: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_environment, "LOCK_TIMEOUT", 2.5)
    values, before = bind(), rows(url)
    report = Acting(FREE, lambda: holder.execute("SELECT pg_advisory_lock(%s)", [LOCK]))
    with pytest.raises(Problem, match="an advisory lock, held by pid") as refused:
        DEPLOY.run(values, report)
    assert f"pid {holder.info.backend_pid} " in refused.value.what
    assert "No migration was left half-way" in refused.value.means
    assert rows(url) == before


def test_the_role_s_other_time_limits_are_told_before_and_after(bind: Any, url: str) -> None:
    database = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {database} SET statement_timeout = '3s'".encode())
    assert "statement_timeout is 3s for this role" in " ".join(DEPLOY.preview(bind()).warnings)


def test_an_adapter_that_drops_the_options_of_the_address_is_refused(project: Path, url: str) -> None:
    config = project / "prisma.config.ts"
    system = project_system(project, url)
    Prisma(system, report=Recorder()).check_target()
    text = config.read_text()
    assert "connectionString: address()" in text
    config.write_text(
        text.replace("connectionString: address()", "connectionString: address().split('?')[0]")
    )
    with pytest.raises(Problem, match="Prisma's sessions have no lock_timeout") as refused:
        Prisma(system, report=Recorder()).check_target()
    assert "ALTER ROLE … SET lock_timeout" in refused.value.next
