"""What the payment providers say they took since the watch began, where their API can tell it cheaply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.clients.http import Caller
from integrations.clients.payments import paystack, stripe
from integrations.clients.payments.units import digits
from integrations.errors import Problem, Unreachable
from integrations.systems import System

PAGES = 5  # of one provider's list
PAID = ("completed", "paid", "succeeded", "successful", "success")

Sums = dict[str, Decimal]  # currency → amount in its own unit


@dataclass(frozen=True)
class Taken:
    """A provider's own total, or in words why there is none."""

    sums: Sums | None
    said: str = ""


class Unlistable(Exception):
    """The list is too long to be read to its end; the message says how much was read."""


def taken(system: System, caller: Caller, since: datetime) -> Taken:
    """What the provider took since then."""
    ask = _ASK.get(system.driver())
    if ask is None:
        return Taken(None, "its API has no total that can be asked cheaply: compare its dashboard by hand")
    try:
        return Taken(ask(system, caller, since))
    except (Problem, Unlistable) as error:
        return Taken(None, error.what if isinstance(error, Problem) else str(error))
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return Taken(None, "its answer has another shape than its documentation says")


def _get(system: System, caller: Caller, path: str, **query: Any) -> Any:
    """One question with the secret key. Raises `Problem`."""
    headers = {"Authorization": f"Bearer {system['secret_key']}"}
    reply = caller.ask(system["url"], f"{path}?{urlencode(query)}", headers=headers)
    if not reply.ok:
        raise Problem(f"{system.name} answers {reply.status} “{reply.says()}” to {path}.")
    return reply.json()


def _stripe(system: System, caller: Caller, since: datetime) -> Sums:
    """Charges, newest first, in the currency that the giver paid in."""
    sums: Sums = defaultdict(Decimal)
    query: dict[str, Any] = {"limit": 100, "created[gte]": int(since.timestamp())}
    for _ in range(PAGES):
        page = _get(system, caller, "/charges", **query)
        for charge in page["data"]:
            if charge["paid"] and charge["created"] >= int(since.timestamp()):
                currency = str(charge["currency"]).upper()
                kept = Decimal(charge["amount"] - charge.get("amount_refunded", 0))
                sums[currency] += kept.scaleb(-stripe.PLACES.get(currency, digits(currency)))
        if not page["has_more"]:
            return dict(sums)
        query["starting_after"] = page["data"][-1]["id"]
    raise Unlistable(f"more than {PAGES * 100} charges since the watch began: they were not summed")


def _paystack(system: System, caller: Caller, since: datetime) -> Sums:
    """`/transaction/totals`, counted in hundredths whatever the currency."""
    begin, end = (at.isoformat(timespec="milliseconds") for at in (since, datetime.now(UTC)))
    found = _get(system, caller, "/transaction/totals", **{"from": begin, "to": end})["data"]
    volumes = found["total_volume_by_currency"]
    return {
        str(one["currency"]).upper(): Decimal(one["amount"]).scaleb(-paystack.PLACES)
        for one in volumes
        if one["amount"]
    }


def _flutterwave(system: System, caller: Caller, since: datetime) -> Sums:
    """Successful transactions of these days; whole units; what is older than the watch is left out."""
    sums: Sums = defaultdict(Decimal)
    days = {"from": since.date().isoformat(), "to": datetime.now(UTC).date().isoformat()}
    for number in range(1, PAGES + 1):
        page = _get(system, caller, "/transactions", status="successful", page=number, **days)
        for one in page["data"]:
            if datetime.fromisoformat(one["created_at"]) >= since:
                sums[str(one["currency"]).upper()] += Decimal(str(one["amount"]))
        if number >= int(page["meta"]["page_info"]["total_pages"]):
            return dict(sums)
    raise Unlistable(f"more than {PAGES} pages of transactions today: they were not summed")


_ASK: Mapping[str, Callable[[System, Caller, datetime], Sums]] = {
    "stripe": _stripe,
    "paystack": _paystack,
    "flutterwave": _flutterwave,
}


def booked(url: str, attempt: str, table: str, since: datetime) -> dict[str, Sums]:
    """Provider → what the database booked as paid since then. Raises `Unreachable`."""
    query = sql.SQL(
        "SELECT provider, currency, sum(amount) FROM {} WHERE created_at >= %s AND status = ANY(%s)"
        " AND provider IS NOT NULL GROUP BY 1, 2 LIMIT 500"
    ).format(sql.Identifier(*table.split(".")))
    with postgres.connect(url, attempt=attempt, readonly=True) as connection:
        try:
            connection.execute("SET statement_timeout = '30s'")
            found = connection.execute(query, [since.astimezone(UTC).replace(tzinfo=None), list(PAID)])
            rows = found.fetchall()
        except psycopg.Error as error:
            raise Unreachable(
                f"What {table} booked by provider cannot be read: {type(error).__name__}.",
                next="Check that the reader's login may read the table.",
            ) from None
    sums: dict[str, Sums] = defaultdict(dict)
    for provider, currency, amount in rows:
        sums[str(provider).lower()][str(currency).upper()] = Decimal(amount)
    return dict(sums)


def side_by_side(
    systems: Iterable[System], caller: Caller, since: datetime, known: Mapping[str, Sums]
) -> dict[str, dict[str, Any]]:
    """System → what its provider took, what was booked, and by how much they differ in each currency."""
    found: dict[str, dict[str, Any]] = {}
    for system in systems:
        there, here = taken(system, caller, since), known.get(system.driver(), {})
        facts: dict[str, Any] = {"provider": system.driver(), "booked": _plain(here)}
        if there.sums is None:
            found[system.name] = {**facts, "not_known": there.said}
            continue
        currencies = {*there.sums, *here}
        apart = {c: there.sums.get(c, Decimal(0)) - here.get(c, Decimal(0)) for c in sorted(currencies)}
        found[system.name] = {**facts, "taken": _plain(there.sums), "apart": _plain(apart)}
    return found


def _plain(sums: Sums) -> dict[str, str]:
    return {currency: f"{amount:.{digits(currency)}f}" for currency, amount in sorted(sums.items())}
