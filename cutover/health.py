"""Two questions that a load balancer asks: is the web process alive, and can the panel do its work?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import DurationField, ExpressionWrapper, F, Max
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from checklists.models import ServiceBeat

#: Loss of the panel's own parts must be visible within 30 s; they beat every few seconds.
QUIET = timedelta(seconds=20)
PARTS = {
    "reaper": "Without it nobody notices a lost worker, and no effect may begin.",
    "dispatcher": "Without it a lost message leaves an attempt queued.",
    "worker": "Without it nothing that is started begins.",
    "prober": "Without it nobody looks at what became unknown.",
}
STARTED_BY = {
    "reaper": "manage.py reaper",
    "dispatcher": "manage.py dispatcher",
    "worker": "manage.py worker --queues steps",
    "prober": "manage.py worker --queues probes,control",
}


@dataclass(frozen=True)
class Check:
    """What one part of the panel answered."""

    ok: bool
    words: str


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, Redis, reaper, dispatcher and a worker are there; else 503 with words."""
    checks = {"database": _database(), "redis": _redis(), **_beats()}
    ok = all(check.ok for check in checks.values())
    body = {
        "status": "ok" if ok else "error",
        "checks": {name: {"ok": check.ok, "words": check.words} for name, check in checks.items()},
    }
    return JsonResponse(body, status=200 if ok else 503)


def _database() -> Check:
    try:
        ServiceBeat.objects.exists()
    except DatabaseError as error:
        return Check(False, f"The panel's database does not answer as it should ({type(error).__name__}).")
    return Check(True, "The panel's database answers.")


def _redis() -> Check:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        return Check(
            False, f"Redis does not answer ({type(error).__name__}): pages update late, starts take seconds."
        )
    finally:
        client.close()
    return Check(True, "Redis answers.")


def _beats() -> dict[str, Check]:
    try:
        ages = _ages()
    except DatabaseError:
        return {name: Check(False, "Not known: the database does not answer.") for name in PARTS}
    return {name: _beat(name, ages.get(name)) for name in PARTS}


def _ages() -> dict[str, timedelta]:
    """How long ago each part was last seen, by the database's clock."""
    age = ExpressionWrapper(Now() - F("last"), output_field=DurationField())
    seen = ServiceBeat.objects.order_by().values("name").annotate(last=Max("at")).annotate(age=age)
    return dict(seen.values_list("name", "age"))


def _beat(name: str, age: timedelta | None) -> Check:
    if age is None:
        return Check(False, f"No {name} was ever seen. {PARTS[name]} Start one: {STARTED_BY[name]}")
    seconds = max(0.0, age.total_seconds())
    if age > QUIET:
        return Check(False, f"The {name} was last seen {seconds:.0f} s ago. {PARTS[name]}")
    return Check(True, f"The {name} was seen {seconds:.0f} s ago.")
