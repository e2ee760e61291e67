"""The shop as a whole: two servers, what it makes ready, what it runs, and the variables of its runbook."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from integrations.sandbox.mariadb_programs import require_mariadb
from integrations.sandbox.mariadb_server import MariaDbServer
from integrations.sandbox.private_files import write_private
from integrations.sandbox.shop import database
from integrations.sandbox.shop.files import write_files
from integrations.sandbox.state import BLOCK, FIRST_PORT, LAST_PORT, is_free
from integrations.sandbox.world import SandboxProcess

ORDERS = 20_000
LISTENERS = ("old", "new", "web")
LOGINS = (database.APPLICATION, database.CHECKER, database.ADMINISTRATOR)


@dataclass(frozen=True)
class ShopState:
    """Made once, with random values; kept in a file that only we may read."""

    ports: dict[str, int]  # by the names in `LISTENERS`
    passwords: dict[str, str]  # by login
    admin_password: str
    orders: int

    @classmethod
    def of(cls, folder: Path, orders: int) -> ShopState:
        """The state kept in the folder; a new one, kept at once, where there is none."""
        path = folder / "state.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        passwords = {login: secrets.token_hex(12) for login in LOGINS}
        state = cls(_free_ports(), passwords, secrets.token_hex(12), orders)
        write_private(path, json.dumps(asdict(state), indent=1))
        return state


def _free_ports() -> dict[str, int]:
    """One for each listener, from a block of loopback's ports in which nobody listens now."""
    blocks = list(range(FIRST_PORT, LAST_PORT, BLOCK))
    secrets.SystemRandom().shuffle(blocks)
    first = next(block for block in blocks if all(map(is_free, range(block, block + len(LISTENERS)))))
    return {name: first + place for place, name in enumerate(LISTENERS)}


class Shop:
    """The shop before its move. Everything that has to outlive a restart is in ``folder``."""

    def __init__(self, folder: Path, *, orders: int = ORDERS) -> None:
        self.folder = folder.absolute()
        # As root the servers run as `nobody`, who has to pass through to their own folders.
        self.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        self.state = ShopState.of(self.folder, orders)
        self.old, self.new = (
            MariaDbServer(
                self.folder / f"server-{name}",
                port=self.state.ports[name],
                password=self.state.admin_password,
            )
            for name in ("old", "new")
        )

    @property
    def web_url(self) -> str:
        """The address of the application."""
        return f"http://127.0.0.1:{self.state.ports['web']}"

    def prepare(self, say: Callable[[str], None]) -> None:
        """Makes what is not there yet; both servers have to run."""
        for server in (self.old, self.new):
            database.make_logins(server, self.state.passwords)
        database.fill(self.old, self.state.passwords, self.state.orders)
        write_files(self.folder, require_mariadb(), self.state.ports, self.state.passwords)
        say(
            f"the shop with {self.state.orders:,} orders is on the old server; its files are in {self.folder}"
        )

    def processes(self) -> list[SandboxProcess]:
        """What a supervisor runs beside the servers: the application."""
        argv = [sys.executable, "-m", "integrations.sandbox.shop.app", str(self.folder / "app.json")]
        return [SandboxProcess("shop", argv, {"PORT": str(self.state.ports["web"])})]

    def variables(self) -> dict[str, str]:
        """What the runbook's ``systems:`` take their addresses and credentials from."""
        checker, app = database.CHECKER, database.APPLICATION
        passwords = self.state.passwords
        return {
            "SHOP_OLD_URL": self.old.url(checker, passwords[checker]),
            "SHOP_NEW_URL": self.new.url(checker, passwords[checker]),
            "SHOP_NEW_APP_URL": self.new.url(app, passwords[app], database.NAME),
            "SHOP_NEW_PLACE": f"127.0.0.1:{self.new.port}",
            "SHOP_OLD_PLACE": f"127.0.0.1:{self.old.port}",
            "SHOP_WEB_URL": self.web_url,
            "SHOP_FOLDER": str(self.folder),
            "CUTOVER_PROGRAMS": str(self.folder / "allowed-programs"),
            "SHOP_SANDBOX": str(self.folder),
        }
