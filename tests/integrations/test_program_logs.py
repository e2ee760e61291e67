"""What a program's log says of its end."""

from __future__ import annotations

import pytest

from integrations.program_logs import find_cause
from integrations.sandbox import images

NEST = """\
[Nest] 7 - ERROR [ExceptionHandler] Nest could not find Logger element
Error: Nest could not find Logger element (this provider does not exist in the current context)
    at InstanceLinksHost.get (/x/instance-links-host.js:15:19)
    at bootstrap (/x/main.js:23:94)"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (images.NO_MODULE.format(path="/x/main.js"), "Error: Cannot find module '/x/main.js'"),
        (images.NO_SCHEMA, "Error: Could not find Prisma Schema"),
        (NEST, "Error: Nest could not find Logger element"),
        ("Error: no such file\nReady.\nError: out of memory", "Error: out of memory"),
        ("Listening on 8000", "Listening on 8000"),
        ("", ""),
    ],
)
def test_the_cause_is_told_and_not_the_last_line_of_the_trace(log: str, said: str) -> None:
    assert find_cause(log.splitlines()).startswith(said)
