"""What the panel tells a load balancer, and when it says no."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings

from checklists.models import ServiceBeat
from checklists.models.audit import database_now

pytestmark = pytest.mark.django_db


def beat(**ages: float) -> None:
    """Signs of life, so many seconds old."""
    for name, age in ages.items():
        ServiceBeat.objects.create(name=name, instance="here", at=database_now() - timedelta(seconds=age))


def test_a_web_process_that_answers_is_alive(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_everything_was_seen_lately(client: Client) -> None:
    beat(worker=4, prober=3, dispatcher=1, reaper=2)
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert set(answer.json()["checks"]) == {"database", "redis", "reaper", "dispatcher", "worker", "prober"}


@pytest.mark.parametrize("lost", ["worker", "prober", "dispatcher", "reaper"])
def test_not_ready_when_a_part_fell_silent(client: Client, lost: str) -> None:
    beat(**({"worker": 1, "prober": 1, "dispatcher": 1, "reaper": 1} | {lost: 45}))
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"][lost]["ok"] is False
    words = answer.json()["checks"][lost]["words"]
    assert re.search(r"\b(4[5-9]|5\d) s ago", words), words  # a busy machine answers some seconds later


def test_one_living_worker_among_dead_ones_is_enough(client: Client) -> None:
    beat(worker=1, prober=1, dispatcher=1, reaper=1)
    ServiceBeat.objects.create(name="worker", instance="elsewhere", at=database_now() - timedelta(hours=1))
    assert client.get("/health/ready").status_code == 200


def test_a_part_that_never_came_is_named_with_its_command(client: Client) -> None:
    words = client.get("/health/ready").json()["checks"]["reaper"]["words"]
    assert "manage.py reaper" in words


def test_not_ready_without_redis(client: Client) -> None:
    beat(worker=1, prober=1, dispatcher=1, reaper=1)
    with override_settings(REDIS_URL="unix:///nowhere/valkey.sock?db=0"):
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"]["ok"] is False
    assert answer.json()["checks"]["database"]["ok"] is True


def test_health_is_asked_without_signing_in_and_only_read(client: Client) -> None:
    assert client.post("/health/ready").status_code == 405
    assert "no-cache" in client.get("/health/live")["Cache-Control"]
