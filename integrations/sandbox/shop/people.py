"""Work that people do outside the panel while the shop moves, for autopilot and demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from integrations.clients.http import HttpClient
from integrations.errors import Problem
from integrations.sandbox.people import People
from integrations.sandbox.repairs import Repair
from integrations.sandbox.shop import database
from integrations.sandbox.shop.world import Shop

TEST_NOTE = "cutover test"


def create_database(shop: Shop) -> None:
    """An empty one on the new server, with the character set of the old one."""
    if not shop.new.execute(f"show databases like '{database.NAME}'"):
        shop.new.execute(database.CREATE)


def place_test_order(shop: Shop) -> None:
    """As a customer does, through the application. Raises `Problem` when it is refused."""
    given = {"customer": "1", "product": "1", "quantity": "1", "note": TEST_NOTE}
    answer = HttpClient(["127.0.0.1"]).request(shop.web_url, "/orders", method="POST", form=given)
    if answer.status != 201:
        raise Problem(f"The shop refuses an order with {answer.status}.")


#: key of a manual item → its work
WORK: Mapping[str, Callable[[Shop], None]] = {
    "create-database": create_database,
    "test-order": place_test_order,
}
#: key of a manual item → key of the item whose check fails until this work is done
CHECKED_BY = {"create-database": "new-database", "test-order": "order-arrived"}


class ShopPeople(People):
    """The shop's people; ``folder`` is that of the shop."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shop = Shop(folder)

    def do(self, key: str) -> None:
        """Does what a manual item asks for, where a machine can see it."""
        if key in WORK:
            WORK[key](self.shop)

    def note(self, key: str) -> str:
        """The same for every item."""
        return "Done as the instructions say."

    def checked_by(self, key: str) -> str:
        """The item whose check fails until the work of this manual item is done; empty for other items."""
        return CHECKED_BY.get(key, "")

    def seen_too_early(self) -> Sequence[str]:
        """None: the work of this runbook is seen by the item that comes after it."""
        return ()

    def repair(self, key: str, verdict: str) -> list[Repair]:
        """The shop has no recorded defects."""
        return []

    def break_new_stack(self) -> None:
        """The application may no longer read on the new server."""
        self.shop.new.execute(f"drop user if exists '{database.APPLICATION}'@'127.0.0.1'")
