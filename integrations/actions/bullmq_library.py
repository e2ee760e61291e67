"""Which library writes a queue, what can be done in it, and what to say of a queue that is not there."""

from __future__ import annotations

import re

import redis

from integrations import actions
from integrations.clients.bullmq import Queue

#: The major version of BullMQ whose scripts the panel's own jobs are added with.
OWN_MAJOR = 5


def check_library(queue: Queue, adds_jobs: bool, report: actions.Report) -> list[str]:
    """Logs the library; a sentence when the panel is to add a job to a queue of another one.

    Another version keeps its jobs in other keys: a job of ours could stay there, or end its worker.
    """
    library = queue.library()
    report.log(f"The queue is written by {library}.")
    if not adds_jobs or _is_own(library):
        return []
    return [
        f"{queue.name} is written by {library}, and a canary of BullMQ {OWN_MAJOR} does not belong into it: "
        "none was added. Take canary: and retry_canary: out of this item, and prove the worker by a real job."
    ]


def _is_own(library: str) -> bool:
    number = re.match(r"BullMQ (\d+)\.", library)
    return library == "BullMQ of an unknown version" or bool(number and int(number[1]) == OWN_MAJOR)


def describe_missing(queue: Queue) -> str:
    """Names the queues that are there instead: another prefix is the usual cause."""
    try:
        others = ", ".join(queue.find_others())
    except redis.ResponseError:
        others = ""
    there = f" There are: {others}." if others else ""
    return (
        f"There is no queue {queue.prefix}:{queue.name} in this Redis. No API or worker has used it yet: "
        f"start the worker, and check that it has the address of this Redis, and this prefix.{there}"
    )
