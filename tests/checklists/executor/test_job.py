"""What a job registers as secret before anything can be written down, and the deadline that it passes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from checklists.executor.job import AttemptJob
from checklists.models import Attempt
from checklists.services.attempts import bind_action
from integrations.actions import Context, registry
from integrations.systems import Systems


def secrets_of(settings: dict[str, Any]) -> set[str]:
    """Of a job whose one system has these settings."""
    systems = Systems({"one": settings}, environ={"KEY": "from the environment"})
    context = Context(systems, evidence={}, folder=Path())
    return set(AttemptJob("1", registry()["http.smoke"], {}, None, context).secrets())


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hidden@db.internal/x",
        "postgresql://db.internal/x?user=me&password=hidden",
        "postgresql://db.internal/x?sslPassword=hidden",
        "http://[::1/unreadable?key=hidden",
    ],
)
def test_the_password_in_an_address_is_secret_wherever_it_stands(address: str) -> None:
    assert "hidden" in secrets_of({"kind": "postgres", "url": address})


def test_secret_settings_are_masked_and_plain_addresses_are_not() -> None:
    found = secrets_of(
        {
            "kind": "payments",
            "url": "https://api.example.org",
            "secret_key": "${KEY}",
            "provider": "stripe",
            "webhook_secret": "${NOT_SET}",
        }
    )
    assert "from the environment" in found
    assert "https://api.example.org" not in found


@pytest.mark.usefixtures("known_actions")
def test_an_action_knows_the_deadline_within_which_its_programs_must_end(
    queue: Callable[..., Attempt],
) -> None:
    attempt = queue(deadline=90)
    assert AttemptJob.load(attempt).context.deadline == timedelta(seconds=90)
    attempt.item.deadline = timedelta(minutes=7)
    assert bind_action(attempt.item)[1].context.deadline == timedelta(minutes=7), "as the preview has it"
