"""Settings of a demo that stay the same from one start to the next."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cutover.data_folder import ensure_folder
from cutover.embedded import StartupError
from cutover.processes import first_free_port
from integrations.sandbox.repairs import Profile

#: A new demo starts its search for two free ports at a random place in this range, so that two demos
#: that start at the same time do not choose the same ports.
PORTS = range(15_432, 17_432, 2)
COVENANT_CONNECT, SHOP = "covenant-connect", "shop"
ROWS = {COVENANT_CONNECT: 200_000, SHOP: 20_000}  # in the old database


@dataclass(frozen=True)
class DemoPlan:
    """What a demo began with."""

    password: str
    estate_port: int  # the port of `ExternalSystems.cluster`; the name is kept, it is in files on disk
    scratch_port: int
    rows: int
    profile: str = Profile.REPAIRED  # with which of the customer's defects the new stack begins
    runbook: str = COVENANT_CONNECT  # one of `ROWS`

    @classmethod
    def load(cls, folder: Path) -> DemoPlan | None:
        """The plan of an earlier start, or None."""
        path = _path(folder)
        return cls(**json.loads(path.read_text())) if path.exists() else None

    @classmethod
    def load_or_create(
        cls,
        folder: Path,
        rows: int | None,
        profile: Profile = Profile.REPAIRED,
        runbook: str = COVENANT_CONNECT,
    ) -> DemoPlan:
        """The stored plan, or a new one. A port that is in use now is replaced by a free one.

        Raises `StartupError` when another number of rows is asked for than the old database has, when the
        defects are asked for and the new stack began without them, and for another runbook.
        """
        first = secrets.choice(PORTS)
        new = cls(secrets.token_urlsafe(18), first, first + 1, rows or ROWS[runbook], profile, runbook)
        old = cls.load(folder) or new
        old._refuse_other(rows, profile, runbook)
        port = first_free_port("127.0.0.1", old.estate_port)
        scratch = first_free_port("127.0.0.1", max(old.scratch_port, port + 1))
        plan = cls(old.password, port, scratch, old.rows, old.profile, old.runbook)
        _path(folder).touch(0o600)
        _path(folder).write_text(json.dumps(asdict(plan)))
        return plan

    def _refuse_other(self, rows: int | None, profile: Profile, runbook: str) -> None:
        if runbook != self.runbook:
            raise StartupError(
                f"This demo began with the runbook {self.runbook}. For {runbook}, start over: --fresh, or "
                "set CUTOVER_DATA to a new folder."
            )
        if rows not in (None, self.rows):
            raise StartupError(f"The old database has {self.rows:,} rows. For {rows:,}, start over: --fresh")
        if profile is Profile.RECORDED and self.profile != profile:
            raise StartupError(
                "This demo began with the defects repaired. To play with them, start over: --fresh"
            )


def _path(folder: Path) -> Path:
    return ensure_folder(folder / "keys") / "estate.json"
