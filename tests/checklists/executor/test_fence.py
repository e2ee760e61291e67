"""The condition of every write of an executor comes from the table of statuses, in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from checklists.executor import fence
from checklists.states import LEASED, AttemptStatus
from cutover.data_folder import PROJECT

EXECUTOR = PROJECT / "checklists" / "executor"
STATUS_IN_QUOTES = re.compile(f"'({'|'.join(AttemptStatus.values)})'")


def text_constants() -> Iterator[tuple[Path, int, str]]:
    """Every piece of text in the executor's code (of an f-string its fixed parts), with file and line."""
    for path in sorted(EXECUTOR.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.relative_to(PROJECT), node.lineno, node.value


def test_no_status_is_written_by_hand_in_the_executor() -> None:
    found = [
        f"{path}:{line} {text.strip()}"
        for path, line, text in text_constants()
        if STATUS_IN_QUOTES.search(text) or text in AttemptStatus.values
    ]
    assert not found, "\n".join(found)


def test_only_one_module_compares_the_fence_in_sql() -> None:
    modules = {str(path) for path, _, text in text_constants() if re.search(r"\bfence\s*=\s*%", text)}
    assert modules == {"checklists/executor/fence.py"}


def test_the_condition_names_every_leased_status() -> None:
    assert set(STATUS_IN_QUOTES.findall(fence.IS_OURS)) == set(LEASED)
    assert fence.IS_OURS.startswith("id = %(id)s AND fence = %(fence)s AND status IN (")
    assert fence.IS_OURS_AND_RUNNING.endswith("status IN ('RUNNING')")
