"""Only an empty diff is free of drift; “up to date” is not enough."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integrations.actions import Context, registry
from tests.integrations.actions.conftest import Databases
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
ACTION = registry()["prisma.drift"]


def test_an_empty_database_differs_by_every_table_of_the_datamodel(
    prisma_context: Callable[..., Context], databases: Databases
) -> None:
    report = Recorder()
    outcome = ACTION.run(ACTION.bind({"prisma": "new"}, prisma_context(databases.make())), report)
    assert not outcome.ok
    assert report.facts["drift"]["aligned"] is False
    assert report.facts["drift"]["statements"] > 26
    assert "Run the Align item" in outcome.summary
