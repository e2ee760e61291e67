"""Whether a registered webhook address is exactly the new route, enabled, and gets the wanted events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.clients.http import display_url

EVERY_EVENT = "*"  # a provider's word for all of them


def find_route_fault(addresses: Sequence[Mapping[str, str]], wanted: str, events: Sequence[Any]) -> str:
    """Why the events do not arrive at ``wanted``, with the next step; "" when they do.

    ``addresses`` have address, state, and events (separated by commas) as the provider lists them.
    """
    shown = display_url(wanted)
    exact = [one for one in addresses if one["address"].rstrip("/") == wanted.rstrip("/")]
    if not exact:
        return f"no registered address is {shown}: its events are lost. Register exactly this address."
    enabled = [one for one in exact if one["state"] == "enabled"]
    if not enabled:
        state = exact[0]["state"]
        return f"{shown} is registered there, but its state is “{state}”: nothing is sent. Enable it."
    sent = {event.strip() for one in enabled for event in one.get("events", "").split(",")}
    missing = [str(event) for event in events if EVERY_EVENT not in sent and str(event) not in sent]
    if missing:
        return f"{shown} does not get {', '.join(missing)}. Add it to the events of this address."
    return ""
