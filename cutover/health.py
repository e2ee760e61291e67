"""Health checks: is the web process alive, and can the panel do its work?"""

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

from checklists.executor.artefact_places import SERVICE as ARTEFACTS
from checklists.executor.local_prober import SERVICE as LOCAL_PROBER
from checklists.executor.process.containment import SECONDS, Containment
from checklists.models import ServiceBeat
from checklists.redis_owner import RedisOwner, shared_redis

#: A lost service of the panel must be visible within 30 s; each writes a heartbeat every few seconds.
MAX_HEARTBEAT_AGE = timedelta(seconds=20)
SERVICES = {
    "reaper": "Without it a lost worker is not noticed, and no effect may begin.",
    "dispatcher": "Without it a lost message leaves an attempt queued.",
    "worker": "Without it no started action runs.",
    "prober": "Without it UNKNOWN attempts are not probed where no worker runs any more.",
    LOCAL_PROBER: "Without it nobody proves, where an attempt was lost, that its executor is dead.",
}
STARTED_BY = {
    "reaper": "manage.py reaper",
    "dispatcher": "manage.py dispatcher",
    "worker": "manage.py worker --queues steps",
    "prober": "manage.py worker --queues probes,control",
    LOCAL_PROBER: "manage.py worker --queues steps",
}


@dataclass(frozen=True)
class HealthCheck:
    """Result of one check, with a sentence for people."""

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
    """200 when database, Redis and all services answer, else 503; the JSON body has a sentence for each."""
    checks = {"database": _database(), "redis": _redis(), **_heartbeats(), "artefacts": _artefacts()}
    ok = all(check.ok for check in checks.values())
    body = {
        "status": "ok" if ok else "error",
        "checks": {name: {"ok": check.ok, "words": check.words} for name, check in checks.items()},
    }
    return JsonResponse(body, status=200 if ok else 503)


def _database() -> HealthCheck:
    try:
        ServiceBeat.objects.exists()
    except DatabaseError as error:
        return HealthCheck(False, f"The panel's database does not answer correctly ({type(error).__name__}).")
    return HealthCheck(True, "The panel's database answers.")


def _redis() -> HealthCheck:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        return HealthCheck(
            False, f"Redis does not answer ({type(error).__name__}): pages update late, starts take seconds."
        )
    finally:
        client.close()
    if other := RedisOwner().find_other():
        return HealthCheck(False, str(shared_redis(other)))
    return HealthCheck(True, "Redis answers.")


def _heartbeats() -> dict[str, HealthCheck]:
    try:
        ages = _ages()
    except DatabaseError:
        return {name: HealthCheck(False, "Not known: the database does not answer.") for name in SERVICES}
    found = {name: _heartbeat(name, ages.get(name)) for name in SERVICES}
    if found[LOCAL_PROBER].ok:
        found[LOCAL_PROBER] = HealthCheck(True, f"{found[LOCAL_PROBER].words} {_containments()}")
    return found


def _containments() -> str:
    """How soon what an attempt started ends after its guard, on each host with a worker for steps."""
    beats = ServiceBeat.objects.filter(name=LOCAL_PROBER, at__gt=Now() - MAX_HEARTBEAT_AGE)
    hosts = {tuple(beat.instance.split(":")[::2]) for beat in beats if beat.instance.count(":") == 2}
    each = [f"on {host} within {SECONDS[Containment(how)]} s ({how})" for host, how in sorted(hosts)]
    return f"What an attempt started ends after its guard: {', '.join(each)}." if each else ""


def _artefacts() -> HealthCheck:
    """Whether the hosts with a worker for steps keep artefacts in one place. Several places are no fault."""
    beats = ServiceBeat.objects.filter(name=ARTEFACTS, at__gt=Now() - MAX_HEARTBEAT_AGE)
    try:
        places = sorted(beat.instance.split(":", 1) for beat in beats)
    except DatabaseError:
        return HealthCheck(False, "Not known: the database does not answer.")
    hosts = ", ".join(host for host, _ in places)
    if not places:
        return HealthCheck(True, "No worker for steps has said yet where it keeps artefacts.")
    if len({place for _, place in places}) == 1:
        kind, _, name = places[0][1].partition(":")
        where = f"the bucket {name}" if kind == "bucket" else "one folder"
        return HealthCheck(True, f"Workers on {hosts} keep artefacts in {where}.")
    return HealthCheck(
        True,
        f"Workers on {hosts} do not share artefacts: an item that needs a file of another host, such as a "
        "backup, stops and names that host. Mount one folder on all of them, or give all of them the same "
        "CUTOVER_ARTEFACTS.",
    )


def _ages() -> dict[str, timedelta]:
    """Service → time since its last heartbeat, by the database's clock."""
    age = ExpressionWrapper(Now() - F("last"), output_field=DurationField())
    seen = ServiceBeat.objects.order_by().values("name").annotate(last=Max("at")).annotate(age=age)
    return dict(seen.values_list("name", "age"))


def _heartbeat(name: str, age: timedelta | None) -> HealthCheck:
    if age is None:
        return HealthCheck(
            False, f"No {name} has sent a heartbeat yet. {SERVICES[name]} Start one: {STARTED_BY[name]}"
        )
    seconds = max(0.0, age.total_seconds())
    if age > MAX_HEARTBEAT_AGE:
        return HealthCheck(
            False, f"The last heartbeat of the {name} was {seconds:.0f} s ago. {SERVICES[name]}"
        )
    return HealthCheck(True, f"The last heartbeat of the {name} was {seconds:.0f} s ago.")
