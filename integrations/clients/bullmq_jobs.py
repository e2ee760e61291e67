"""Adds a job to a BullMQ queue and removes it, through BullMQ's own library."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from integrations.clients.redis_server import TIMEOUT, address, open_asynchronous
from integrations.errors import Unreachable

T = TypeVar("T")


def add_job(
    url: str,
    queue: str,
    prefix: str,
    name: str,
    data: Mapping[str, Any],
    job: str = "",
    options: Mapping[str, Any] | None = None,
) -> str:
    """Adds a job as BullMQ itself does, and gives its id (``job`` where that is given).

    Without ``options`` the job is tried once. It is kept after it ended, so that its state can be read.
    Raises `Unreachable`.
    """
    import bullmq  # here: it is slow to import, and only a canary needs it

    kept = {"removeOnComplete": 100, "removeOnFail": 100, **(options or {})}

    async def add() -> str:
        one = bullmq.Queue(queue, {"connection": open_asynchronous(url), "prefix": prefix})
        try:
            return str((await one.add(name, dict(data), {**kept, **({"jobId": job} if job else {})})).id)
        finally:
            await one.close()

    return _run_within_timeout(url, add())


def remove_job(url: str, queue: str, prefix: str, job: str) -> bool:
    """Removes a job in whatever state; False while a worker holds it. Raises `Unreachable`."""
    import bullmq

    async def take_away() -> bool:
        one = bullmq.Queue(queue, {"connection": open_asynchronous(url), "prefix": prefix})
        try:
            return bool(await one.backend.remove(job, True))
        finally:
            await one.close()

    return _run_within_timeout(url, take_away())


def _run_within_timeout(url: str, work: Coroutine[Any, Any, T]) -> T:
    """The result of a call of BullMQ's library, which by itself retries for ever. Raises `Unreachable`."""
    try:
        return asyncio.run(asyncio.wait_for(work, TIMEOUT))
    except TimeoutError:
        raise Unreachable(
            f"Redis at {address(url)} stopped answering.",
            means="Whether the canary was added or removed is not known.",
            next="Look at its server; then try again.",
        ) from None
