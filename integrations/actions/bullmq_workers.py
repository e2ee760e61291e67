"""Compares the workers that are connected to a queue with the programs that ought to have one each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from integrations.clients.bullmq import Queue
from integrations.clients.platform import ServiceStatus, get_platform
from integrations.clients.redis_causes import server_line
from integrations.systems import System


@dataclass(frozen=True)
class WorkerCount:
    """The hosts of the connected workers, how many are required, and the services that have one each."""

    hosts: list[str]
    least: int
    services: list[ServiceStatus]
    unknown: str = ""  # why the connections could not be read

    @property
    def expected(self) -> int:
        """One for each running replica of the services; without services the required number."""
        return sum(one.ready for one in self.services) if self.services else self.least

    @property
    def is_right(self) -> bool:
        """Whether nothing is to be said about them."""
        return not find_wrong_workers("", self)


def count_workers(
    queue: Queue, least: int, platform: System | None, services: Sequence[str], attempt: str
) -> WorkerCount:
    """Reads the connections of the queue and the status of the services on their platform."""
    found: list[ServiceStatus] = []
    if platform and services:
        status = get_platform(platform).read_status(attempt)
        found = [
            status.get(name) or ServiceStatus(name, "not known to the platform", 1, 0) for name in services
        ]
    try:
        return WorkerCount(queue.worker_addresses(), least, found)
    except redis.ResponseError as error:
        return WorkerCount([], least, found, server_line(error))


def find_wrong_workers(queue: str, count: WorkerCount) -> list[str]:
    """What is wrong with them. A canary alone proves little: the API may take it, and no worker may run."""
    connected = len(count.hosts)
    if count.unknown and (count.least or count.services):
        return [
            f"Whether workers of {queue} are connected is not known: {count.unknown}. Give the login "
            "+client|list, which BullMQ's getWorkers needs too; or set workers: 0 and prove one by a canary."
        ]
    if count.unknown:
        return []
    if down := [str(one) for one in count.services if not one.is_up]:
        return [f"A program that has to take jobs of {queue} does not run: {'; '.join(down)}. Read its log."]
    if connected < max(count.expected, count.least):
        wanted, who = max(count.expected, count.least), ", ".join(one.name for one in count.services)
        of = f" ({who} have one for each replica)" if who else ""
        return [f"{connected} worker(s) of {queue} are connected instead of {wanted}{of}. Start the worker."]
    if count.services and connected > count.expected:
        return [
            f"{connected} workers of {queue} are connected, and the platform runs {count.expected}: some "
            f"other program takes its jobs. Their hosts: {', '.join(count.hosts)}. Stop it, or name its "
            "service in services:."
        ]
    return []
