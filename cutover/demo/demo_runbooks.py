"""The runbooks that the demo can play, each with its own systems.

``python -m cutover.demo.demo_runbooks FOLDER`` prepares the databases and applications of a demo.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cutover.data_folder import PROJECT
from cutover.demo.demo_plan import COVENANT_CONNECT, SHOP, DemoPlan
from cutover.demo.demo_systems import DemoSystems
from cutover.demo.external_systems import ExternalSystems
from cutover.demo.shop_systems import ShopSystems


@dataclass(frozen=True)
class DemoRunbook:
    """One of them. ``back_at`` is the item that `--autopilot rollback` makes fail, behind the switch."""

    file: Path
    title: str
    back_at: str
    rows_of: str
    systems: Callable[[Path, DemoPlan], DemoSystems]


RUNBOOKS = {
    COVENANT_CONNECT: DemoRunbook(
        PROJECT / "checklists" / "runbooks" / "covenant-connect.yaml",
        "Covenant Connect, first rehearsal",
        "smoke-public",
        "rows",
        ExternalSystems,
    ),
    SHOP: DemoRunbook(
        PROJECT / "checklists" / "runbooks" / "shop-move.yaml",
        "The shop moves, first rehearsal",
        "shop-on-new",
        "orders",
        lambda folder, plan: ShopSystems(folder, plan.rows),
    ),
}


def main(folder: Path) -> int:
    """Prepares databases and applications, in a process of its own so that pages stay fast."""
    plan = DemoPlan.load(folder)
    assert plan is not None  # the supervisor made it
    systems = RUNBOOKS[plan.runbook].systems(folder, plan)
    systems.sandbox.prepare(lambda line: print(line, flush=True))  # noqa: T201  # a program prints
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
