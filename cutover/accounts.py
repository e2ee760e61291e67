"""Who may come in: people are made by an admin or arrive by the organisation's OIDC; nobody signs up."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedDoor(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Refuses open sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Always no: an admin makes accounts, or the identity provider vouches."""
        return False
