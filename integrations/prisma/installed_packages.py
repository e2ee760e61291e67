"""What npm has installed for a Prisma project, and what the lock file of the project names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CLI, CLIENT = "prisma", "@prisma/client"
VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")
PRINTED = re.compile(r"^prisma\s*:\s*(\d+)\.(\d+)\.(\d+\S*)", re.MULTILINE)  # by `prisma --version`
COMPARATOR = re.compile(r"(>=|\^|<)(\S+)")
LOCK_FILES = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock")


@dataclass(frozen=True)
class InstalledPackage:
    """A package in node_modules: its version, and the versions of Node.js that it asks for (“>=18.18”)."""

    name: str
    version: str
    node: str


def _upwards(folder: Path) -> Iterator[Path]:
    """The folder and those above it: in a workspace, packages and lock file are in the root."""
    return iter([folder, *folder.parents])


def find_installed(folder: Path, name: str) -> InstalledPackage | None:
    """The package as Node.js finds it from that folder; None when it is not installed or cannot be read."""
    for each in _upwards(folder):
        manifest = each / "node_modules" / name / "package.json"
        if manifest.is_file():
            found = _read_json(manifest)
            engines = found.get("engines")
            node = engines.get("node", "") if isinstance(engines, dict) else ""
            return InstalledPackage(name, str(found.get("version", "")), str(node))
    return None


def parse_version(printed: str) -> tuple[int, str] | None:
    """Major number and whole version from what `prisma --version` prints, e.g. ``(6, "6.19.3")``."""
    found = PRINTED.search(printed)
    return (int(found[1]), ".".join(found.groups())) if found else None


def read_version_of_program(program: str) -> tuple[int, str] | None:
    """The version of the CLI that this file is; None for a launcher (npx, pnpm, a shim): it chooses one."""
    manifest = Path(program).resolve().parent.parent / "package.json"  # …/prisma/build/index.js
    found = _read_json(manifest)
    return parse_version(f"prisma : {found.get('version')}") if found.get("name") == CLI else None


def find_lock_file(folder: Path) -> Path | None:
    """The lock file of the project or of its workspace; None without one."""
    return next(
        (each / name for each in _upwards(folder) for name in LOCK_FILES if (each / name).is_file()), None
    )


def read_locked_version(folder: Path, name: str) -> str:
    """The version that the lock file names; "" where it names none, or its format is not read (yarn's)."""
    lock = find_lock_file(folder)
    if lock is None or lock.name == "yarn.lock":
        return ""
    if lock.suffix == ".json":
        return _npm_version(_read_json(lock), folder, lock.parent, name)
    try:
        found = yaml.safe_load(lock.read_text())
    except (yaml.YAMLError, OSError, ValueError, RecursionError):
        return ""
    importers = _object(_object(found).get("importers"))
    own = _object(importers.get(_relative(folder, lock.parent) or ".", found))
    for kind in ("dependencies", "devDependencies", "optionalDependencies"):
        given = _object(own.get(kind)).get(name)
        text = given.get("version", "") if isinstance(given, dict) else given
        if text:
            return str(text).partition("(")[0].partition("_")[0]  # what follows names peers
    return ""


def fits_range(version: str, wanted: str) -> bool | None:
    """Whether a version (“v20.11.0”) is in a range of npm, such as “>=18.18” or “^20.19 || >=22.12”.

    None for a range that is written in another way. The words of ranges are npm's (docs.npmjs.com, semver).
    """
    found = _numbers(version)
    answers = [_fits_all(found, each.split()) for each in wanted.split("||") if each.strip()]
    if found is None or not answers:
        return None
    return True if True in answers else None if None in answers else False


def _fits_all(found: tuple[int, ...] | None, comparators: list[str]) -> bool | None:
    for comparator in comparators:
        match = COMPARATOR.fullmatch(comparator)
        least = _numbers(match[2]) if match else None
        if match is None or found is None or least is None:
            return None
        if found < least if match[1] in (">=", "^") else found >= least:
            return False
        if match[1] == "^" and found[0] != least[0]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...] | None:
    match = VERSION.fullmatch(version.strip())
    return tuple(int(part or 0) for part in match.groups()) if match else None


def _npm_version(lock: dict[str, Any], folder: Path, root: Path, name: str) -> str:
    packages = lock.get("packages")
    if not isinstance(packages, dict):  # lockfileVersion 1
        given = _object(lock.get("dependencies")).get(name, {})
        return str(given.get("version", "")) if isinstance(given, dict) else ""
    inner = _relative(folder, root)
    for place in filter(None, [f"{inner}/node_modules/{name}" if inner else "", f"node_modules/{name}"]):
        if isinstance(packages.get(place), dict):
            return str(packages[place].get("version", ""))
    return ""


def _relative(folder: Path, root: Path) -> str:
    return "" if folder == root else str(folder.relative_to(root))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return _object(json.loads(path.read_text()))
    except (OSError, ValueError, RecursionError):
        return {}


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
