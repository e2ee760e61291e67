"""Properties of a Redis or Valkey server that a queue depends on, and what an answer of it proves.

What a server or its ACL does not let a login read is not known, and what is not known is not right.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import redis

from integrations.clients.redis_causes import find_cause, server_line
from integrations.clients.redis_server import RedisClient

OLDEST_VERSION = "6.2"  # required by BullMQ 5
MEMORY_LIMIT = 0.9  # of maxmemory
CLOCK_LIMIT = 5.0  # seconds between our clock and the server's: delayed jobs would run early or late
SETTINGS = ("maxmemory-policy", "appendonly", "save")

T = TypeVar("T")


@dataclass(frozen=True)
class RedisProperty:
    """One property of the server: what was observed, whether that is right, and the remedy if not.

    ``measured``: what was observed differs from one moment to the next although nothing changed.
    """

    ok: bool
    observed: str
    remedy: str = ""
    measured: bool = False


@dataclass(frozen=True)
class RedisAnswers:
    """What the server reports: INFO and CONFIG, empty where this login may not read them, with the reason in
    ``refused`` by the command's name."""

    info: Mapping[str, Any]
    config: Mapping[str, str]
    refused: Mapping[str, str]

    @property
    def policy(self) -> str | None:
        """What the server deletes when memory runs out; most servers report it in INFO as well."""
        return self.config.get("maxmemory-policy") or self.info.get("maxmemory_policy")


def read_answers(client: RedisClient) -> RedisAnswers:
    """Asks for everything; a refused command is kept as its reason."""
    refused: dict[str, str] = {}
    info = _ask("INFO", client.info, refused) or {}
    found = _ask("CONFIG GET", lambda: client.config_get(*SETTINGS), refused) or {}
    return RedisAnswers(info, {str(name): str(value) for name, value in found.items()}, refused)


def _ask(command: str, ask: Callable[[], T], refused: dict[str, str]) -> T | None:
    try:
        return ask()
    except redis.ResponseError as error:
        refused[command] = server_line(error)
        return None


def check_server(answers: RedisAnswers, oldest: str) -> list[RedisProperty]:
    """Version, role and cluster mode."""
    if "INFO" in answers.refused:
        return [
            RedisProperty(
                False,
                f"Version, role and cluster mode are not known: {answers.refused['INFO']}.",
                "BullMQ itself reads INFO when it connects: give the login +info.",
            )
        ]
    version, role = str(answers.info.get("redis_version", "")), answers.info.get("role", "not known")
    in_cluster = bool(answers.info.get("cluster_enabled"))
    return [
        RedisProperty(
            _version_numbers(version) >= _version_numbers(oldest),
            f"It speaks Redis {version or 'of an unknown version'}.",
            f"{oldest} or later is needed, by BullMQ 5 at least {OLDEST_VERSION}: upgrade the server.",
        ),
        RedisProperty(
            role == "master",
            f"Its role is {role}.",
            "Name the primary in its address: a replica accepts no jobs.",
        ),
        RedisProperty(
            not in_cluster,
            f"Cluster mode is {'on' if in_cluster else 'off'}.",
            "BullMQ needs a {hash tag} in its prefix there; use a server without cluster mode.",
        ),
    ]


def _version_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def check_persistence(answers: RedisAnswers) -> list[RedisProperty]:
    """Whether a job survives full memory, a restart and a disk that fails."""
    shown = answers.policy or "not known: this login may not read CONFIG, and INFO does not report it"
    parts = ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
    failed = [name for name in parts if answers.info.get(name, "ok") != "ok"]
    known = "INFO" not in answers.refused
    return [
        RedisProperty(
            answers.policy == "noeviction",
            f"Eviction policy: {shown}.",
            "With any other policy jobs are deleted when memory runs out: set noeviction.",
        ),
        _check_disk(answers),
        RedisProperty(
            known and not failed,
            f"Last writes to disk: {(', '.join(failed) or 'ok') if known else 'not known'}.",
            "Check its disk and its log.",
        ),
    ]


def _check_disk(answers: RedisAnswers) -> RedisProperty:
    """INFO reports the append-only file, but only CONFIG reports snapshots."""
    if answers.info.get("aof_enabled") or answers.config.get("appendonly") == "yes":
        return RedisProperty(True, "On disk: append-only file.")
    if answers.config.get("save"):
        return RedisProperty(True, "On disk: snapshots only.")
    if answers.config:
        return RedisProperty(
            False,
            "On disk: nothing.",
            "After a restart every waiting job would be lost: set appendonly yes.",
        )
    what = "whether there is an append-only file" if "INFO" in answers.refused else "no append-only file"
    return RedisProperty(
        False,
        f"On disk: {what}; whether snapshots are taken is not known, since this login may not read CONFIG.",
        "Check with another login (CONFIG GET save), or set appendonly yes.",
    )


def check_memory(answers: RedisAnswers) -> RedisProperty:
    """Whether memory is nearly used up; without INFO that is not known."""
    if "INFO" in answers.refused:
        return RedisProperty(False, "Memory: not known.", "Give the login +info, or ask its operator.")
    used, limit = int(answers.info.get("used_memory", 0)), int(answers.info.get("maxmemory", 0))
    share = f" of {limit / 1e6:.0f} MB" if limit else ", without a limit"
    return RedisProperty(
        not limit or used < MEMORY_LIMIT * limit,
        f"Memory: {used / 1e6:.1f} MB{share}.",
        "Beyond its limit it refuses every new job: give it more memory.",
        measured=True,
    )


def check_clock(client: RedisClient) -> RedisProperty:
    """Compares the server's clock with ours at the middle of the request."""
    started = time.time()
    refused: dict[str, str] = {}
    told = _ask("TIME", client.time, refused)
    if told is None:
        return RedisProperty(
            False, f"Its clock is not known: {refused['TIME']}.", "Give the login +time, or look on its host."
        )
    difference = told[0] + told[1] / 1e6 - (started + time.time()) / 2
    return RedisProperty(
        abs(difference) < CLOCK_LIMIT,
        f"Its clock is {difference:+.2f} s from ours.",
        "Delayed jobs and schedules would run early or late: set both clocks by NTP.",
        measured=True,
    )


def check_write(client: RedisClient, prefix: str, attempt: str) -> RedisProperty:
    """Below the queues' prefix: a login of the stack often may write nowhere else."""
    key = f"{prefix}:cutover-check-{attempt or 'preview'}"
    try:
        client.set(key, "1", ex=60)
        ok = client.get(key) == "1" and client.delete(key) == 1
    except (redis.ResponseError, redis.exceptions.ClusterError) as error:
        return RedisProperty(
            False,
            f"A write to {prefix}:… is refused: {server_line(error)}.",
            find_cause(error, server_line(error)).advice,
        )
    return RedisProperty(
        ok, "A key of the panel's own was written, read and deleted.", "Something else changes our keys."
    )
