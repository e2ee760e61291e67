"""Checks that the queue's Redis can be reached, loses no job, and can be written to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from django import forms

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
from integrations.clients import redis_server

OLDEST = "6.2"  # what BullMQ 5 asks for
PINGS = 20
FULL = 0.9  # of maxmemory
SKEW = 5.0  # seconds between our clock and the server's: delayed jobs would run early or late


@register
class RedisCheck(Action):
    """Reads what the server says of itself, and writes one key of our own that is taken away again."""

    key, title = "redis.check", "Check Redis for the queues"
    effect = Effect.PURE  # its own key lives for seconds, under a name that nobody else has
    deadline = timedelta(minutes=2)

    class Params(ActionForm):
        """``redis``: the server that the new stack's REDIS_URL names; ``version``: the oldest that will do
        (default 6.2); ``max_ping_ms``: the longest that 95 of 100 answers may take, else told, not judged."""

        redis = SystemField(kind="redis")
        version = forms.RegexField(r"^\d+\.\d+$", required=False)
        max_ping_ms = forms.FloatField(min_value=0, required=False)

    def preview(self, params: Values) -> Preview:
        """The questions."""
        lines = [
            "INFO, TIME, CONFIG GET maxmemory-policy appendonly save",
            f"PING, {PINGS} times",
            "SET and DEL of one key of our own",
        ]
        return Preview(lines, where=redis_server.address(params.redis["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Every finding is a line; one that is wrong makes the verdict red, with its remedy."""
        with redis_server.connected(params.redis["url"]) as client:
            info: dict[str, Any] = client.info()
            config, latency = _config(client), _latency(client, report)
            checks = [*_server(info, params.version or OLDEST), *_keeping(info, config), _memory(info)]
            checks += [_clock(client), _answering(latency, params.max_ping_ms), _written(client, params)]
        for check in checks:
            report.log(f"{'✓' if check.ok else '✗'} {check.saw}")
        version = info.get("valkey_version") or info.get("redis_version")
        product = info.get("server_name", "redis")
        report.evidence(
            redis={
                "address": redis_server.address(params.redis["url"]),
                "product": product,
                "version": version,
                "policy": _policy(info, config),
                "appendonly": config.get("appendonly"),
                "role": info.get("role"),
                "replicas": info.get("connected_slaves"),
                "used_bytes": info.get("used_memory"),
                "maxmemory_bytes": info.get("maxmemory"),
                "config_readable": bool(config),
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


def _config(client: redis_server.Client) -> dict[str, str]:
    """The settings that matter; empty where the server or its ACL forbids CONFIG: then they are not known."""
    try:
        found = client.config_get("maxmemory-policy", "appendonly", "save")
        return {str(name): str(value) for name, value in found.items()}
    except redis.ResponseError:
        return {}


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _server(info: Mapping[str, Any], oldest: str) -> list[Check]:
    version = str(info.get("redis_version", "0.0"))
    role = info.get("role", "?")
    return [
        Check(
            _number(version) >= _number(oldest),
            f"It speaks Redis {version}.",
            f"{oldest} or later is needed, by BullMQ 5 at least {OLDEST}: upgrade the server.",
        ),
        Check(
            role == "master", f"Its role is {role}.", "Name the primary in REDIS_URL: a replica takes no job."
        ),
        Check(
            not info.get("cluster_enabled"),
            f"Cluster mode is {'on' if info.get('cluster_enabled') else 'off'}.",
            "BullMQ needs a {hash tag} in its prefix there; take a server without cluster mode.",
        ),
    ]


def _policy(info: Mapping[str, Any], config: Mapping[str, str]) -> str | None:
    """What it throws away when memory runs out; most servers say so in INFO as well."""
    return config.get("maxmemory-policy") or info.get("maxmemory_policy")


def _keeping(info: Mapping[str, Any], config: Mapping[str, str]) -> list[Check]:
    policy = _policy(info, config)
    said = str(policy or "not known: this login may not read CONFIG, and INFO does not tell")
    remedy = "With any other policy jobs are thrown away when memory runs out: set noeviction."
    kept, how, why = _on_disk(info, config)
    failed = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
        if info.get(name, "ok") != "ok"
    ]
    return [
        Check(policy == "noeviction", f"Eviction policy: {said}.", remedy),
        Check(kept, f"On disk: {how}.", why),
        Check(
            not failed, f"Last writes to disk: {', '.join(failed) or 'ok'}.", "Look at its disk and its log."
        ),
    ]


def _on_disk(info: Mapping[str, Any], config: Mapping[str, str]) -> tuple[bool, str, str]:
    """Whether jobs outlive a restart, how, and what to do when not. INFO tells of the append-only file, only
    CONFIG of snapshots; a login may not be allowed to read that: it is not known then, and not green."""
    if info.get("aof_enabled"):
        return True, "append-only file", ""
    if config.get("save"):
        return True, "snapshots only", ""
    if config:
        return False, "nothing", "After a restart every waiting job would be gone: set appendonly yes."
    return (
        False,
        "no append-only file; whether snapshots are taken is not known, since this login may not read CONFIG",
        "Look by another login (CONFIG GET save), or set appendonly yes.",
    )


def _clock(client: redis_server.Client) -> Check:
    """The server's clock against ours, half of the way there and back taken off."""
    began = time.time()
    seconds, micros = client.time()
    apart = seconds + micros / 1e6 - (began + time.time()) / 2
    remedy = "Delayed jobs and schedules would run early or late: set both clocks by NTP."
    return Check(abs(apart) < SKEW, f"Its clock is {apart:+.2f} s from ours.", remedy)


def _answering(latency: Mapping[str, float], most: float | None) -> Check:
    said = f"PING: {latency['median']} ms, 95 of 100 within {latency['p95']} ms."
    remedy = f"{most} ms are borne: look at its load, and at the way there." if most else ""
    return Check(most is None or latency["p95"] <= most, said, remedy)


def _memory(info: Mapping[str, Any]) -> Check:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    share = f" of {most / 1e6:.0f} MB" if most else ", without a limit"
    remedy = "Beyond its limit it refuses every new job: give it more memory."
    return Check(not most or used < FULL * most, f"Memory: {used / 1e6:.1f} MB{share}.", remedy)


def _written(client: redis_server.Client, params: Values) -> Check:
    key = f"cutover:check:{params.context.attempt or 'preview'}"
    try:
        client.set(key, "1", ex=60)
        ok = client.get(key) == "1" and client.delete(key) == 1
    except redis.ResponseError as error:
        return Check(False, f"A write is refused: {error}.", "Give the login the right to write.")
    return Check(ok, "A key of our own was written, read and deleted.", "Something else changes our keys.")


def _latency(client: redis_server.Client, report: Report) -> dict[str, float]:
    times = []
    for number in range(PINGS):
        report.raise_if_cancelled()
        report.progress(number, PINGS, "PING")
        began = time.monotonic()
        client.ping()
        times.append((time.monotonic() - began) * 1000)
    times.sort()
    return {"median": round(times[PINGS // 2], 2), "p95": round(times[int(PINGS * 0.95)], 2)}
