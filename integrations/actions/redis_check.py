"""Checks that the queue's Redis can be reached, loses no job, and can be written to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import bullmq

OLDEST = (6, 2)  # what BullMQ 5 asks for
PINGS = 20
FULL = 0.9  # of maxmemory


@register
class RedisCheck(Action):
    """Reads what the server says of itself, and writes one key of our own that is taken away again."""

    key, title = "redis.check", "Check Redis for the queues"
    effect = Effect.PURE  # its own key lives for seconds, under a name that nobody else has
    deadline = timedelta(minutes=2)

    class Params(ActionForm):
        """``redis``: the server that the new stack's REDIS_URL names."""

        redis = SystemField(kind="redis")

    def preview(self, params: Values) -> Preview:
        """The questions."""
        lines = [
            "INFO, CONFIG GET maxmemory-policy appendonly save",
            f"PING, {PINGS} times",
            "SET and DEL of one key of our own",
        ]
        return Preview(lines, where=bullmq.address(params.redis["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Every finding is a line; one that is wrong makes the verdict red, with its remedy."""
        with bullmq.connected(params.redis["url"]) as client:
            info: dict[str, Any] = client.info()
            config = _config(client)
            checks = [*_server(info), *_keeping(info, config), _memory(info), _written(client, params)]
            latency = _latency(client, report)
        for check in checks:
            report.log(f"{'✓' if check.ok else '✗'} {check.saw}")
        version = info.get("valkey_version") or info.get("redis_version")
        product = info.get("server_name", "redis")
        report.evidence(
            redis={
                "address": bullmq.address(params.redis["url"]),
                "product": product,
                "version": version,
                "policy": config.get("maxmemory-policy"),
                "appendonly": config.get("appendonly"),
                "ping_ms": latency,
                "checks": [{"ok": check.ok, "saw": check.saw} for check in checks],
            }
        )
        wrong = [check for check in checks if not check.ok]
        if wrong:
            return Outcome(False, " ".join(f"{check.saw} {check.remedy}" for check in wrong))
        return Outcome(True, f"{product} {version}: keeps every job, answers in {latency['median']} ms.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing behind: its key ends by itself."""
        return Finding(Seen.NOT_DONE, "This only looks; its own key ends by itself after a minute.")


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was seen, whether that is right, and what to do when not."""

    ok: bool
    saw: str
    remedy: str = ""


def _config(client: bullmq.Client) -> dict[str, str]:
    """The settings that matter; a managed server may forbid CONFIG, and then they are not known."""
    try:
        found = client.config_get("maxmemory-policy", "appendonly", "save")
        return {str(name): str(value) for name, value in found.items()}
    except redis.ResponseError:
        return {}


def _server(info: Mapping[str, Any]) -> list[Check]:
    version = str(info.get("redis_version", "0.0"))
    number = tuple(int(part) for part in version.split(".")[:2])
    role = info.get("role", "?")
    return [
        Check(number >= OLDEST, f"It speaks Redis {version}.", "BullMQ 5 needs 6.2 or later."),
        Check(
            role == "master", f"Its role is {role}.", "Name the primary in REDIS_URL: a replica takes no job."
        ),
        Check(
            not info.get("cluster_enabled"),
            f"Cluster mode is {'on' if info.get('cluster_enabled') else 'off'}.",
            "BullMQ needs a {hash tag} in its prefix there; take a server without cluster mode.",
        ),
    ]


def _keeping(info: Mapping[str, Any], config: Mapping[str, str]) -> list[Check]:
    policy = config.get("maxmemory-policy") or info.get("maxmemory_policy")
    said = str(policy or "not known: the server forbids CONFIG and does not tell")
    remedy = "With any other policy jobs are thrown away when memory runs out: set noeviction."
    appends, saves = bool(info.get("aof_enabled")), bool(config.get("save"))
    how = (
        "append-only file" if appends else "snapshots only" if saves else "nothing" if config else "not known"
    )
    failed = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
        if info.get(name, "ok") != "ok"
    ]
    return [
        Check(policy == "noeviction", f"Eviction policy: {said}.", remedy),
        Check(
            appends or saves,
            f"On disk: {how}.",
            "After a restart every waiting job would be gone: set appendonly yes.",
        ),
        Check(
            not failed, f"Last writes to disk: {', '.join(failed) or 'ok'}.", "Look at its disk and its log."
        ),
    ]


def _memory(info: Mapping[str, Any]) -> Check:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    share = f" of {most / 1e6:.0f} MB" if most else ", without a limit"
    remedy = "Beyond its limit it refuses every new job: give it more memory."
    return Check(not most or used < FULL * most, f"Memory: {used / 1e6:.1f} MB{share}.", remedy)


def _written(client: bullmq.Client, params: Values) -> Check:
    key = f"cutover:check:{params.context.attempt or 'preview'}"
    try:
        client.set(key, "1", ex=60)
        ok = client.get(key) == "1"
        client.delete(key)
    except redis.ResponseError as error:
        return Check(False, f"A write is refused: {error}.", "Give the login the right to write.")
    return Check(ok, "A key of our own was written, read and deleted.", "Something else changes our keys.")


def _latency(client: bullmq.Client, report: Report) -> dict[str, float]:
    times = []
    for number in range(PINGS):
        report.raise_if_cancelled()
        report.progress(number, PINGS, "PING")
        began = time.monotonic()
        client.ping()
        times.append((time.monotonic() - began) * 1000)
    times.sort()
    return {"median": round(times[PINGS // 2], 2), "p95": round(times[int(PINGS * 0.95)], 2)}
