"""The webhook addresses that are registered at a payment provider, where its API tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients.payments.provider import Provider
from integrations.errors import Problem

PAGE, MOST = 100, 20  # addresses a page, pages

#: provider → where a person sees it, when no documented API tells it
BY_HAND = {
    "paystack": "dashboard.paystack.com, Settings, API Keys & Webhooks",
    "fincra": "app.fincra.com, Settings, API Keys & Webhooks",
    "flutterwave": "app.flutterwave.com, Settings, Webhooks",
    "google": "console.cloud.google.com, APIs & Services, Credentials: authorized origins and redirect URIs",
    "facebook": "developers.facebook.com, the app, Facebook Login, Settings: valid OAuth redirect URIs",
    "apple": "developer.apple.com, Identifiers, the Services ID: domains and return URLs",
}


@dataclass(frozen=True)
class Registered:
    """One address as the provider has it, the provider's word for its state, and its id there."""

    address: str
    state: str
    identity: str

    def as_facts(self) -> dict[str, str]:
        """JSON."""
        return {"address": self.address, "state": self.state, "id": self.identity}


def registered(provider: Provider) -> list[Registered] | None:
    """Every address; None where only a person can look (`BY_HAND`). Raises `Problem`.

    Stripe: GET /v1/webhook_endpoints, page by page. Paystack, Fincra and Flutterwave document no such read.
    """
    return _of_stripe(provider) if provider.name == "stripe" else None


def _of_stripe(provider: Provider) -> list[Registered]:
    found: list[Registered] = []
    after = ""
    for _ in range(MOST):
        page = provider.get(f"/webhook_endpoints?limit={PAGE}{after}") or {}
        rows = _rows(page)
        found += [_endpoint(row) for row in rows]
        if not page.get("has_more") or not rows:
            return found
        after = f"&starting_after={found[-1].identity}"
    raise _unreadable(f"it has more than {PAGE * MOST} addresses")


def _rows(page: Any) -> list[Mapping[str, Any]]:
    rows = page.get("data") if isinstance(page, dict) else None
    if not isinstance(rows, list):
        raise _unreadable("it is no list")
    return rows


def _endpoint(row: Mapping[str, Any]) -> Registered:
    try:
        return Registered(str(row["url"]), str(row["status"]), str(row["id"]))
    except (KeyError, TypeError):
        raise _unreadable("an address of it has no url, status or id") from None


def _unreadable(why: str) -> Problem:
    return Problem(
        f"Stripe's list of webhook addresses cannot be read: {why}.",
        means="Which hosts it calls is not known.",
        next="Look into dashboard.stripe.com, Developers, Webhooks.",
    )
