"""One small old environment for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cutover.embedded import Postgres, Valkey
from integrations.clients import bullmq
from integrations.sandbox.new_tasks import PREFIX, QUEUE
from tests.integrations.sandbox.api_states import States
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on


@pytest.fixture(scope="session")
def environment(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxEnvironment]:
    """An old environment of two thousand rows. Tests that change rows work on a `copy()`."""
    with environment_on(postgres_server, tmp_path_factory.mktemp("environment") / "sandbox") as made:
        yield made


@pytest.fixture(scope="module")
def states(environment: SandboxEnvironment, valkey_server: Valkey) -> Iterator[States]:
    bullmq.add_job(valkey_server.url, QUEUE, PREFIX, "digests.department", {"rangeDays": 30})
    with ExitStack() as stack:
        yield States(environment, valkey_server.url, stack)
