"""The demo's outside world: two PostgreSQL clusters that are not the panel's, and the sandbox in them."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cutover.data_folder import made
from cutover.embedded import Postgres, WillNotStart
from cutover.processes import first_free_port
from integrations.sandbox import Sandbox

#: where a new demo looks for its two first, anywhere in here: two that begin together do not meet
PORTS = range(15_432, 17_432, 2)
ROWS, SEED = 200_000, 20250922


@dataclass(frozen=True)
class Plan:
    """What stays the same from one start of the demo to the next."""

    password: str
    estate_port: int
    scratch_port: int
    rows: int

    @classmethod
    def kept(cls, folder: Path) -> Plan | None:
        """The plan of an earlier start, None before the first."""
        path = _path(folder)
        return cls(**json.loads(path.read_text())) if path.exists() else None

    @classmethod
    def made(cls, folder: Path, rows: int | None) -> Plan:
        """The kept plan, with other ports where somebody took them meanwhile; else a new one.

        Raises `WillNotStart` when another number of rows is asked for than the old database has.
        """
        first = secrets.choice(PORTS)
        old = cls.kept(folder) or cls(secrets.token_urlsafe(18), first, first + 1, rows or ROWS)
        if rows not in (None, old.rows):
            raise WillNotStart(f"The old database has {old.rows:,} rows. For {rows:,} begin anew: --fresh")
        estate = first_free_port("127.0.0.1", old.estate_port)
        scratch = first_free_port("127.0.0.1", max(old.scratch_port, estate + 1))
        plan = cls(old.password, estate, scratch, old.rows)
        _path(folder).touch(0o600)
        _path(folder).write_text(json.dumps(asdict(plan)))
        return plan


def _path(folder: Path) -> Path:
    return made(folder / "keys") / "estate.json"


class Estate:
    """Both clusters and the sandbox: «estate» is what is moved, «scratch» is where backups are tried."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.estate = Postgres(folder / "estate", port=plan.estate_port, password=plan.password)
        self.scratch = Postgres(folder / "scratch", port=plan.scratch_port, password=plan.password)
        self.sandbox = Sandbox(
            folder / "sandbox", self.estate.url(), self.scratch.url(), rows=plan.rows, seed=SEED
        )

    @property
    def servers(self) -> tuple[Postgres, Postgres]:
        """In the order in which they are started."""
        return (self.estate, self.scratch)

    def pids(self) -> set[int]:
        """Process numbers of the clusters that run."""
        return {server.process.pid for server in self.servers if server.process is not None}

    def restart_fallen(self, say: Callable[[str], None]) -> None:
        """Starts a cluster again that ended by itself."""
        for server in self.servers:
            if server.ended():
                say(f"✗ PostgreSQL in {server.folder} ended by itself (log: {server.log}); again now.")
                server.start()

    def stop(self) -> None:
        """Stops both clusters; their data stays."""
        for server in reversed(self.servers):
            server.stop()


def main(folder: Path) -> int:
    """Fills the old database and lays out the rest: a process of its own, so that the pages stay quick."""
    plan = Plan.kept(folder)
    assert plan is not None  # the supervisor made it
    Estate(folder, plan).sandbox.prepare(lambda line: print(line, flush=True))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
