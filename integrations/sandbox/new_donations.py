"""The new API's routes that begin a gift and change its status (`customer/answers/donations-*`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from integrations.sandbox.new_payments import FIXED, GiftOrder, InvalidGift, Payments, ProviderFailure
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

STATUS = re.compile(r"/donations/([^/]+)/status")
STATUSES = ("pending", "completed", "failed", "refunded")
PROVIDERS = ("paystack", "fincra", "stripe", "flutterwave")
FIELDS = ("amount", "currency", "provider", "memberId", "metadata")

Row = dict[str, Any]


class Donations:
    """``POST /donations`` and ``PATCH /donations/ID/status``; ``environ`` has keys and REPAIRS_FILE."""

    def __init__(self, database: str, environ: Mapping[str, str]) -> None:
        self.database, self.environ = database, environ
        self.repairs = AppliedRepairs.of(environ)

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is none of the two."""
        changed = STATUS.fullmatch(asked.path)
        if (asked.method, asked.path) != ("POST", "/donations") and not (asked.method == "PATCH" and changed):
            return None
        try:
            given = asked.json()
        except ValueError:
            return _refused(400, "Unexpected end of JSON input")
        try:
            return self._change(changed[1], given) if changed else self._begin(given)
        except InvalidGift as invalid:
            return _refused(400, str(invalid))
        except ProviderFailure as failure:
            return _refused(502, str(failure))

    def _begin(self, given: Row) -> Answer:
        wrong = _find_mistakes(given)
        if wrong:
            return _refused(400, wrong)
        provider, metadata = given["provider"], dict(given.get("metadata") or {})
        begun = self._payments(provider).begin(GiftOrder(given["amount"], given["currency"], metadata))
        metadata |= {"authorizationUrl": begun.address, "providerReference": begun.reference}
        metadata |= {provider: dict(begun.facts), "reference": begun.reference}
        query = (
            "INSERT INTO donations (member_id, amount, currency, payment_method, payment_info, status,"
            " reference, transaction_id) VALUES (%s, %s, %s, %s, %s, 'pending', %s, %s) RETURNING *"
        )
        member = int(given["memberId"]) if given.get("memberId") else None
        values = [member, given["amount"], given["currency"], provider, Jsonb(metadata)]
        with self._connect() as connection:
            row = connection.execute(query, [*values, begun.reference, begun.transaction or None]).fetchone()
        assert row is not None
        return Answer(201, _shown(row))

    def _change(self, identity: str, given: Row) -> Answer:
        status = given.get("status")
        if status not in STATUSES:
            return _refused(400, [f"status must be one of the following values: {', '.join(STATUSES)}"])
        with self._connect() as connection:
            row = connection.execute(
                "SELECT * FROM donations WHERE id::text = %s", [identity.lstrip("0")]
            ).fetchone()
            if row is None:
                return _refused(404, "Donation not found")
            status, transaction, facts = self._at_provider(row, status)
            metadata = {**(row["payment_info"] or {}), **facts, **(given.get("metadata") or {})}
            changed = connection.execute(
                "UPDATE donations SET status = %s, transaction_id = coalesce(%s, transaction_id),"
                " payment_info = %s, updated_at = now() AT TIME ZONE 'UTC' WHERE id = %s RETURNING *",
                [status, transaction or None, Jsonb(metadata), row["id"]],
            ).fetchone()
        assert changed is not None
        return Answer(200, _shown(changed))

    def _at_provider(self, row: Row, status: str) -> tuple[str, str, Row]:
        """“completed” asks the provider whether it is paid, “refunded” for a refund, the others nobody."""
        provider = row["payment_method"]
        if status not in ("completed", "refunded"):
            return status, "", {}
        info = row["payment_info"] or {}
        gift = GiftOrder(
            float(row["amount"]), row["currency"], info, row["reference"] or "", row["transaction_id"] or ""
        )
        if status == "refunded":
            said = self._payments(provider).refund(gift)
            return status, "", {"refund": said, provider: {"refund": said}}
        status, transaction, said = self._payments(provider).verify(gift)
        return status, transaction, {"verification": said, provider: {"verification": said}}

    def _payments(self, provider: str) -> Payments:
        if provider not in FIXED:
            raise InvalidGift(f"Unsupported donation provider: {provider}")
        return Payments(provider, self.environ, self.repairs)

    def _connect(self) -> psycopg.Connection[Row]:
        return psycopg.connect(self.database, autocommit=True, connect_timeout=3, row_factory=dict_row)


def _find_mistakes(given: Row) -> list[str]:
    """What the validation says, in its order: unknown names first."""
    wrong = [f"property {name} should not exist" for name in given if name not in FIELDS]
    amount = given.get("amount")
    if amount is None:
        wrong.append("amount should not be null or undefined")
    if not isinstance(amount, int | float) or amount <= 0:
        wrong.append("amount must be a positive number")
    if not isinstance(given.get("currency"), str):
        wrong.append("currency must be a string")
    if given.get("provider") not in PROVIDERS:
        wrong.append(f"provider must be one of the following values: {', '.join(PROVIDERS)}")
    return wrong


def _shown(row: Row) -> Row:
    """A gift as the API shows it."""
    return {
        "id": str(row["id"]),
        "memberId": None if row["member_id"] is None else str(row["member_id"]),
        "amount": float(row["amount"]),
        "currency": row["currency"],
        "provider": row["payment_method"],
        "status": row["status"],
        "metadata": row["payment_info"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def _refused(status: int, message: Any) -> Answer:
    names = {400: "Bad Request", 404: "Not Found", 502: "Bad Gateway"}
    return Answer(status, {"message": message, "error": names[status], "statusCode": status})
