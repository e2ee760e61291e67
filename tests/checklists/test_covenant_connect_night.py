"""The runbook's own parameters carry the mechanical items through on real PostgreSQL and the real Prisma."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from checklists.runbook import Document, ItemSpec, read
from cutover.embedded import Postgres
from integrations.actions import registry
from integrations.actions.base import Context, Outcome
from integrations.sandbox import node
from integrations.sandbox.world import Sandbox
from integrations.systems import Systems
from tests.integrations.recorder import Recorder

FILE = Path(__file__).resolve().parents[2] / "checklists/runbooks/covenant-connect.yaml"
#: need the new API, which is served elsewhere; their actions have tests of their own
OVER_HTTP = {"http.smoke", "login.canary"}


class Night:
    """Carries out items one after the other, as a worker would, and keeps their evidence."""

    def __init__(self, document: Document, variables: dict[str, str], folder: Path) -> None:
        self.document, self.folder = document, folder
        self.systems = Systems(document.systems, variables)
        self.evidence: dict[str, dict[str, Any]] = {}

    def carry_out(self, item: ItemSpec) -> Outcome:
        """Previews and runs one item; what it leaves is there for the ones after it."""
        attempt = str(uuid.uuid4())
        context = Context(self.systems, self.evidence, self.folder, attempt, "night")
        action, report = registry()[item.action], Recorder(attempt=attempt)
        params = action.bind(item.params, context)
        assert action.preview(params).lines
        outcome = action.run(params, report)
        if outcome.ok:
            self.evidence[item.key] = report.facts
        return outcome


@pytest.fixture
def night(postgres_server: Postgres, tmp_path: Path) -> Night:
    admin = postgres_server.url("postgres")
    sandbox = Sandbox(tmp_path / "sandbox", admin, admin, rows=3000, database=f"night_{uuid.uuid4().hex[:8]}")
    sandbox.prepare(lambda line: None)
    node.install(sandbox.project, lambda line: None)
    document = read(FILE.read_bytes()).document
    assert document is not None
    (tmp_path / "kept").mkdir(mode=0o700)
    return Night(document, sandbox.variables(), tmp_path / "kept")


@pytest.mark.slow
@pytest.mark.prisma
def test_the_mechanical_items_succeed_in_the_order_of_the_file(night):
    forward = [p for p in night.document.phases if p.direction == "forward"]
    for item in (item for phase in forward for item in phase.items):
        if item.kind == "action" and item.action not in OVER_HTTP:
            outcome = night.carry_out(item)
            assert outcome.ok, f"{item.number} {item.title}: {outcome.summary}"
    parity = night.evidence["parity-after"]["parity"]
    assert len([table for table in parity["tables"] if table["equal"]]) == 22
    assert night.evidence["drift"]["drift"]["aligned"]
