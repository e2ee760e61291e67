"""The command line with two databases."""

from __future__ import annotations

import pytest

from tests.integrations.parity.conftest import Pair
from tests.integrations.parity.tool.command import Tool


@pytest.fixture
def tool(pair: Pair, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(pair, capsys)
