"""The data folder of a demo under test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.belongings import Belongings


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that `nobody` can reach. A process that still runs in it fails the test and is killed."""
    path = servers.FOLDER / f"demo-{os.urandom(3).hex()}"
    yield path
    left = Belongings([str(path)]).end(grace=0)
    shutil.rmtree(path, ignore_errors=True)
    assert not left, "the demo left processes behind"
