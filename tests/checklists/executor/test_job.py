"""What a job registers as secret before anything of it can be written down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from checklists.executor.job import Job
from integrations.systems import Systems


def secrets_of(settings: dict[str, Any]) -> set[str]:
    """Of a job whose one system has these settings."""
    context = SimpleNamespace(systems=Systems({"one": settings}, environ={"KEY": "from the environment"}))
    return set(Job.secrets(cast(Job, SimpleNamespace(context=context))))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hidden@db.internal/x",
        "postgresql://db.internal/x?user=me&password=hidden",
        "postgresql://db.internal/x?sslPassword=hidden",
        "http://[::1/unreadable?key=hidden",
    ],
)
def test_an_address_that_holds_a_password_anywhere_is_secret(address: str) -> None:
    assert address in secrets_of({"kind": "postgres", "url": address})


def test_keys_are_secret_by_the_names_of_their_settings_and_plain_addresses_are_not() -> None:
    found = secrets_of({"kind": "payments", "url": "https://api.example.org", "secret_key": "${KEY}",
                        "provider": "stripe", "webhook_secret": "${NOT_SET}"})  # fmt: skip
    assert "from the environment" in found
    assert "https://api.example.org" not in found
