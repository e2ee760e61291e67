"""A Redis that would lose jobs is red, whatever else is well with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    def ran(report: Recorder | None = None, address: str = "", **params: Any) -> Any:
        context = new_context({"queue": {"kind": "redis", "url": address or url}})
        return ACTION.run(ACTION.bind({"redis": "queue", **params}, context), report or Recorder())

    return ran


def test_the_sandbox_queue_keeps_every_job(run: Any, url: str) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    facts = report.facts["redis"]
    assert (facts["policy"], facts["role"], facts["config_readable"]) == ("noeviction", "master", True)
    assert any("Its clock is" in line for line in report.lines)
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


def test_a_version_that_is_too_old_and_a_server_that_is_too_slow_are_red(run: Any) -> None:
    assert "99.1 or later is needed" in run(version="99.1").summary
    outcome = run(max_ping_ms=0.0001)
    assert not outcome.ok
    assert "look at its load" in outcome.summary


def test_what_a_login_may_not_read_is_said_and_not_green(run: Any, url: str) -> None:
    password = secrets.token_hex(8)
    with bullmq.connected(url) as client:
        client.execute_command("ACL", "SETUSER", "watcher", "on", f">{password}", "~*", "+@all", "-config")
        client.config_set("appendonly", "no")
        try:
            report = Recorder()
            outcome = run(
                report, url.replace("redis://:", "redis://watcher:").replace(password_of(url), password)
            )
        finally:
            client.config_set("appendonly", "yes")
            client.execute_command("ACL", "DELUSER", "watcher")
            until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    assert not outcome.ok
    assert "whether snapshots are taken is not known" in outcome.summary
    assert report.facts["redis"]["config_readable"] is False
    assert report.facts["redis"]["policy"] == "noeviction"  # INFO tells it to anybody


def test_a_snapshot_that_could_not_be_saved_is_red(run: Any, tmp_path: Path) -> None:
    (tmp_path / "q" / "dump.rdb" / "in the way").mkdir(parents=True)
    with valkey(tmp_path / "q") as address, bullmq.connected(address) as client:
        client.bgsave()
        until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
        outcome = run(address=address)
    assert not outcome.ok
    assert "rdb_last_bgsave_status" in outcome.summary
    assert "Look at its disk" in outcome.summary


def test_a_login_that_may_not_write_is_red(run: Any, url: str) -> None:
    password = secrets.token_hex(8)
    with bullmq.connected(url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", f">{password}", "~*", "+@all", "-@write")
        try:
            outcome = run(
                address=url.replace("redis://:", "redis://reader:").replace(password_of(url), password)
            )
        finally:
            client.execute_command("ACL", "DELUSER", "reader")
    assert not outcome.ok
    assert "A write is refused" in outcome.summary


def password_of(url: str) -> str:
    return urlsplit(url).password or ""


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
