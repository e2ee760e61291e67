"""The panel served as in production: uvicorn, on a loop of its own, on the test's database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache

import pytest
import uvicorn
from django.core.asgi import get_asgi_application

from cutover.live_joins.application import LiveJoins
from cutover.stream_queue import StreamQueue
from tests.ports import free_port
from tests.waiting import wait_for


@cache
def _application() -> LiveJoins:
    """Not cutover.asgi's: that gives its process a pool, whose connections outlive a test's database."""
    return LiveJoins(StreamQueue(get_asgi_application()))


@pytest.fixture
def port() -> Iterator[int]:
    """The port on which the panel answers; the server is gone after the test, streams or no streams."""
    number = free_port()
    config = uvicorn.Config(
        _application(), port=number, log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, message="uvicorn did not start")
    yield number
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive(), "uvicorn does not stop while streams are open"
