"""The health checks that a load balancer reads."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings

from checklists.models import ServiceBeat
from checklists.models.audit import database_now

pytestmark = pytest.mark.django_db


def beat(**ages: float) -> None:
    """Heartbeats of these services, with their ages in seconds."""
    for name, age in ages.items():
        instance = "here:0123456789abcdef:cgroup" if name == "local_prober" else "here"
        at = database_now() - timedelta(seconds=age)
        ServiceBeat.objects.create(name=name.replace("_", " "), instance=instance, at=at)


def test_a_web_process_that_answers_is_alive(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_every_heartbeat_is_recent(client: Client) -> None:
    beat(worker=4, prober=3, local_prober=1, dispatcher=1, reaper=2)
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    services = {"reaper", "dispatcher", "worker", "prober", "local prober"}
    assert set(answer.json()["checks"]) == {"database", "redis", "artefacts", *services}


def test_it_says_how_soon_orphans_end_on_each_host(client: Client) -> None:
    beat(local_prober=1)
    old = database_now() - timedelta(minutes=1)
    for host, at in (("worker-2", database_now()), ("gone", old)):
        ServiceBeat.objects.create(name="local prober", instance=f"{host}:0:subreaper", at=at)
    words = client.get("/health/ready").json()["checks"]["local prober"]["words"]
    assert "on here within 2 s (cgroup), on worker-2 within 5 s (subreaper)." in words


@pytest.mark.parametrize("lost", ["worker", "prober", "local prober", "dispatcher", "reaper"])
def test_not_ready_when_a_service_sends_no_heartbeat(client: Client, lost: str) -> None:
    names = ("worker", "prober", "local prober", "dispatcher", "reaper")
    beat(**{name.replace(" ", "_"): 45 if name == lost else 1 for name in names})
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"][lost]["ok"] is False
    words = answer.json()["checks"][lost]["words"]
    assert re.search(r"\b(4[5-9]|5\d) s ago", words), words  # a busy machine answers some seconds later


def test_one_running_worker_is_enough(client: Client) -> None:
    beat(worker=1, prober=1, local_prober=1, dispatcher=1, reaper=1)
    ServiceBeat.objects.create(name="worker", instance="elsewhere", at=database_now() - timedelta(hours=1))
    assert client.get("/health/ready").status_code == 200


def test_a_service_that_never_started_is_named_with_its_command(client: Client) -> None:
    words = client.get("/health/ready").json()["checks"]["reaper"]["words"]
    assert "manage.py reaper" in words


def test_not_ready_without_redis(client: Client) -> None:
    beat(worker=1, prober=1, local_prober=1, dispatcher=1, reaper=1)
    with override_settings(REDIS_URL="unix:///nowhere/valkey.sock?db=0"):
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"]["ok"] is False
    assert answer.json()["checks"]["database"]["ok"] is True


def test_health_needs_no_sign_in_and_accepts_reads_only(client: Client) -> None:
    assert client.post("/health/ready").status_code == 405
    assert "no-cache" in client.get("/health/live")["Cache-Control"]
