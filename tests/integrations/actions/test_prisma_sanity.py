"""The project's own client reads every model, and names those that it cannot read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients.prisma import Prisma
from integrations.errors import Problem
from tests.integrations.actions.conftest import Databases, project_system
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
Make = Callable[..., Context]
ACTION = registry()["prisma.sanity"]


@pytest.fixture
def generated(project: Path, databases: Databases) -> Path:
    Prisma(project_system(project, "postgresql://u:p@127.0.0.1:1/none")).run("generate")
    return project


def test_a_database_that_is_not_aligned_is_named_model_by_model(
    prisma_context: Make, deployed_database: str, generated: Path
) -> None:
    report = Recorder()
    outcome = ACTION.run(ACTION.bind({"prisma": "new"}, prisma_context(deployed_database)), report)
    assert not outcome.ok
    assert "The API would answer 400" in outcome.summary
    wrong = {one["model"]: one["code"] for one in report.facts["models"] if not one["ok"]}
    assert "P2022" in wrong.values() or "P2021" in wrong.values(), wrong


def test_a_database_of_the_datamodel_is_read_and_stays_as_it_is(
    prisma_context: Make, databases: Databases, generated: Path
) -> None:
    url = databases.make()
    Prisma(project_system(generated, url)).run("db", "push", "--skip-generate")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into churches (name, timezone) values ('St. Mary', 'Africa/Accra')")
    report = Recorder()
    outcome = ACTION.run(ACTION.bind({"prisma": "new"}, prisma_context(url)), report)
    assert outcome.ok, outcome.summary
    facts: dict[str, Any] = {one["model"]: one for one in report.facts["models"]}
    assert len(facts) > 20
    assert not facts["Church"]["empty"]
    assert facts["Donation"]["empty"]
    assert url.rpartition("@")[0].rpartition(":")[2] not in "\n".join(report.lines)


def test_without_a_client_it_says_what_comes_first(prisma_context: Make, deployed_database: str) -> None:
    values = ACTION.bind({"prisma": "new", "client": "./not-generated"}, prisma_context(deployed_database))
    with pytest.raises(Problem, match="did not start") as refused:
        ACTION.run(values, Recorder())
    assert "prisma.generate" in refused.value.next
    assert ACTION.probe(values, {}).seen == Seen.NOT_DONE
    assert "prisma_sanity.js" in ACTION.preview(values).lines[0]
