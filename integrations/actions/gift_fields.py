"""The field for an API that begins, confirms and refunds gifts (`integrations.clients.payments.gift_api`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django import forms

from integrations.actions.fields import SystemField
from integrations.environment.api_sessions import ApiSessions, require_shape
from integrations.systems import System


class GiftApiField(SystemField):
    """The name of a system of kind gift_api whose settings can be used."""

    def __init__(self, **options: Any) -> None:
        super().__init__(kind="gift_api", **options)

    def clean(self, value: Any) -> System | None:
        """The system; refused where its body is no JSON object or its path has no place for the id."""
        system = super().clean(value)
        if system is None:
            return None
        try:
            body = json.loads(system["body"])
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise forms.ValidationError(f"body: of “{system.name}” is no JSON object.")
        if system["change"].count("{id}") != 1 or not system["begin"].startswith("/"):
            raise forms.ValidationError(
                f"change: and begin: of “{system.name}” are paths, change: with {{id}}."
            )
        return system


@contextmanager
def signed_in_for_changes(api: System | None, login: System | None) -> Iterator[Mapping[str, str]]:
    """Headers of a sign-in at ``api`` for changes of a gift; none where the runbook names no login.

    Raises `Problem` when the sign-in is refused.
    """
    if api is None or login is None:
        yield {}
        return
    with ApiSessions(api["url"], require_shape(api)).signed_in(login) as headers:
        yield headers
