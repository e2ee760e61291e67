"""Two panels on one Redis: with one number they refuse to start, with two they hear nothing of each other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from checklists import redis_owner
from checklists.announcements import channel
from checklists.management.commands import dispatcher
from checklists.redis_owner import KEY, RedisOwner, refuse_shared_redis
from cutover.embedded import Valkey
from integrations.errors import Problem

pytestmark = pytest.mark.django_db
OTHER = json.dumps(["7000000000000000000/5", "staging at db.internal"])


@pytest.fixture
def client_of_redis(settings: LazySettings, valkey_server: Valkey) -> Iterator[redis.Redis]:
    """The one that this panel uses, in a database of its own, without a key at the beginning."""
    settings.REDIS_URL = valkey_server.url.replace("db=0", "db=5")
    with redis.Redis.from_url(settings.REDIS_URL) as made:
        made.delete(KEY)
        yield made
        made.delete(KEY)


def test_a_panel_knows_its_own_key_and_gives_it_up(client_of_redis: redis.Redis) -> None:
    one, again = RedisOwner(), RedisOwner()
    assert one.identity
    assert (one.hold(), one.hold(), again.hold(), again.find_other()) == ("", "", "", "")
    refuse_shared_redis(again)
    assert 0 < client_of_redis.pttl(KEY) <= redis_owner.KEPT * 1000
    one.release()
    assert client_of_redis.get(KEY) is None


def test_the_key_of_another_panel_is_neither_taken_nor_given_up(client_of_redis: redis.Redis) -> None:
    client_of_redis.set(KEY, OTHER)
    owner = RedisOwner()
    assert owner.hold() == owner.find_other() == "staging at db.internal"
    owner.release()
    assert client_of_redis.get(KEY) == OTHER.encode()


def test_a_server_that_does_not_tell_its_identity_is_said_to_leave_it_unknown(
    client_of_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client_of_redis.set(KEY, OTHER)
    monkeypatch.setattr(redis_owner, "IDENTITY", "SELECT 'no identity' FROM pg_database WHERE false")
    refuse_shared_redis(RedisOwner())
    assert "it is not known whether another panel uses" in caplog.text


def test_a_panel_that_was_stopped_is_waited_for(client_of_redis: redis.Redis) -> None:
    client_of_redis.set(KEY, OTHER, px=400)
    began = time.monotonic()
    refuse_shared_redis(RedisOwner())
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("command", [["dispatcher"], ["worker", "--queues", "steps"]], ids=lambda one: one[0])
def test_nothing_that_takes_or_sends_messages_starts_beside_another_panel(
    command: list[str], client_of_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_owner, "KEPT", -2.0)  # waits for nobody
    client_of_redis.set(KEY, OTHER)
    with pytest.raises(CommandError, match="used by another panel, whose database is staging") as refused:
        call_command(*command)
    assert "another number at the end of REDIS_URL" in str(refused.value)


def test_the_health_page_tells_it(client: Client, client_of_redis: redis.Redis) -> None:
    client_of_redis.set(KEY, OTHER)
    found = client.get("/health/ready").json()["checks"]["redis"]
    assert found["ok"] is False
    assert "staging at db.internal" in found["words"]


@pytest.mark.parametrize("held", [b"", b"\xff", b"7", b"[]", b'["x"]', b"{}"])
def test_a_key_that_no_panel_wrote_is_somebody_elses(
    held: bytes, client_of_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_of_redis.set(KEY, held)
    monkeypatch.setattr(redis_owner, "KEPT", -2.0)
    with pytest.raises(Problem, match="no panel"):
        refuse_shared_redis(RedisOwner())


def test_announcements_do_not_reach_a_panel_with_another_number(
    settings: LazySettings, client_of_redis: redis.Redis, valkey_server: Valkey
) -> None:
    """Redis itself sends them to everybody who listens, whatever number the listener has."""
    with client_of_redis.pubsub(ignore_subscribe_messages=True) as heard:
        heard.psubscribe(channel("*"))
        heard.get_message(timeout=1)
        own = channel(7)
        settings.REDIS_URL = valkey_server.url.replace("db=0", "db=6")
        with redis.Redis.from_url(settings.REDIS_URL) as of_other:
            of_other.publish(channel(7), "changed")
            of_other.publish(own, "the last one")
        words = []
        while (message := heard.get_message(timeout=1)) is not None:
            words.append(message["data"])
    assert words == [b"the last one"]


def test_without_redis_nothing_is_checked(settings: LazySettings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    owner = RedisOwner()
    refuse_shared_redis(owner)
    assert owner.hold() == ""
    owner.release()


def test_a_dispatcher_that_meets_another_panel_later_goes_on_and_says_it_once(
    client_of_redis: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    client_of_redis.set(KEY, OTHER)
    owner = RedisOwner()
    for _ in range(3):
        dispatcher._scan(owner)
    assert [each.levelname for each in caplog.records if "used by another panel" in each.message] == ["ERROR"]
    client_of_redis.delete(KEY)
    dispatcher._scan(owner)
    assert owner.told == ""
