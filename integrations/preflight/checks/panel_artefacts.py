"""The panel's storage of artefacts takes a file, gives it back, and lets it be removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from integrations import atomic_files
from integrations.artefacts import LocalArtefacts
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult

QUESTION = Question(
    "panel: storage of artefacts",
    "whether a file can be written, read back and removed",
)


@preflight_check(
    "panel.artefacts", "The storage of artefacts works, where the panel has one", seconds=60, texts_shown=True
)
def check_artefacts(scope: CheckScope) -> Iterator[CheckResult]:
    """A file of 32 random bytes in the bucket of `CUTOVER_ARTEFACTS`; nothing where there is none."""
    store = scope.artefacts
    if isinstance(store, LocalArtefacts):
        return
    path = store.root / f"check-{secrets.token_hex(8)}"
    try:
        atomic_files.write_file(path, secrets.token_bytes(32))
        store.publish(path)
        try:
            same = store.read(str(path)) == path.read_bytes()
        finally:
            store.remove(path)
    except Problem as problem:
        yield QUESTION.explain(problem)
        return
    finally:
        path.unlink(missing_ok=True)
    if same:
        yield QUESTION.green("A file was written, read back with the same SHA-256, and removed.")
    else:
        yield QUESTION.red("A file came back with another content.", "Find out why before you trust it.")
