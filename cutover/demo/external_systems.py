"""The systems of the first demo: two PostgreSQL clusters, and the sandbox that uses them."""

from __future__ import annotations

from pathlib import Path

from cutover.demo.demo_plan import DemoPlan
from cutover.demo.demo_systems import DemoSystems
from cutover.embedded import Postgres
from integrations.sandbox.repairs import Profile
from integrations.sandbox.variables import build_variables
from integrations.sandbox.world import Sandbox

SEED = 20250922


class ExternalSystems(DemoSystems):
    """Both PostgreSQL servers of the demo and the sandbox that uses them.

    ``cluster`` holds the databases that are migrated; backups are restored into ``scratch`` to verify them.
    """

    servers_title = "PostgreSQL of the old and new environment, and one for test restores"
    sandbox_title = "The old database, the old app, the new API"
    needs_prisma = True

    def __init__(self, folder: Path, plan: DemoPlan) -> None:
        self.cluster = Postgres(folder / "estate", port=plan.estate_port, password=plan.password)
        self.scratch = Postgres(folder / "scratch", port=plan.scratch_port, password=plan.password)
        sandbox = Sandbox(
            folder / "sandbox",
            self.cluster.url(),
            self.scratch.url(),
            rows=plan.rows,
            seed=SEED,
            profile=Profile(plan.profile),
        )
        super().__init__((self.cluster, self.scratch), sandbox, build_variables(sandbox))
