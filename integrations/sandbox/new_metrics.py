"""Metrics of the new stack in Prometheus's text format (prometheus.io/docs/instrumenting/exposition_formats).

The recorded API has none; with the repair `no-metrics` it answers ``GET /metrics``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

import redis

from integrations.sandbox.new_tasks import PREFIX, QUEUE
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Answering, Asked

PATH = "/metrics"
KIND = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


class Measured:
    """An application whose answers are counted by status, and which tells how its queue stands."""

    def __init__(self, answering: Answering, environ: Mapping[str, str]) -> None:
        self.answering, self.queue = answering, environ.get("REDIS_URL", "")
        self.repairs, self.lock = AppliedRepairs.of(environ), threading.Lock()
        self.statuses: Counter[int] = Counter()

    def __call__(self, asked: Asked) -> Answer:
        """The application's own answer, or the metrics."""
        if (asked.method, asked.path) == ("GET", PATH) and self.repairs.has("no-metrics"):
            return Answer(200, self._text(), KIND)
        answer = self.answering(asked)
        with self.lock:
            self.statuses[answer.status] += 1
        return answer

    def _text(self) -> str:
        lines = ["# TYPE http_requests_total counter"]
        with self.lock:
            lines += [f'http_requests_total{{status="{s}"}} {n}' for s, n in sorted(self.statuses.items())]
        for name, number in self._depth().items():
            lines += [f"# TYPE {name} gauge", f'{name}{{queue="{QUEUE}"}} {number}']
        return "\n".join(lines) + "\n"

    def _depth(self) -> dict[str, int]:
        """The jobs that wait and that failed; nothing while the queue does not answer."""
        base = f"{PREFIX}:{QUEUE}"
        try:
            client = redis.Redis.from_url(self.queue, socket_timeout=2, socket_connect_timeout=2)
            try:
                waiting, failed = client.llen(f"{base}:wait"), client.zcard(f"{base}:failed")
            finally:
                client.close()
        except (redis.RedisError, ValueError):
            return {}
        return {"bullmq_jobs_waiting": int(str(waiting)), "bullmq_jobs_failed": int(str(failed))}
