"""Chooses the addresses of the suite's servers before Django reads its settings (`-p tests.servers`).

Importing this makes a folder and starts its keeper (`tests.keeper`), which ends whatever was started and
removes the folder, also when this process is killed. It starts no server: the session fixtures of
``tests/conftest.py`` do when a test first needs them. The addresses override the environment: the suite never
uses a database that it did not create.

`./panel test servers` (`python -m tests.servers`) keeps one PostgreSQL running, with the tables of the panel.
Runs of single tests then use it and start in a second. Runs in several processes never do.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import zlib
from collections.abc import Generator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from cutover.embedded import Postgres, Valkey
from tests import keeper
from tests.allowed import BASE
from tests.ports import free_port

# Compiled modules are kept, even where the environment says otherwise (`__pycache__` is in .gitignore): each
# of hundreds of processes would compile them all again, and pytest would rewrite every assertion.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

#: Short, and reachable by `nobody`, as whom PostgreSQL runs: pytest's own folders are closed to others.
FOLDER = Path(tempfile.mkdtemp(prefix="cutover-test-", dir="/var/tmp"))
FOLDER.chmod(0o755)
KEEPER = keeper.Keeper(FOLDER)
keeper.mark(os.environ, FOLDER)
# What programs put into the folder for temporary files is removed with ours, also when they are killed.
# The files of failed tests stay where pytest has them.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
TEMPORARY = FOLDER / "tmp"
TEMPORARY.mkdir()
TEMPORARY.chmod(0o1777)
os.environ["TMPDIR"] = tempfile.tempdir = str(TEMPORARY)
#: Of this copy of the project: another one may have other tables.
WARM_FOLDER = Path(
    f"/var/tmp/cutover-test-warm-{os.geteuid()}-{zlib.crc32(os.fsencode(Path(__file__).resolve())):08x}"
)
WARM_ADDRESS = WARM_FOLDER / "address.json"  # 0600: port and password


def _warm_postgres() -> Postgres | None:
    """The PostgreSQL of `./panel test servers`, when it runs and this is a run in one process."""
    if "PYTEST_XDIST_WORKER" in os.environ or not WARM_ADDRESS.exists():
        return None
    address = json.loads(WARM_ADDRESS.read_text())
    server = Postgres(WARM_FOLDER / "pg", port=address["port"], password=address["password"], fsync=False)
    return server if server.answers() else None


def _new_postgres(folder: Path) -> Postgres:
    # Prepared transactions are off by default, and customers' servers have them.
    settings = {"max_prepared_transactions": "8"}
    return Postgres(folder, port=free_port(), password=secrets.token_hex(8), fsync=False, settings=settings)


WARM = _warm_postgres()
POSTGRES = WARM or _new_postgres(FOLDER / "pg")
VALKEY = Valkey(FOLDER / "valkey")


def new_folder(name: str) -> Path:
    """A folder that everybody can read; its path is short enough for sockets. It goes with the run."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=FOLDER))
    folder.chmod(0o755)
    return folder


#: The panel works as this role, which `migrate` makes. The owner is the superuser of the server.
APPLICATION = "cutover"


def application_url(database: str) -> str:
    """The address of a database for the application role."""
    return f"postgresql://{APPLICATION}:own-{POSTGRES.password}@127.0.0.1:{POSTGRES.port}/{database}"


def _list_of_programs() -> Path:
    """The programs that a runbook may start in tests; `tests.allowed.allow` adds more."""
    file = FOLDER / "allowed-programs"
    file.write_text("".join(f"{line}\n" for line in BASE))
    return file


def environment() -> dict[str, str]:
    """The panel's settings in tests: a panel on external servers, over plain HTTP."""
    return {
        "DATABASE_URL": application_url("cutover"),
        "DATABASE_OWNER_URL": POSTGRES.url("cutover"),
        "REDIS_URL": VALKEY.url,
        "CUTOVER_DATA": str(FOLDER / "panel"),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "CUTOVER_SECRET_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "CUTOVER_HTTPS": "0",
        "CUTOVER_REQUIRE_SECOND_FACTOR": "0",  # the tests of it turn it on
        "CUTOVER_PREFLIGHT_MINUTES": "0",  # a dispatcher of a test must not ask systems that it does not have
        "CUTOVER_PROGRAMS": str(_list_of_programs()),
        "DJANGO_SETTINGS_MODULE": "cutover.settings",
    }


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Runs before pytest-django, whose turn in this hook loads the settings."""
    os.environ.update(environment())
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay until the end: the garbage collector need not look at them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@atexit.register
def _finish() -> None:
    """The servers were stopped by their fixtures. What is left is a mistake of a test, so say it."""
    for line in KEEPER.finish():
        print(f"left running by a test, and ended: {line}", file=sys.stderr)


def pytest_configure(config: pytest.Config) -> None:
    """On the warm server the panel's test database stays; new migrations are applied to it."""
    if WARM is not None:
        config.option.reuse_db = True


def keep_running() -> int:
    """Runs a PostgreSQL for single tests until Ctrl-C or SIGTERM, then removes it."""
    if WARM is not None:
        print(f"A PostgreSQL for tests runs already, in {WARM_FOLDER}.")
        return 1
    shutil.rmtree(WARM_FOLDER, ignore_errors=True)
    WARM_FOLDER.mkdir(mode=0o755)
    server = _new_postgres(WARM_FOLDER / "pg").start()
    WARM_ADDRESS.touch(0o600)
    WARM_ADDRESS.write_text(json.dumps({"port": server.port, "password": server.password}))
    print(
        "PostgreSQL for single tests is running: ./panel test FILE::TEST uses it. Ctrl-C ends it.", flush=True
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        server.stop()
        shutil.rmtree(WARM_FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(keep_running())
