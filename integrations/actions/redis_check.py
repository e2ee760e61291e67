"""Checks that the queue's Redis can be reached, loses no job, and accepts writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from django import forms

from integrations import actions
from integrations.clients import redis_server
from integrations.clients.redis_server import RedisClient
from integrations.environment.redis_traits import (
    OLDEST_VERSION,
    RedisAnswers,
    RedisProperty,
    check_clock,
    check_memory,
    check_persistence,
    check_server,
    check_write,
    read_answers,
)
from integrations.systems import System

PINGS = 20


@dataclass(frozen=True)
class RedisCheckParams(actions.ActionParams):
    """The server, and the limits that it is checked against."""

    redis: System
    queue: str
    version: str
    max_ping_ms: float | None


class LatencyFacts(TypedDict):
    """Duration of a PING in milliseconds."""

    median: float
    p95: float


class RedisCheckFacts(TypedDict, total=False):
    """One check: whether the server passed it, and what was observed: ``measured`` where that differs from
    one moment to the next, else ``saw``."""

    ok: bool
    saw: str
    measured: str


class RedisFacts(TypedDict):
    """The server. What it does not report, or does not let this login read, is None."""

    address: str
    product: str
    version: str | None
    policy: str | None
    appendonly: str | None
    role: str | None
    replicas: int | None
    used_bytes: int | None
    maxmemory_bytes: int | None
    config_readable: bool
    ping_ms: LatencyFacts
    checks: list[RedisCheckFacts]


class RedisCheckEvidence(TypedDict, total=False):
    """The server that was checked."""

    redis: RedisFacts


@actions.register
class RedisCheck(actions.ReadOnlyAction[RedisCheckParams, RedisCheckEvidence]):
    """Reads what the server reports, and writes one key of its own, which it deletes again.

    A lost attempt leaves at most that key. Its name is the attempt's, and it expires after a minute.
    """

    key, title = "redis.check", "Check Redis for the queues"
    texts_shown = True
    public_params = frozenset({"queue", "version"})
    deadline = timedelta(minutes=2)

    class Params(actions.ActionForm):
        """``redis``: the server that the new stack uses; ``queue``: where its login may write keys of one
        queue only; ``version``: the oldest version allowed (default 6.2); ``max_ping_ms``: the longest that
        95 of 100 PINGs may take; without it the time is reported, not judged."""

        redis = actions.SystemField(kind="redis")
        queue = forms.CharField(max_length=100, required=False)
        version = forms.RegexField(r"^\d+\.\d+$", required=False)
        max_ping_ms = forms.FloatField(min_value=0, required=False)

    def preview(self, params: RedisCheckParams) -> actions.Preview:
        """The commands."""
        lines = [
            "INFO, TIME, CONFIG GET maxmemory-policy appendonly save",
            f"PING, {PINGS} times",
            "SET and DEL of one key of the panel's own",
        ]
        return actions.Preview(lines, where=redis_server.address(params.redis["url"]))

    def run(self, params: RedisCheckParams, report: actions.RunReport[RedisCheckEvidence]) -> actions.Outcome:
        """Logs every property; a verdict names each that is wrong, with its remedy."""
        with redis_server.connect(params.redis["url"]) as client:
            answers, latency = read_answers(client), _measure_latency(client, report)
            checks = [
                *check_server(answers, params.version or OLDEST_VERSION),
                *check_persistence(answers),
                check_memory(answers),
                check_clock(client),
                _check_latency(latency, params.max_ping_ms),
                check_write(client, _key_prefix(params), params.context.attempt),
            ]
        for check in checks:
            report.log(f"{'✓' if check.ok else '✗'} {check.observed}")
        facts = _facts(redis_server.address(params.redis["url"]), answers, latency, checks)
        report.evidence({"redis": facts})
        wrong = [check for check in checks if not check.ok]
        if wrong:
            return actions.Outcome(False, " ".join(f"{check.observed} {check.remedy}" for check in wrong))
        return actions.Outcome(
            True,
            f"{facts['product']} {facts['version']}: keeps every job, answers in {latency['median']} ms.",
        )


def _key_prefix(params: RedisCheckParams) -> str:
    prefix: str = params.redis.get("prefix", "bull")
    return f"{prefix}:{params.queue}" if params.queue else prefix


def _facts(
    address: str, answers: RedisAnswers, latency: LatencyFacts, checks: list[RedisProperty]
) -> RedisFacts:
    info = answers.info
    return {
        "address": address,
        "product": info.get("server_name", "redis"),
        "version": info.get("valkey_version") or info.get("redis_version"),
        "policy": answers.policy,
        "appendonly": answers.config.get("appendonly"),
        "role": info.get("role"),
        "replicas": info.get("connected_slaves"),
        "used_bytes": info.get("used_memory"),
        "maxmemory_bytes": info.get("maxmemory"),
        "config_readable": bool(answers.config),
        "ping_ms": latency,
        "checks": [
            {"ok": check.ok, "measured" if check.measured else "saw": check.observed}  # type: ignore[misc]  # a key of two is chosen
            for check in checks
        ],
    }


def _check_latency(latency: LatencyFacts, limit: float | None) -> RedisProperty:
    observed = f"PING: {latency['median']} ms, 95 of 100 within {latency['p95']} ms."
    remedy = f"The limit is {limit} ms: check its load, and the network between." if limit else ""
    return RedisProperty(limit is None or latency["p95"] <= limit, observed, remedy, measured=True)


def _measure_latency(client: RedisClient, report: actions.Report) -> LatencyFacts:
    times = []
    for number in range(PINGS):
        report.raise_if_cancelled()
        report.progress(number, PINGS, "PING")
        started = time.monotonic()
        client.ping()
        times.append((time.monotonic() - started) * 1000)
    times.sort()
    return {"median": round(times[PINGS // 2], 2), "p95": round(times[int(PINGS * 0.95)], 2)}
