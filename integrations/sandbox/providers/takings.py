"""What the stand-ins took, listed as each provider lists it: for whoever compares it with what was booked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.providers.ledger import Gift, Ledger
from integrations.sandbox.serving import Asked

PAGE = 10  # transactions on a page of Flutterwave


def _paid(ledger: Ledger) -> list[Gift]:
    """The newest first."""
    return [gift for gift in reversed(ledger.gifts.values()) if gift.paid]


def charges(ledger: Ledger, asked: Asked) -> dict[str, Any]:
    """Stripe's ``GET /v1/charges``: ``created[gte]`` (seconds), ``limit``, ``starting_after``."""
    since = int(asked.query.get("created[gte]", "0"))
    found = [gift for gift in _paid(ledger) if int(gift.made_at) >= since]
    after = asked.query.get("starting_after")
    if after:
        place = next(n for n, gift in enumerate(found) if f"ch_{gift.number}" == after)
        found = found[place + 1 :]
    limit = min(int(asked.query.get("limit", "10")), 100)
    data = [
        {
            "id": f"ch_{gift.number}",
            "object": "charge",
            "amount": gift.minor,
            "amount_refunded": gift.refunded,
            "created": int(gift.made_at),
            "currency": gift.currency,
            "livemode": False,
            "paid": True,
            "payment_intent": f"pi_{gift.number}",
        }
        for gift in found[:limit]
    ]
    return {"object": "list", "data": data, "has_more": len(found) > limit}


def totals(ledger: Ledger, asked: Asked) -> dict[str, Any]:
    """The data of Paystack's ``GET /transaction/totals``; ``from`` and ``to`` are moments in ISO 8601."""
    begin, end = (_moment(asked.query.get(name)) for name in ("from", "to"))
    found = [
        gift
        for gift in _paid(ledger)
        if (begin is None or gift.made_at >= begin) and (end is None or gift.made_at <= end)
    ]
    sums: Counter[str] = Counter()
    for gift in found:
        sums[gift.currency] += gift.minor - gift.refunded
    volumes = [{"currency": currency, "amount": amount} for currency, amount in sorted(sums.items())]
    return {
        "total_transactions": len(found),
        "total_volume": sum(sums.values()),
        "total_volume_by_currency": volumes,
    }


def _moment(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def transactions(ledger: Ledger, asked: Asked) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Data and meta of Flutterwave's ``GET /v3/transactions``: days from and to, a page of ten."""
    first, last = asked.query.get("from", ""), asked.query.get("to", "9999")
    found = [gift for gift in _paid(ledger) if first <= _made(gift)[:10] <= last]
    number = int(asked.query.get("page", "1"))
    data = [
        {
            "id": gift.number,
            "tx_ref": gift.reference,
            "amount": float(ledger.units(gift.minor - gift.refunded, gift.currency)),
            "currency": gift.currency,
            "status": "successful",
            "created_at": _made(gift),
        }
        for gift in found[(number - 1) * PAGE : number * PAGE]
    ]
    pages = max(1, -(-len(found) // PAGE))
    return data, {"page_info": {"total": len(found), "current_page": number, "total_pages": pages}}


def _made(gift: Gift) -> str:
    return datetime.fromtimestamp(gift.made_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
