"""A private copy of a Prisma project: a rehearsal writes its migration and its client there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from integrations.prisma.project_files import ProjectFiles

MODULES = "node_modules"
#: Not copied: packages, of which the copy has links, and the history of the sources.
LEFT_OUT = (MODULES, ".git")
#: Packages that `prisma generate` writes into: these are copied, all others are links.
WRITTEN_PACKAGES = ("@prisma/client",)
GENERATED = ".prisma"  # beside them, the client itself; it is generated anew
#: Commands that look for schema and migrations by themselves; the others are told where the schema is.
LOOKING = (
    ("migrate", "deploy"),
    ("migrate", "resolve"),
    ("migrate", "status"),
    ("db", "pull"),
    ("generate",),
)


def copy_project(project: Path, target: Path) -> Path:
    """Copies the project into ``target``, which is replaced, and returns the folder of the copy.

    Nothing that is written in the copy reaches the project. Packages are found as the project finds them, in
    its own folder and in those above it. Files with settings (``.env``) stay where they are: the copy has
    links, so that secrets are in one place only.
    """
    remove_copy(target)
    target.mkdir(parents=True, mode=0o700)
    folder = target
    for above in reversed(project.parents):
        if (above / MODULES).is_dir():
            (folder / MODULES).symlink_to(above / MODULES)
            folder = folder / "inside"
            folder.mkdir()
    copy = folder / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(*LEFT_OUT, ".env*"))
    for settings in project.glob(".env*"):
        (copy / settings.name).symlink_to(settings)
    _link_packages(project, copy / MODULES)
    return copy


def list_copy_options(copy: ProjectFiles, arguments: Sequence[str]) -> list[str]:
    """Returns the options that lead a command to a private copy, whichever folder it changes to itself."""
    if arguments[0].startswith("-"):
        return []
    looks = any(tuple(arguments[: len(words)]) == words for words in LOOKING)
    schema = ["--schema", str(copy.schema)] if looks else []
    return [*schema, "--config", str(copy.config)] if copy.config else schema


def remove_copy(target: Path) -> None:
    """Removes a copy, with its links and not what they lead to. One that is not there is no error."""
    shutil.rmtree(target, ignore_errors=True)


def _link_packages(project: Path, target: Path) -> None:
    """Makes a folder of packages with links to those of the project, and with copies of what is written."""
    target.mkdir()
    scopes = {name.partition("/")[0] for name in WRITTEN_PACKAGES}
    _link(_entries(project / MODULES, without={GENERATED, *scopes}), target)
    for scope in scopes:
        (target / scope).mkdir()
    for name in WRITTEN_PACKAGES:
        places = (folder / MODULES / name for folder in (project, *project.parents))
        if package := next((place.resolve() for place in places if place.is_dir()), None):
            shutil.copytree(package, target / name, ignore=shutil.ignore_patterns(MODULES))
            _link_dependencies(package, target)
    for scope in scopes:
        _link(_entries(project / MODULES / scope, without=()), target / scope)


def _link_dependencies(package: Path, target: Path) -> None:
    """Links what a package finds beside itself and not in the project: pnpm keeps its dependencies there."""
    beside = next((each for each in package.parents if each.name == MODULES), None)
    for entry in _entries(beside, without={GENERATED}) if beside else ():
        if entry.name.startswith("@"):
            (target / entry.name).mkdir(exist_ok=True)
            _link(_entries(entry, without=()), target / entry.name)
        else:
            _link([entry], target)


def _entries(folder: Path, without: Iterable[str]) -> list[Path]:
    return [each for each in folder.iterdir() if each.name not in without] if folder.is_dir() else []


def _link(entries: Iterable[Path], folder: Path) -> None:
    if folder.is_symlink():  # a whole scope of the project is linked already
        return
    for entry in entries:
        if not os.path.lexists(folder / entry.name):
            (folder / entry.name).symlink_to(entry.resolve())
