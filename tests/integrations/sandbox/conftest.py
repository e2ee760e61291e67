"""One small old estate for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cutover.embedded import Postgres
from tests.integrations.sandbox.estates import Estate, estate_on


@pytest.fixture(scope="session")
def estate(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """An old estate of two thousand rows. Tests that change rows work on a `copy()`."""
    with estate_on(postgres_server, tmp_path_factory.mktemp("estate") / "sandbox") as made:
        yield made
