"""The project's own client reads every model, and names those that it cannot read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.errors import Problem
from integrations.prisma.cli import Prisma
from tests.integrations.actions.conftest import Databases, project_system
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ACTION = registry()["prisma.sanity"]
TOTAL = {"table": "donations", "sum": "amount", "by": ["currency", "status"]}


@pytest.fixture(scope="module")
def client(installed_project: Path) -> None:
    Prisma(project_system(installed_project, "postgresql://u:p@127.0.0.1:1/none")).run("generate")


@pytest.fixture
def generated(project: Path, client: None) -> Path:
    """A project whose packages, and so the client among them, are those of the installed one."""
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


def test_an_aligned_database_is_read_completely(
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
    assert (facts["Church"]["rows"], facts["Church"]["table"]) == (1, "churches")
    assert "the client counts as many as PostgreSQL." in outcome.summary
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into donations (amount, currency, status, payment_method) values"
            " (1.25, 'USD', 'success', 'stripe'), (2.50, 'USD', 'success', 'x'), (7, 'GHS', 'failed', 'x')"
        )
    given = {"prisma": "new", "totals": [TOTAL]}
    report = Recorder()
    assert ACTION.run(ACTION.bind(given, prisma_context(url)), report).ok
    (sums,) = report.facts["totals"]
    assert sorted(sums["groups"]) == [[["GHS", "failed"], "7", 1], [["USD", "success"], "3.75", 2]]
    unknown = {**given, "totals": [TOTAL, {**TOTAL, "table": "churches", "sum": "id", "by": ["name"]}]}
    assert ACTION.run(ACTION.bind(unknown, prisma_context(url)), Recorder()).ok


def test_a_missing_client_is_an_error_that_names_the_remedy(
    prisma_context: Make, deployed_database: str
) -> None:
    values = ACTION.bind({"prisma": "new", "client": "./not-generated"}, prisma_context(deployed_database))
    with pytest.raises(Problem, match="did not start") as refused:
        ACTION.run(values, Recorder())
    assert "prisma.generate" in refused.value.next
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE
    assert "sanity.js" in ACTION.preview(values).lines[0]


@pytest.mark.parametrize(
    "said",
    [
        "Prisma Client could not locate the Query Engine for runtime debian-openssl-3.0.x.",
        "Unable to require(`engine.node`). Error: engine.node: invalid ELF header",
    ],
)
def test_a_client_without_its_native_engine_says_nothing_about_the_database(
    prisma_context: Make, deployed_database: str, project: Path, said: str
) -> None:
    (project / "native.js").write_text(f"throw new Error({said!r});\n")
    values = ACTION.bind({"prisma": "new", "client": "./native.js"}, prisma_context(deployed_database))
    with pytest.raises(Problem, match="has no native engine on this machine") as refused:
        ACTION.run(values, Recorder())
    assert "says nothing about the database" in refused.value.means
