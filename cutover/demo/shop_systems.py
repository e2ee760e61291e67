"""The systems of the second demo: two MariaDB servers and a small shop."""

from __future__ import annotations

from pathlib import Path

from cutover.demo.demo_systems import DemoSystems
from integrations.sandbox.mariadb_programs import require_mariadb
from integrations.sandbox.shop.world import Shop


class ShopSystems(DemoSystems):
    """Both servers of the shop, and its application. Raises `Problem` where MariaDB is missing."""

    servers_title = "MariaDB on the old and on the new host"
    sandbox_title = "The shop"

    def __init__(self, folder: Path, orders: int) -> None:
        require_mariadb()
        shop = Shop(folder / "shop", orders=orders)
        super().__init__((shop.old, shop.new), shop, shop.variables())
