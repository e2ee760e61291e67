"""Each provider's total is read as its API requires, and compared with what was booked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from integrations.clients.http import HttpClient
from integrations.clients.payments import PaymentProvider
from integrations.systems import Systems
from integrations.traffic.dual_run import provider_totals
from integrations.traffic.dual_run.booked_payments import BookedPayments

SINCE = datetime.now(UTC) - timedelta(hours=1)
LATER, BEFORE = int(SINCE.timestamp()) + 60, (SINCE - timedelta(minutes=5)).isoformat()
BOOKED = BookedPayments("gifts", "method", paid=("completed", "success"))
CHARGES = [
    {
        "id": f"ch_{n}",
        "paid": n != 3,
        "created": LATER,
        "amount": 1000,
        "currency": {2: "jpy", 4: "kwd", 5: "mga", 6: "isk"}.get(n, "usd"),
    }
    for n in range(120)
]


def stripe(query: dict[str, str]) -> Any:
    """As Stripe pages: newest first, ``starting_after`` an id, ``has_more``."""
    assert int(query["created[gte]"]) == int(SINCE.timestamp())
    first = 1 + next((n for n, c in enumerate(CHARGES) if c["id"] == query.get("starting_after")), -1)
    last = first + int(query["limit"])
    return {"object": "list", "data": CHARGES[first:last], "has_more": last < len(CHARGES)}


def paystack(query: dict[str, str]) -> Any:
    assert datetime.fromisoformat(query["from"]) < datetime.fromisoformat(query["to"])
    return {"status": True, "data": {"total_volume_by_currency": [{"currency": "NGN", "amount": 250050}]}}


def flutterwave(query: dict[str, str]) -> Any:
    assert query["status"] == "successful"
    assert query["from"] == SINCE.date().isoformat()
    rows = [
        {"created_at": datetime.now(UTC).isoformat(), "currency": "GHS", "amount": 12.5},
        {"created_at": BEFORE, "currency": "GHS", "amount": 99},
    ]
    pages = {"total": 3, "current_page": int(query["page"]), "total_pages": 2}
    return {"status": "success", "data": rows[: 3 - int(query["page"])], "meta": {"page_info": pages}}


ANSWERS = {
    "/stripe/charges": stripe,
    "/paystack/transaction/totals": paystack,
    "/fw/transactions": flutterwave,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self.headers["Authorization"] != "Bearer right":
            status, body = 401, {"message": "Invalid key"}
        else:
            status, body = 200, ANSWERS[parts.path]({k: v[-1] for k, v in parse_qs(parts.query).items()})
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *said: Any) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(base: str, provider: str, path: str, key: str = "right") -> provider_totals.ProviderTotal:
    section = {"kind": "payments", "provider": provider, "url": base + path, "secret_key": key}
    systems = Systems({"one": section}, environ={})
    return provider_totals.read_provider_total(systems["one"], HttpClient.of(systems), SINCE)


def test_each_provider_is_read_in_its_own_way_and_unit(base: str) -> None:
    counted = {"USD": 1150, "JPY": 1000, "KWD": 1, "MGA": 1000, "ISK": 10}
    assert asked(base, "stripe", "/stripe").sums == {
        name: Decimal(amount) for name, amount in counted.items()
    }
    assert asked(base, "paystack", "/paystack").sums == {"NGN": Decimal("2500.5")}
    assert asked(base, "flutterwave", "/fw").sums == {"GHS": Decimal(25)}


def test_a_total_that_is_not_known_has_a_reason(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no request for a total" in asked(base, "fincra", "/").reason
    assert "401 “Invalid key”" in asked(base, "stripe", "/stripe", "wrong").reason
    monkeypatch.setattr(PaymentProvider, "total_pages", 1)
    assert "not summed" in asked(base, "stripe", "/stripe").reason


def test_booked_and_taken_totals_are_compared(base: str, new_database: Any) -> None:
    url = new_database()
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE gifts (method text, currency text, status text, amount numeric(10,2),"
            " created_at timestamp)"
        )
        connection.cursor().executemany(
            "INSERT INTO gifts VALUES (%s, 'NGN', %s, %s, now() at time zone 'utc' + %s)",
            [
                ("paystack", "completed", 2500, timedelta(0)),
                ("paystack", "failed", 7, timedelta(0)),
                ("paystack", "completed", 7, timedelta(days=-1)),
            ],
        )
    known = provider_totals.read_booked_totals(url, "", BOOKED, SINCE)
    assert known == {"paystack": {"NGN": Decimal(2500)}}
    section = {"kind": "payments", "provider": "paystack", "url": f"{base}/paystack", "secret_key": "right"}
    systems = Systems({"paystack": section}, environ={})
    found = provider_totals.compare_provider_totals(systems.values(), HttpClient.of(systems), SINCE, known)
    assert found["paystack"]["apart"] == {"NGN": "0.50"}
