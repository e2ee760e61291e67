"""A check of the preflight for tests only: it reports what a file in the folder of a system says.

A system of kind ``folder`` with the name ``world`` has it; ``says.json`` maps a subject to a verdict, and
``sleep`` in it makes the check slow.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integrations.preflight import CheckResult, CheckScope, Verdict, preflight_check

KEY = "test.world"
FILE = "says.json"


@preflight_check(KEY, "The world is right", seconds=60)
def check_world(scope: CheckScope) -> Iterator[CheckResult]:
    if "world" not in scope.systems:
        return
    folder = Path(scope.systems["world"]["path"])
    said: dict[str, Any] = json.loads((folder / FILE).read_text())
    for subject, verdict in said.items():
        if subject == "sleep":
            (folder / "pid").write_text(str(os.getpid()))
            time.sleep(verdict)
            continue
        yield CheckResult(
            subject, Verdict(verdict), "Is it?", f"It is {verdict}.", change="Mend it.", systems=("world",)
        )


def says(folder: Path, **verdicts: Any) -> None:
    """What the check finds from now on: subject → verdict."""
    (folder / FILE).write_text(json.dumps(verdicts))
