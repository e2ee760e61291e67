"""The new stack's worker: real BullMQ under Node.js, in place of this process.

``python -m integrations.sandbox.new_worker FOLDER [MAIN]`` with REDIS_URL in the environment; the npm
packages are installed into the folder on first need. The new API, which is a worker as well, runs another
main file (`run_tasks_of_api`).
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from integrations import programs
from integrations.errors import Problem
from integrations.sandbox import node

SOURCE = Path(__file__).parent / "worker"
MAIN, API_MAIN = "task-worker.main.js", "api-tasks.main.js"
PATIENCE = 4.0  # seconds in which the API's worker has to end


def lay_out_worker(folder: Path) -> Path:
    """Copies the worker into ``folder`` (0700) with its packages; the folder. Raises `Problem`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=ignored, copy_function=_copy_changed)
    folder.chmod(0o700)
    node.install_packages(SOURCE, folder, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201  # a program prints
    return folder


def _copy_changed(source: str, target: str) -> str:
    """API and worker share the folder: a file that one of them may be reading is not written again."""
    if Path(target).exists() and filecmp.cmp(source, target, shallow=False):
        return target
    return str(shutil.copy2(source, target))


@contextmanager
def run_tasks_of_api(environ: Mapping[str, str]) -> Iterator[None]:
    """The new API's own worker while the API runs, as the real one has it from its start on.

    Without a queue the real API ends at its start: raises `SystemExit`.
    SKIP_TASKS_QUEUE=true switches it off.
    """
    if environ.get("SKIP_TASKS_QUEUE") == "true":
        yield
        return
    if environ.get("QUEUE_DRIVER") != "redis" or not environ.get("REDIS_URL"):
        raise SystemExit("the queue needs QUEUE_DRIVER=redis and REDIS_URL")
    argv = [sys.executable, "-m", "integrations.sandbox.new_worker", environ["WORKER_FOLDER"], API_MAIN]
    # It ends when its standard input is closed, so it never outlives an API that was killed.
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, env=dict(environ))
    try:
        yield
    finally:
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def main(argv: list[str]) -> None:
    """Becomes the worker; ends with a sentence when its packages cannot be had."""
    try:
        script = lay_out_worker(Path(argv[0])) / (argv[1] if len(argv) > 1 else MAIN)
        program = programs.find_program("node")
    except Problem as problem:
        raise SystemExit(str(problem)) from None
    os.execv(program, [program, str(script)])


if __name__ == "__main__":
    main(sys.argv[1:])
