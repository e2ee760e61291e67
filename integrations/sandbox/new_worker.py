"""The new stack's worker: real BullMQ under Node.js, in place of this process.

``python -m integrations.sandbox.new_worker FOLDER`` with REDIS_URL in the environment; the npm packages
are installed into the folder on first need.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from integrations import programs
from integrations.errors import Problem
from integrations.sandbox import node

SOURCE = Path(__file__).parent / "worker"
MAIN = "task-worker.main.js"


def lay_out(folder: Path) -> Path:
    """Copies the worker into ``folder`` (0700) with its packages; its main file. Raises `Problem`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    folder.chmod(0o700)
    node.install_packages(SOURCE, folder, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    return folder / MAIN


def main() -> None:
    """Becomes the worker; ends with a sentence when its packages cannot be had."""
    try:
        script = lay_out(Path(sys.argv[1]))
        program = programs.find("node")
    except Problem as problem:
        raise SystemExit(str(problem)) from None
    os.execv(program, [program, str(script)])


if __name__ == "__main__":
    main()
