"""What tests of the pages share: clients in which people are signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.checklists.histories import person


@pytest.fixture(autouse=True)
def _static_files_by_their_own_names(settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def browser_of(db) -> Callable[..., Client]:
    """A browser in which that person is signed in; ``htmx=True`` for one that sends htmx's header."""

    def of(name: str, *, htmx: bool = False) -> Client:
        client = Client(headers={"HX-Request": "true"} if htmx else {})
        client.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return of
