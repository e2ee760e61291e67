"""A Redis that would lose jobs is red, whatever else is well with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cutover.embedded import free_port
from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import bullmq
from integrations.errors import Cancelled, Unreachable
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import until
from tests.integrations.sandbox.queues import valkey

ACTION = registry()["redis.check"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("queue")) as address:
        yield address


@pytest.fixture
def run(url: str, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(report: Recorder | None = None, address: str = "") -> Any:
        context = new_context({"queue": {"kind": "redis", "url": address or url}})
        return ACTION.run(ACTION.bind({"redis": "queue"}, context), report or Recorder())

    return ran


def test_the_sandbox_queue_keeps_every_job(run: Any, url: str) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    assert report.facts["redis"]["policy"] == "noeviction"
    with bullmq.connected(url) as client:
        assert client.keys("*") == []


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("maxmemory-policy", "allkeys-lru", "set noeviction"),
        ("appendonly", "no", "set appendonly yes"),
        ("maxmemory", "1000000", "give it more memory"),
    ],
)
def test_what_would_lose_a_job_is_red_with_its_remedy(
    run: Any, url: str, setting: str, value: str, said: str
) -> None:
    with bullmq.connected(url) as client:
        before = client.config_get(setting)[setting]
        client.config_set(setting, value)
        try:
            outcome = run()
        finally:
            client.config_set(setting, before)
            until(
                lambda: not client.info("persistence")["aof_rewrite_in_progress"]
            )  # or it cannot be stopped
    assert not outcome.ok
    assert said in outcome.summary


def test_a_replica_is_not_where_jobs_go(run: Any, url: str) -> None:
    with bullmq.connected(url) as client:
        client.replicaof("127.0.0.1", str(free_port()))
        try:
            outcome = run()
        finally:
            client.replicaof("NO", "ONE")
    assert not outcome.ok
    assert "Name the primary" in outcome.summary


def test_a_wrong_password_and_a_silent_port_are_told_apart_and_no_password_is_repeated(
    run: Any, url: str
) -> None:
    wrong = url.replace("redis://:", "redis://:not")
    with pytest.raises(Unreachable, match="refuses the login") as refused:
        run(address=wrong)
    assert wrong.partition("@")[0].rpartition(":")[2] not in str(refused.value)
    with pytest.raises(Unreachable, match="does not answer"):
        run(address=f"redis://:x@127.0.0.1:{free_port()}/0")


def test_it_can_be_cancelled_and_its_probe_says_that_it_only_looks(
    run: Any, new_context: Any, url: str
) -> None:
    with pytest.raises(Cancelled):
        run(Recorder(cancel_when=lambda report: True))
    values = ACTION.bind({"redis": "queue"}, new_context({"queue": {"kind": "redis", "url": url}}))
    assert ACTION.probe(values, {}).seen == Seen.NOT_DONE
    assert "PING" in "".join(ACTION.preview(values).lines)
