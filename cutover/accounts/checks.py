"""What `manage.py check --deploy` says about settings of sign-in that are easily forgotten."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register


@register(Tags.security, deploy=True)
def check_sign_in(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Warns of limits that count for the proxy instead of its clients, and of a missing second factor."""
    found: list[CheckMessage] = []
    if settings.BEHIND_PROXY and not settings.CUTOVER_PROXIES:
        found.append(
            checks.Warning(
                "CUTOVER_BEHIND_PROXY is set, CUTOVER_PROXIES is not: all clients have the proxy's address.",
                hint="Set CUTOVER_PROXIES to the number of proxies that add to X-Forwarded-For.",
                id="accounts.W001",
            )
        )
    if not settings.CUTOVER_REQUIRE_SECOND_FACTOR:
        found.append(
            checks.Warning(
                "CUTOVER_REQUIRE_SECOND_FACTOR is off: a password alone can approve a gate.",
                hint="Leave it out, or set it to true.",
                id="accounts.W002",
            )
        )
    return found
