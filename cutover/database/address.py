"""Django's settings for a connection to the panel's database, as either role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

from integrations.clients.lost_clients import CLIENT_SETTINGS

#: The roles of the panel's own server. Its socket lets everybody in who reaches it: the folder is 0700.
EMBEDDED_OWNER, EMBEDDED_APPLICATION = "postgres", "cutover"
TIMEOUTS = "-c lock_timeout=5000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=15000"
#: Django wants it. Here it belongs to the login and stays when a session is cleaned for the next request.
TIMEZONE = "-c timezone=UTC"
SMALLEST_POOL = 8


def connection_settings(url: str, embedded_role: str, data: Path) -> dict[str, Any]:
    """For the database at ``url``; without one, for the panel's own server in the folder ``data``."""
    socket = {"NAME": "cutover", "USER": embedded_role, "HOST": str(data / "postgres" / "s"), "PORT": "5432"}
    named: dict[str, Any] = environ.Env.db_url_config(url) if url else socket
    own = {"application_name": "cutover:panel", "options": f"{TIMEOUTS} {TIMEZONE}"}
    options = {**CLIENT_SETTINGS, **named.get("OPTIONS", {}), **own}
    return {
        **named,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,  # under ASGI each request has a thread of its own; a web process keeps a pool
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
