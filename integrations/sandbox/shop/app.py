"""The shop's application: a page, a state for monitoring, and orders.

``python -m integrations.sandbox.shop.app SETTINGS`` on PORT. It reads its settings (a JSON file or a link to
one) at every request, so that a switch of the link is all that leads it to another server.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import pymysql

from integrations.sandbox.serving import Answer, Asked, serve

READ_ONLY = 1290  # MariaDB's number for a statement that a server with read_only refuses
ORDER = (
    "insert into orders (customer_id, product_id, quantity, total, placed_at, note)"
    " values (%s, %s, %s, %s, now(), %s)"
)


class ShopApplication:
    """Answers requests from the database that its settings name at that moment."""

    def __init__(self, settings: Path) -> None:
        self.settings = settings

    def answer(self, asked: Asked) -> Answer:
        """`/`, `/health`, `/products`, and orders by POST."""
        try:
            if (asked.method, asked.path) == ("POST", "/orders"):
                return self._order(asked)
            pages = {"/": self._page, "/health": self._health, "/products": self._products}
            return pages[asked.path]() if asked.path in pages else Answer(404, {"error": "not found"})
        except pymysql.Error as error:
            return Answer(503, {"error": f"The database does not answer as it should: {error.args[0]}"})

    @contextmanager
    def _database(self) -> Iterator[Any]:
        """A cursor; what is done in the block counts together."""
        known = json.loads(self.settings.read_text())
        with pymysql.connect(charset="utf8mb4", connect_timeout=3, read_timeout=10, **known) as connection:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()

    def _health(self) -> Answer:
        known = json.loads(self.settings.read_text())
        with self._database() as cursor:
            cursor.execute("select @@global.read_only, (select count(*) from orders)")
            read_only, orders = cursor.fetchone()
        place = f"{known['host']}:{known['port']}"
        return Answer(200, {"database": place, "writable": not read_only, "orders": orders})

    def _products(self) -> Answer:
        with self._database() as cursor:
            cursor.execute("select id, name, price from products where stock > 0 order by id")
            return Answer(200, [dict(zip(("id", "name", "price"), row, strict=True)) for row in cursor])

    def _page(self) -> Answer:
        with self._database() as cursor:
            cursor.execute("select @@global.read_only")
            paused = cursor.fetchone()[0]
            cursor.execute("select name, price from products where stock > 0 order by id")
            rows = "".join(f"<li>{escape(name)}: {price}</li>" for name, price in cursor)
        said = "Orders are paused for maintenance." if paused else "Orders are open."
        return Answer(200, f"<!doctype html><title>Tea shop</title><h1>Tea</h1><p>{said}</p><ul>{rows}</ul>")

    def _order(self, asked: Asked) -> Answer:
        given = asked.form()
        quantity = int(given.get("quantity", "1"))
        try:
            with self._database() as cursor:
                cursor.execute("select price from products where id = %s", [given["product"]])
                total = cursor.fetchone()[0] * quantity
                values = [given["customer"], given["product"], quantity, total, given.get("note")]
                cursor.execute(ORDER, values)
                return Answer(201, {"id": cursor.lastrowid})
        except pymysql.Error as error:
            if error.args[0] == READ_ONLY:
                return Answer(503, {"error": "Orders are paused for maintenance."})
            raise


def main() -> None:
    """Serves until SIGTERM."""
    application = ShopApplication(Path(sys.argv[1]))
    serve(int(os.environ["PORT"]), application.answer, name="shop")


if __name__ == "__main__":
    main()
