"""What every template may ask about sign-in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def sign_in_options(request: HttpRequest) -> dict[str, bool]:
    """``has_mail``: can the panel send a message, for example to reset a password?"""
    return {"has_mail": settings.HAS_MAIL}
