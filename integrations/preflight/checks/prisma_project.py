"""The Prisma project is complete where the worker runs: schema, addresses, packages of the locked version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from integrations import programs
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.result import CheckResult, Verdict
from integrations.prisma.cli import Prisma
from integrations.prisma.datasource import read_provider
from integrations.prisma.installed_packages import (
    CLI,
    CLIENT,
    find_installed,
    find_lock_file,
    fits_range,
    read_locked_version,
)
from integrations.systems import System

NODE_SECONDS = 10
NODE_VERSION = re.compile(r"v\d{1,3}\.\d{1,5}\.\d{1,5}(?:-[\w.-]{1,40})?")
PROVIDERS = ("postgresql", "postgres")


@preflight_check("prisma.project", "The Prisma project is complete, as its lock file says", texts_shown=True)
def check_projects(scope: CheckScope) -> Iterator[CheckResult]:
    """Reads the files of every project of the runbook, and asks Node.js for its version."""
    for system in scope.systems_of("prisma"):
        yield from _check_schema(system)
        yield from _check_packages(system)
        yield from _check_node(system)


def _check_schema(system: System) -> Iterator[CheckResult]:
    subject, asked = f"{system.name}: schema", "Can the schema be read, and does it lead to this database?"
    try:
        prisma = Prisma(system)
        prisma.files.check(system.name)
        for address in prisma.files.addresses:
            address.refuse_unknown_source()
        provider, variables = read_provider(prisma.files.schema_files), prisma.environment.address_variables
        migrations = prisma.migrations
    except Problem as problem:
        seen = f"{problem.what} {problem.means}".strip()
        yield CheckResult(subject, Verdict.RED, asked, seen, problem.next or "Correct it.", (system.name,))
        return
    if provider and provider not in PROVIDERS:
        seen = f"The provider of its datasource is “{provider}”, and the panel migrates PostgreSQL."
        change = "Check out the project that belongs to this database."
        yield CheckResult(subject, Verdict.RED, asked, seen, change, (system.name,))
        return
    seen = f"Migrations in {migrations}; the panel sets {', '.join(variables)}."
    yield CheckResult(subject, Verdict.GREEN, asked, seen, systems=(system.name,))


def _check_packages(system: System) -> Iterator[CheckResult]:
    folder = Prisma(system).project
    subject, asked = f"{system.name}: packages", f"Is the {CLI} installed that the lock file names?"
    installed, locked = find_installed(folder, CLI), read_locked_version(folder, CLI)
    install = f"Install the packages as locked, where the worker runs (npm ci, or its like, in {folder})."
    if installed is None:
        seen = f"{folder} has no node_modules with {CLI}, here or above."
        yield CheckResult(subject, Verdict.RED, asked, seen, install, (system.name,))
        return
    lock = find_lock_file(folder)
    if not locked:
        name = lock.name if lock else "none"
        seen = f"{CLI} {installed.version}; the lock file ({name}) does not say which it should be."
        change = (
            "Compare the version by hand with that of the release, and keep its lock file in the project."
        )
        yield CheckResult(subject, Verdict.AMBER, asked, seen, change, (system.name,))
    elif locked != installed.version:
        seen = f"Installed is {CLI} {installed.version}, and {lock and lock.name} names {locked}."
        yield CheckResult(subject, Verdict.RED, asked, seen, install, (system.name,))
    else:
        yield CheckResult(
            subject, Verdict.GREEN, asked, f"{CLI} {locked}, as locked.", systems=(system.name,)
        )
    client = find_installed(folder, CLIENT)
    if client is not None and client.version != installed.version:
        seen = f"{CLI} is {installed.version}, and {CLIENT} is {client.version}."
        change = "Bring both to one version in the project: Prisma supports no mixture."
        asked = f"Is {CLIENT} of the CLI's version?"
        yield CheckResult(f"{system.name}: client", Verdict.RED, asked, seen, change, (system.name,))


def _check_node(system: System) -> Iterator[CheckResult]:
    """Node.js is there, and is one that the installed CLI takes."""
    subject, installed = f"{system.name}: Node.js", find_installed(Prisma(system).project, CLI)
    wanted = installed.node if installed else ""
    asked = (
        f"Is Node.js installed where the worker runs{f', as {CLI} wants it ({wanted})' if wanted else ''}?"
    )
    try:
        done = programs.run([programs.find_program("node"), "--version"], capture=True, timeout=NODE_SECONDS)
    except Problem as problem:
        yield CheckResult(subject, Verdict.RED, asked, problem.what, problem.next, (system.name,))
        return
    version = done.stdout.strip()
    if not done.ok or not NODE_VERSION.fullmatch(version):
        said = " ".join(version.split())[:80] or "nothing"
        seen = f"It does not tell its version (exit code {done.code}): {said}."
        change = "Run node --version by hand where the worker runs."
        yield CheckResult(subject, Verdict.UNKNOWN, asked, seen, change, (system.name,))
        return
    fits = fits_range(version, wanted) if wanted else True
    seen = f"It is {version}."
    if fits:
        yield CheckResult(subject, Verdict.GREEN, asked, seen, systems=(system.name,))
        return
    change = f"Install a Node.js that {CLI} {installed.version if installed else ''} takes: {wanted}."
    verdict = Verdict.UNKNOWN if fits is None else Verdict.RED
    yield CheckResult(subject, verdict, asked, seen, change, (system.name,))
