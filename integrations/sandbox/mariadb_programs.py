"""MariaDB's programs: those that are installed, else Debian's packages, unpacked without being installed.

``python -m integrations.sandbox.mariadb_programs`` finds them or unpacks them, and prints where they are.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from integrations import programs
from integrations.errors import Problem
from integrations.sandbox.private_files import hold_lock

#: what `mariadbd`, `mariadb` and `mariadb-dump` need beside a minimal Debian or Ubuntu
PACKAGES = (
    "mariadb-server-core",
    "mariadb-client",
    "mariadb-client-core",
    "libaio1",
    "liburing2",
    "libnuma1",
)
PASSED_ON = re.compile(r"https?_proxy|no_proxy|apt_config", re.I)  # variables that decide how apt fetches
SYSTEM_TABLES = "*_system_tables.sql"
INSTALLED = Path("/usr")  # where Debian's packages have their folders bin, sbin and share
NEWER = {"libaio1": "libaio1t64"}  # the name that a later Debian gave a package


def _kept() -> Path:
    """Where unpacked programs are kept for all demos and tests.

    As root every folder above has to be open to `nobody`, as whom the server runs.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/cutover/programs/mariadb")
    is_ours = sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK)
    return Path(sys.prefix, "mariadb") if is_ours else Path.home() / ".cache" / "cutover" / "mariadb"


KEPT = _kept()


@dataclass(frozen=True)
class MariaDbPrograms:
    """The folder ``usr`` below which everything is; ``libraries`` is empty for installed programs."""

    usr: Path
    libraries: str = ""

    def path(self, name: str) -> Path:
        """The program of that name."""
        found = (self.usr / folder / name for folder in ("bin", "sbin"))
        return next((path for path in found if path.is_file()), self.usr / "bin" / name)

    @property
    def share(self) -> Path:
        """The folder of the messages and the SQL of the system tables; its name depends on the version."""
        folders = (self.usr / "share" / name for name in ("mariadb", "mysql"))
        return next((each for each in folders if any(each.glob(SYSTEM_TABLES))), self.usr / "share" / "mysql")

    def system_sql(self, name: str) -> str:
        """A part of the SQL that makes the system tables: ``mariadb_NAME.sql``, or ``mysql_NAME.sql``."""
        files = (self.share / f"{brand}_{name}.sql" for brand in ("mariadb", "mysql"))
        return next(file for file in files if file.is_file()).read_text()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the programs need."""
        return {"LD_LIBRARY_PATH": self.libraries} if self.libraries else {}

    def is_complete(self) -> bool:
        """Whether the server, the client and the program for dumps are there."""
        names = ("mariadbd", "mariadb", "mariadb-dump")
        return all(self.path(name).is_file() for name in names) and any(self.share.glob(SYSTEM_TABLES))


def find_mariadb() -> MariaDbPrograms | None:
    """The installed programs, else those that were unpacked before; None when there are none."""
    for found in (MariaDbPrograms(INSTALLED), _unpacked(KEPT)):
        if found.is_complete():
            return found
    return None


def require_mariadb() -> MariaDbPrograms:
    """The programs; unpacks Debian's packages the first time. Raises `Problem` where that is impossible."""
    found = find_mariadb()
    if found is not None:
        return found
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise _missing("There is no apt-get here to fetch it with.")
    KEPT.mkdir(mode=0o755, parents=True, exist_ok=True)
    with hold_lock(KEPT / "unpack.lock"):
        if not _unpacked(KEPT).is_complete():
            _unpack(KEPT)
    found = _unpacked(KEPT)
    if not found.is_complete():
        raise _missing("The packages of this system do not hold all of its programs.")
    return found


def _unpacked(folder: Path) -> MariaDbPrograms:
    libraries = sorted((folder / "usr" / "lib").glob("*-linux-gnu*"))
    return MariaDbPrograms(folder / "usr", ":".join(map(str, libraries)))


def _unpack(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as moment:
        _download_all(moment)
        for archive in sorted(Path(moment).glob("*.deb")):
            done = programs.run(["dpkg-deb", "-x", archive, folder], timeout=120)
            if not done.ok:
                raise _missing(f"{archive.name} could not be unpacked: {done.stderr.strip()[-200:]}.")
    for opened in (folder, *folder.rglob("*")):  # the launcher of programs lets nobody else read
        if not opened.is_symlink():
            opened.chmod(0o755 if opened.is_dir() or opened.stat().st_mode & 0o100 else 0o644)


def _download_all(folder: str) -> None:
    is_listed = False
    for package in PACKAGES:
        if _download(package, folder):
            continue
        # On a new machine apt knows no package yet; only root may fetch the lists.
        if os.geteuid() == 0 and not is_listed:
            is_listed = _apt_get("update", folder=folder)
            if _download(package, folder):
                continue
        raise _missing(f"apt-get could not fetch the package {package}.")


def _download(package: str, folder: str) -> bool:
    names = (package, NEWER.get(package, ""))
    return any(_apt_get("download", name, folder=folder) for name in names if name)


def _apt_get(*words: str, folder: str) -> bool:
    """Fetches as apt is set up here; to download a package needs no privilege."""
    passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    return programs.run(["apt-get", "--quiet", *words], cwd=folder, env=passed_on, timeout=300).ok


def _missing(why: str) -> Problem:
    return Problem(
        "MariaDB's server (mariadbd) is not installed on this machine.",
        means=why,
        next="Install it (Debian and Ubuntu: apt-get install mariadb-server), then start again.",
    )


def main() -> int:
    """Prints where the programs are. The exit code says whether there are any."""
    try:
        print(require_mariadb().path("mariadbd"))  # noqa: T201  # a program prints
    except Problem as problem:
        print(problem, file=sys.stderr)  # noqa: T201  # a program prints
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
