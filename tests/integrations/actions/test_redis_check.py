"""A Redis that would lose jobs is red, whatever else is right."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import bullmq
from integrations.errors import Cancelled, Problem, Unreachable
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.queues import valkey
from tests.ports import free_port
from tests.waiting import wait_for

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


def test_the_sandbox_queue_passes(run: Any, url: str) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    facts = report.facts["redis"]
    assert (facts["policy"], facts["role"], facts["config_readable"]) == ("noeviction", "master", True)
    assert any("Its clock is" in line for line in report.lines)
    with bullmq.connect(url) as client:
        assert client.keys("*") == []


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("maxmemory-policy", "allkeys-lru", "set noeviction"),
        ("appendonly", "no", "set appendonly yes"),
        ("maxmemory", "1000000", "give it more memory"),
    ],
)
def test_a_setting_that_would_lose_jobs_is_red_with_its_remedy(
    run: Any, url: str, setting: str, value: str, said: str
) -> None:
    with bullmq.connect(url) as client:
        before = client.config_get(setting)[setting]
        client.config_set(setting, value)
        try:
            outcome = run()
        finally:
            client.config_set(setting, before)
            wait_for(
                lambda: not client.info("persistence")["aof_rewrite_in_progress"]
            )  # or it cannot be stopped
    assert not outcome.ok
    assert said in outcome.summary


def test_a_version_that_is_too_old_and_a_server_that_is_too_slow_are_red(run: Any) -> None:
    assert "99.1 or later is needed" in run(version="99.1").summary
    outcome = run(max_ping_ms=0.0001)
    assert not outcome.ok
    assert "check its load" in outcome.summary


def test_what_a_login_may_not_read_is_not_green(run: Any, url: str) -> None:
    password = secrets.token_hex(8)
    with bullmq.connect(url) as client:
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
            wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    assert not outcome.ok
    assert "whether snapshots are taken is not known" in outcome.summary
    assert report.facts["redis"]["config_readable"] is False
    assert report.facts["redis"]["policy"] == "noeviction"  # INFO reports it to every login


def test_a_snapshot_that_could_not_be_saved_is_red(run: Any, tmp_path: Path) -> None:
    (tmp_path / "q" / "dump.rdb" / "in the way").mkdir(parents=True)
    with valkey(tmp_path / "q") as address, bullmq.connect(address) as client:
        client.bgsave()
        wait_for(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
        outcome = run(address=address)
    assert not outcome.ok
    assert "rdb_last_bgsave_status" in outcome.summary
    assert "Check its disk" in outcome.summary


def test_a_login_that_may_not_write_is_red(run: Any, url: str) -> None:
    password = secrets.token_hex(8)
    with bullmq.connect(url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", f">{password}", "~*", "+@all", "-@write")
        try:
            outcome = run(
                address=url.replace("redis://:", "redis://reader:").replace(password_of(url), password)
            )
        finally:
            client.execute_command("ACL", "DELUSER", "reader")
    assert not outcome.ok
    assert "A write to bull:… is refused: NOPERM" in outcome.summary


def password_of(url: str) -> str:
    return urlsplit(url).password or ""


def test_a_replica_is_red(run: Any, url: str) -> None:
    with bullmq.connect(url) as client:
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
    with pytest.raises(Unreachable, match="WRONGPASS") as refused:
        run(address=wrong)
    assert wrong.partition("@")[0].rpartition(":")[2] not in str(refused.value)
    with pytest.raises(Unreachable, match="Nobody listens"):
        run(address=f"redis://:x@127.0.0.1:{free_port()}/0")


def test_it_can_be_cancelled(run: Any, new_context: Any, url: str) -> None:
    with pytest.raises(Cancelled):
        run(Recorder(cancel_when=lambda report: True))
    values = ACTION.bind({"redis": "queue"}, new_context({"queue": {"kind": "redis", "url": url}}))
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE
    assert "PING" in "".join(ACTION.preview(values).lines)


@contextmanager
def login(url: str, *rights: str) -> Iterator[str]:
    """The address with a user that has these rights."""
    password = secrets.token_hex(8)
    with bullmq.connect(url) as client:
        client.execute_command("ACL", "SETUSER", "stack", "on", f">{password}", *rights)
        try:
            yield url.replace("redis://:", "redis://stack:").replace(password_of(url), password)
        finally:
            client.execute_command("ACL", "DELUSER", "stack")


def test_a_login_that_may_write_only_below_the_queues_prefix_passes(run: Any, url: str) -> None:
    with login(url, "~bull:*", "+@all") as address:
        outcome = run(address=address)
    assert outcome.ok, outcome.summary


def test_a_login_of_one_queue_passes_when_the_queue_is_named(run: Any, url: str) -> None:
    with login(url, "~bull:mails:*", "+@all") as address:
        beside, named = run(address=address), run(address=address, queue="mails")
    assert "NOPERM" in beside.summary
    assert named.ok, named.summary


def test_what_a_login_may_not_read_is_not_known_and_the_rest_is_checked(run: Any, url: str) -> None:
    report = Recorder()
    with login(url, "~bull:*", "+@all", "-@dangerous", "-time", "-client|setname") as address:
        outcome = run(report, address=address)
    assert not outcome.ok
    for words in ("Version, role and cluster mode are not known: NOPERM", "+info", "Its clock is not known"):
        assert words in outcome.summary
    checks = report.facts["redis"]["checks"]
    assert {"ok": True, "saw": "A key of the panel's own was written, read and deleted."} in checks


@pytest.mark.parametrize("password", ["Gehe1m/x", "Gehe1m#x", "Gehe1m?x"])
def test_an_address_torn_by_its_password_is_explained_without_it(run: Any, password: str) -> None:
    with pytest.raises(Problem) as refused:
        run(address=f"redis://:{password}@127.0.0.1:1/0")
    assert "cannot be read" in refused.value.what
    assert "Gehe1m" not in f"{refused.value}{refused.value.means}{refused.value.next}"


def test_what_the_server_said_is_passed_on(run: Any, url: str) -> None:
    with bullmq.connect(url) as client:
        client.config_set("maxclients", "1")
        try:
            with pytest.raises(Unreachable, match="max number of clients"):
                run()
        finally:
            client.config_set("maxclients", "1000")
