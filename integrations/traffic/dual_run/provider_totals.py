"""Totals that payment providers report since a watch began, for providers whose API has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.clients.http import HttpClient
from integrations.clients.payments.provider import TooManyPayments, provider_class
from integrations.clients.payments.units import minor_unit_digits
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Problem, Unreachable
from integrations.systems import System
from integrations.traffic.dual_run.booked_payments import BookedPayments

Sums = dict[str, Decimal]  # currency → amount in its own unit


@dataclass(frozen=True)
class ProviderTotal:
    """A provider's own total, or the reason why there is none."""

    sums: Sums | None
    reason: str = ""


def read_provider_total(system: System, http_client: HttpClient, since: datetime) -> ProviderTotal:
    """Returns what the provider took since then. Errors of the provider are the result's ``reason``."""
    provider = provider_class(system.driver())(system, http_client)
    try:
        total = provider.read_total(since)
    except (Problem, TooManyPayments) as error:
        return ProviderTotal(None, error.what if isinstance(error, Problem) else str(error))
    if total is None:
        return ProviderTotal(None, "its API has no request for a total: compare its dashboard by hand")
    return ProviderTotal(total)


def read_booked_totals(url: str, attempt: str, booked: BookedPayments, since: datetime) -> dict[str, Sums]:
    """Returns provider → what the database has as paid since then. Raises `Unreachable`."""
    query = sql.SQL(
        "SELECT {provider}, {currency}, sum({amount}) FROM {table} WHERE {created_at} >= %s"
        " AND {status} = ANY(%s) AND {provider} IS NOT NULL GROUP BY 1, 2 LIMIT 500"
    ).format(**booked.identifiers())
    with postgres.connect(url, attempt=attempt, readonly=True) as connection:
        try:
            connection.execute("SET statement_timeout = '30s'")
            values = [since.astimezone(UTC).replace(tzinfo=None), list(booked.paid)]
            rows = connection.execute(query, values).fetchall()
        except psycopg.Error as error:
            raise Unreachable(
                f"What {booked.table} booked cannot be read: {describe_error(error)}.",
                next="Check booked: of the item, and that the reader's login may read the table.",
            ) from None
    sums: dict[str, Sums] = defaultdict(dict)
    for provider, currency, amount in rows:
        sums[str(provider).lower()][str(currency).upper()] = Decimal(amount or 0)
    return dict(sums)


def compare_provider_totals(
    systems: Iterable[System], http_client: HttpClient, since: datetime, booked: Mapping[str, Sums]
) -> dict[str, dict[str, Any]]:
    """Returns system → ``taken``, ``booked`` and ``apart`` (currency → amount), or ``not_known``."""
    found: dict[str, dict[str, Any]] = {}
    for system in systems:
        theirs, ours = read_provider_total(system, http_client, since), booked.get(system.driver(), {})
        facts: dict[str, Any] = {"provider": system.driver(), "booked": _format(ours)}
        if theirs.sums is None:
            found[system.name] = {**facts, "not_known": theirs.reason}
            continue
        currencies = {*theirs.sums, *ours}
        apart = {c: theirs.sums.get(c, Decimal(0)) - ours.get(c, Decimal(0)) for c in sorted(currencies)}
        found[system.name] = {**facts, "taken": _format(theirs.sums), "apart": _format(apart)}
    return found


def _format(sums: Sums) -> dict[str, str]:
    return {
        currency: f"{amount:.{minor_unit_digits(currency)}f}" for currency, amount in sorted(sums.items())
    }
