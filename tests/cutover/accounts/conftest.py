"""What tests of accounts share: static files by their own names, and requests from chosen addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from tests.checklists.histories import PASSWORD


@pytest.fixture(autouse=True)
def _static_files_by_their_own_names(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def sign_in(client: Client, name: str, password: str = PASSWORD) -> HttpResponse:
    """Sends the form of the sign-in page."""
    return client.post("/accounts/login/", {"login": name, "password": password})


def is_signed_in(client: Client) -> bool:
    """Does a page of the panel open?"""
    return client.get("/waiting/").status_code == 200


@pytest.fixture
def authenticator() -> Callable[[User], str]:
    """Adds an authenticator app to an account; gives its secret."""

    def add(person: User) -> str:
        secret = generate_totp_secret()
        TOTP.activate(person, secret)
        assert Authenticator.objects.filter(user=person).exists()
        return secret

    return add
