"""The real CLI generates the client, and the evidence names its schema."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.actions import Context, registry
from integrations.errors import Problem
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
ACTION = registry()["prisma.generate"]


def test_the_client_is_generated_from_the_schema_of_the_project(
    prisma_context: Callable[..., Context], project: Path
) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context("postgresql://u:p@127.0.0.1:1/none"))
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    schema = (project / "prisma" / "schema.prisma").read_bytes()
    assert report.facts["generated"]["schema_sha256"] == hashlib.sha256(schema).hexdigest()
    assert report.facts["generated"]["prisma"].startswith("6.")


def test_a_project_without_a_schema_is_an_error(
    prisma_context: Callable[..., Context], project: Path
) -> None:
    values = ACTION.bind({"prisma": "new"}, prisma_context("postgresql://u:p@127.0.0.1:1/none"))
    (project / "prisma" / "schema.prisma").unlink()
    with pytest.raises(Problem, match=r"has no prisma/schema\.prisma"):
        ACTION.run(values, Recorder())
