"""Puts the sandbox's Prisma project into a work folder and installs its npm packages on first need.

``python -m integrations.sandbox.node [FOLDER]`` does the same; the command ``bin/prisma`` that is
written there calls it whenever the packages are missing, so that nobody has to think of it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from integrations import programs
from integrations.errors import Problem
from integrations.sandbox.private_files import hold_lock

SOURCE = Path(__file__).parent / "prisma"
REPOSITORY = Path(__file__).parents[2]
#: Where packages are kept for all folders: in the virtual environment, when it is ours to write.
KEPT = Path(sys.prefix, "node") if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK) else None
OLDEST_NODE = (18, 18)  # what Prisma 6 asks for
PASSED_ON = re.compile(r"(https?_proxy|no_proxy|npm_config_.*|node_extra_ca_certs|ssl_cert_.*)", re.I)

#: This environment keeps Prisma from downloading engines that it does not use here
#: (docs/explanation/covenant-connect.md, “Prisma without its native engines”). The panel's own client of
#: Prisma needs to know nothing of it.
WRAPPER = """\
#!/bin/sh
# The Prisma CLI of the sandbox. Installs its packages when they are missing; standard output is Prisma's.
here={folder}
if [ ! -e "$here/node_modules/{marker}" ]; then
    PYTHONPATH={repository} {python} -m integrations.sandbox.node "$here" >&2 || exit 127
fi
export PRISMA_SCHEMA_ENGINE_BINARY="$here/bin/no-engine" PRISMA_QUERY_ENGINE_LIBRARY="$here/bin/no-engine"
export CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1
cd "$here" && exec "$here/node_modules/.bin/prisma" "$@"
"""


class Log:
    """Hands the lines of npm to a function; what `programs.run` needs of a report."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Hands the line over."""
        self.say(line)

    def raise_if_cancelled(self) -> None:
        """Nothing to ask: a signal ends us."""


def lay_out(folder: Path) -> Path:
    """Copies the project into ``folder`` (0700) and writes ``bin/prisma``; gives that command's path.

    Our files are renewed; what others added (packages, an alignment migration) is left as it is.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    folder.chmod(0o700)
    command = folder / "bin" / "prisma"
    command.parent.mkdir(mode=0o700, exist_ok=True)
    (command.parent / "no-engine").touch(0o700)
    fresh = command.with_suffix(".new")
    fresh.write_text(
        WRAPPER.format(
            folder=_quoted(folder.resolve()),  # written in, not worked out: a wrong guess would lay out there
            marker=marker(),
            repository=_quoted(REPOSITORY),
            python=_quoted(sys.executable),
        )
    )
    fresh.chmod(0o700)
    fresh.rename(command)  # a running shell keeps reading the file that it has open
    return command


def install(folder: Path, log: Callable[[str], None]) -> Path:
    """Lays the project out and installs its packages unless exactly these are there; gives the command.

    The first time takes some five seconds, with npm's cache warm. Raises `Problem` in words where Node.js or
    npm is missing or too old, and when npm fails.
    """
    command = lay_out(folder)
    install_packages(SOURCE, folder, log)
    return command


def install_packages(source: Path, folder: Path, log: Callable[[str], None]) -> None:
    """Installs what the lock file of ``source`` names into a folder with a copy of it, unless it is there.

    npm installs them once for each Python environment; every further folder gets links to the same files.
    Raises `Problem` in words.
    """
    modules = folder / "node_modules"
    with hold_lock(folder / "install.lock"):
        if not (modules / marker(source)).exists():
            _check_node()
            shutil.rmtree(modules, ignore_errors=True)  # of an installation that was interrupted
            if KEPT is None:
                _npm_ci(folder, log)
            else:
                kept = _keep_packages(source, KEPT / marker(source), log)
                shutil.copytree(kept, modules, symlinks=True, copy_function=_link)
            (modules / marker(source)).touch(0o600)


def _keep_packages(source: Path, folder: Path, log: Callable[[str], None]) -> Path:
    """Installs the packages of ``source`` into the folder that others link to; gives its node_modules."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "complete"
    with hold_lock(folder / "install.lock"):
        if not done.exists():
            shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
            _npm_ci(folder, log)
            done.touch()
    return folder / "node_modules"


def _link(file: str, to: str) -> None:
    try:
        os.link(file, to)
    except OSError:  # another file system, or one without links
        shutil.copy2(file, to)


def marker(source: Path = SOURCE) -> str:
    """The file in ``node_modules`` that says that exactly these packages are there."""
    lock = (source / "package-lock.json").read_bytes()
    return f".installed-{hashlib.sha256(lock).hexdigest()[:16]}"


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


def _check_node() -> None:
    version = programs.run(
        [programs.find_program("node"), "--version"], capture=True, timeout=30
    ).stdout.strip()
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_NODE:
        raise Problem(
            f"Node.js {version} is too old for the new stack.",
            means="The items that need it (Prisma, the worker) cannot run; the rest of the panel does.",
            next="Install Node.js 20 or later, then start the item again.",
        )


def _npm_ci(folder: Path, log: Callable[[str], None]) -> None:
    log("Installing npm packages (once).")
    env = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    done = programs.run(
        [programs.find_program("npm"), "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"],
        cwd=folder,
        env=env,
        report=Log(log),
        timeout=600,
    )
    if not done.ok:
        raise Problem(
            f"npm ci failed (exit code {done.code}).",
            means=(done.stderr.strip() or done.stdout.strip())[-500:],
            next="Make the npm registry reachable from this machine, then start the item again.",
        )


def main() -> int:
    """Installs into the folder given; without one into a folder for a moment, which keeps the packages.

    The exit code says whether it worked.
    """
    with tempfile.TemporaryDirectory() as moment:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else moment)
        return _install_in_words(folder)


def _install_in_words(folder: Path) -> int:
    try:
        install(folder, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201  # a program prints
    except Problem as problem:
        print(problem, file=sys.stderr)  # noqa: T201  # a program prints
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
