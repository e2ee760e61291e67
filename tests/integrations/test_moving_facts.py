"""A check that is repeated on an unchanged system has the same digest: what moves by itself is left out."""

from __future__ import annotations

import dataclasses
import json
import threading
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from checklists.canonical import digest_of
from checklists.executor.writers.evidence import signed_content
from integrations.actions import Context, registry
from integrations.clients import bullmq
from integrations.moving_facts import MOVING, STEADY, looks_moving
from integrations.sandbox.serving import Answer, server_of
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.queues import valkey
from tests.ports import free_port


def places(kind: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The places of a type of evidence that hold a plain value, each with its type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Required, typing.NotRequired, typing.Union, types.UnionType, list, tuple):
        for one in inner:
            yield from places(one, place)
    elif origin is dict:
        yield from places(inner[1], f"{place}.*")
    elif typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        for name, one in typing.get_type_hints(kind, include_extras=True).items():
            yield from places(one, f"{place}.{name}".lstrip("."))
    else:
        yield place, kind


def evidence_of(action: Any) -> Any:
    bases = getattr(type(action), "__orig_bases__", ())
    return next(args[1] for base in bases if len(args := typing.get_args(base)) == 2)


@pytest.mark.parametrize("key", registry())
def test_every_duration_age_and_moment_in_evidence_is_said_to_move_or_to_be_content(key: str) -> None:
    found = {
        place
        for place, kind in places(evidence_of(registry()[key]))
        if kind is float or looks_moving(place)
        if not any(place == known or place.startswith(f"{known}.") for known in (*MOVING, *STEADY))
    }
    assert not found, "name them in integrations/moving_facts.py"


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("queue")) as url:
        yield url


@pytest.fixture
def api() -> Iterator[str]:
    port = free_port()
    with server_of(port, lambda asked: Answer(200, {"ok": True}), name="api") as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()


CHECKS: dict[str, dict[str, Any]] = {
    "redis.check": {"redis": "queue"},
    "bullmq.watch": {"redis": "queue", "queue": "jobs", "seconds": 0, "patience": 0, "workers": 0},
    "http.smoke": {"api": "api", "reads": ["/x"]},
    "rows.present": {"database": "live", "tables": ["members", "donations"]},
    "sql.check": {"database": "live", "query": "select count(*) from members", "value": 500},
    "parity.fingerprint": {"database": "live"},
    "backup.verify": {"backup": "take", "scratch": "scratch"},
}


@pytest.mark.parametrize("key", CHECKS)
def test_a_repeated_check_of_an_unchanged_system_keeps_its_digest(
    key: str, app_database: AppDatabase, queue: str, api: str, new_context: Callable[..., Context]
) -> None:
    systems = {
        "queue": {"kind": "redis", "url": queue},
        "api": {"kind": "http", "url": api},
        "live": {"kind": "postgres", "url": app_database.admin_url},
        "scratch": {"kind": "postgres", "url": app_database.admin_url},
    }
    with_queue(queue)
    taken = Recorder()
    if key == "backup.verify":
        take = registry()["backup.take"]
        assert take.run(take.bind({"database": "live"}, new_context(systems)), taken).ok
    runs = []
    for _ in range(2):
        report = Recorder()
        params = registry()[key].bind(CHECKS[key], new_context(systems, take=taken.facts))
        outcome = registry()[key].run(params, report)
        assert outcome.ok, outcome.summary
        runs.append(json.loads(json.dumps(report.facts, default=str)))
    first, second = (signed_content(facts) for facts in runs)
    assert first == second
    assert digest_of(first) == digest_of(second)
    assert first, "something is left that a signature is bound to"


def with_queue(url: str) -> None:
    """A queue that a library has made."""
    with bullmq.connect(url) as client:
        client.set("bull:jobs:id", "1")
        client.hset("bull:jobs:meta", "opts.maxLenEvents", "10000")


def test_names_of_data_are_not_taken_for_names_of_facts() -> None:
    one = {
        "rows": {"seconds": 5, "completed": 1},
        "smoke": {"asked": [{"path": "/x", "ms": 3, "status": 200}]},
    }
    other = {
        "rows": {"seconds": 6, "completed": 1},
        "smoke": {"asked": [{"path": "/x", "ms": 9, "status": 200}]},
    }
    assert signed_content(one)["smoke"] == signed_content(other)["smoke"]
    assert signed_content(one) != signed_content(other)
