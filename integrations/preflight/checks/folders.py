"""Folders that items read or write are there, can be read, and have room for what they keep."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from integrations.environment import monitoring
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult
from integrations.sizes import format_bytes
from integrations.systems import System

NEEDED = 1.4  # times a backup that its encrypted copy takes at most: base64 adds a third


@preflight_check(
    "files.folders", "Folders are there, readable, and have room for what items keep there", texts_shown=True
)
def check_folders(scope: CheckScope) -> Iterator[CheckResult]:
    """The folder itself; the files in it only where an item reads rules of monitoring there."""
    for system in scope.systems_of("folder"):
        question = Question(f"{system.name}: folder", "whether it is there and can be used", (system.name,))
        try:
            yield _judge(scope, system, Path(system["path"]), question)
        except Problem as problem:
            yield question.explain(problem)


def _judge(scope: CheckScope, system: System, path: Path, question: Question) -> CheckResult:
    if not path.is_dir():
        what = "is no folder" if path.exists() else "is not there"
        return question.red(f"{path} {what}.", "Correct path: of the system, or mount the folder.")
    if not os.access(path, os.R_OK | os.X_OK):
        return question.red(f"{path} cannot be read.", "Let the user that runs the worker read it.")
    keeping = [item for item in scope.items_of("snapshots.retain") if item.params.get("place") == system.name]
    if keeping:
        return _judge_place(scope, path, question)
    if any(item.params.get("folder") == system.name for item in scope.items_of("monitoring.check")):
        found = monitoring.read_folder(path)
        if found.unread:
            said = "; ".join(f"{name}: {why}" for name, why in found.unread.items())
            return question.red(
                f"What these files watch is not known: {said}.", "Mend them, or take them out."
            )
        files = {text.file for text in found.texts}
        return question.green(f"{len(files)} files of rules and dashboards can be read.")
    return question.green(f"{path} is there and can be read.")


def _judge_place(scope: CheckScope, path: Path, question: Question) -> CheckResult:
    if not os.access(path, os.W_OK | os.X_OK):
        return question.red(f"{path} cannot be written to.", "Let the user that runs the worker write there.")
    free = shutil.disk_usage(path).free
    size = _backup_size(scope.evidence)
    if size is None:
        return question.green(
            f"It can be written to; {format_bytes(free)} are free. No backup was taken yet."
        )
    needed = int(size * NEEDED)
    seen = f"{format_bytes(free)} are free, and a copy of a backup needs up to {format_bytes(needed)}."
    if free < needed:
        return question.red(seen, "Make room there, or name another place.")
    return question.green(f"It can be written to. {seen}")


def _backup_size(evidence: Mapping[str, Mapping[str, Any]]) -> int | None:
    """The size in bytes of the largest backup of this cutover."""
    known = [
        facts["backup"].get("bytes") for facts in evidence.values() if isinstance(facts.get("backup"), dict)
    ]
    sizes = [size for size in known if isinstance(size, int)]
    return max(sizes, default=None)
