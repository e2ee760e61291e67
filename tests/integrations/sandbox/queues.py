"""A real queue for tests: Valkey with a password, and the real BullMQ worker under Node.js."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrations.clients import bullmq
from integrations.errors import Problem
from tests.ports import free_port
from tests.waiting import wait_for

QUEUE = "automation-tasks"


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Its address, password included, while it runs."""
    port, password = free_port(), secrets.token_hex(12)
    argv = [sys.executable, "-m", "integrations.sandbox.new_queue", str(folder), str(port)]
    child = subprocess.Popen(argv, env={**os.environ, "QUEUE_PASSWORD": password}, stdout=subprocess.DEVNULL)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        wait_for(lambda: answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(90)


def answers(url: str) -> bool:
    try:
        with bullmq.connect(url):
            return True
    except Problem:
        return False


@contextmanager
def worker(folder: Path, url: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """The worker, connected to the queue."""
    argv, before = [sys.executable, "-m", "integrations.sandbox.new_worker", str(folder)], workers(url)
    child = subprocess.Popen(argv, env={**os.environ, "REDIS_URL": url, **env}, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: child.poll() is not None or workers(url) > before, timeout=120)
        assert child.poll() is None, "the worker did not start"
        yield child
    finally:
        child.terminate()
        assert child.wait(90) in (0, -15)


def workers(url: str) -> int:
    with bullmq.connect(url) as client:
        return bullmq.Queue(client, QUEUE).workers()
