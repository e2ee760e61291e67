"""The app of accounts."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the checks and the tables of accounts."""

    name = "cutover.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Registers the checks of settings."""
        from cutover.accounts import checks  # noqa: F401  # registers itself
