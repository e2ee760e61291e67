"""Checks that the migrations that a runbook expects are in the project, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.parity_fields import NamesField
from integrations.prisma.cli import Prisma
from integrations.prisma.migrations import read_migration_files
from integrations.prisma.seeds import find_seeded_tables
from integrations.systems import System


@dataclass(frozen=True)
class PrismaPresentParams(actions.ActionParams):
    """The project, and the migrations that it must have."""

    prisma: System
    migrations: list[Any]
    exactly: bool
    seeds: tuple[str, ...]


class PresentFacts(TypedDict):
    """The folder, its migrations with the SHA-256 of each, which are missing or unexpected, and, when
    ``seeds`` are given, the tables into which the expected ones insert rows."""

    folder: str
    migrations: dict[str, str]
    missing: list[str]
    more: list[str]
    seeds: list[str]


class PrismaPresentEvidence(TypedDict, total=False):
    """The migrations of the project."""

    present: PresentFacts


@actions.register
class PrismaPresent(actions.ReadOnlyAction[PrismaPresentParams, PrismaPresentEvidence]):
    """Records the SHA-256 of each file, because a name alone proves little about what will be deployed."""

    key, title = "prisma.present", "Check that the migrations are in the project"
    texts_shown = True
    public_params = frozenset({"migrations", "seeds"})

    class Params(actions.ActionForm):
        """``prisma``: the project; ``migrations``: names of folders that must exist; ``exactly``: and no
        others. ``seeds``: the tables into which these migrations insert rows, because a baseline does not:
        a table that is named here and gets none, and one that gets some and is not named, is red."""

        prisma = actions.SystemField(kind="prisma")
        migrations = actions.JSONValueField(kind=list)
        exactly = forms.BooleanField(required=False)
        seeds = NamesField(help_text="Tables into which these migrations insert rows.")

    def preview(self, params: PrismaPresentParams) -> actions.Preview:
        """The folder that is read."""
        folder = Prisma(params.prisma).migrations
        lines = [f"Read {folder}: {', '.join(map(str, params.migrations))}."]
        if params.exactly:
            lines.append("Any other migration there is red: it would be applied, too.")
        if params.seeds:
            lines.append(
                f"Read their INSERT statements: rows go into {', '.join(params.seeds)}, and no others."
            )
        return actions.Preview(lines, where=str(folder))

    def run(
        self, params: PrismaPresentParams, report: actions.RunReport[PrismaPresentEvidence]
    ) -> actions.Outcome:
        """A missing migration is a verdict, and with ``exactly`` an unexpected one as well."""
        folder = Prisma(params.prisma).migrations
        files = {file.name: file for file in read_migration_files(folder)}
        expected = [str(name) for name in params.migrations]
        missing = [name for name in expected if name not in files]
        unexpected = sorted(files.keys() - set(expected)) if params.exactly else []
        named = [file for name, file in files.items() if name in expected]
        seeded = find_seeded_tables(named) if params.seeds else []
        for name, file in files.items():
            report.log(f"{'✓' if name in expected else '·'} {name} {file.checksum[:12]}")
        report.evidence(
            {
                "present": {
                    "folder": str(folder),
                    "migrations": {name: file.checksum for name, file in files.items()},
                    "missing": missing,
                    "more": unexpected,
                    "seeds": seeded,
                }
            }
        )
        if missing or unexpected:
            return actions.Outcome(False, _what_is_wrong(missing, unexpected))
        if params.seeds and (wrong := _find_seed_mistakes(params.seeds, seeded)):
            return actions.Outcome(False, " ".join(wrong))
        return actions.Outcome(
            True, f"{len(expected)} migration(s) as expected, of {len(files)} in the project."
        )


def _find_seed_mistakes(named: Sequence[str], seeded: Sequence[str]) -> list[str]:
    """Sentences about tables that are named and get no rows, and tables that get rows and are not named."""
    wrong = [
        f"Entry {number} of seeds ({table}) matches nothing: these migrations insert no rows into it."
        for number, table in enumerate(named, 1)
        if table not in seeded
    ]
    forgotten = [table for table in seeded if table not in named]
    if forgotten:
        wrong.append(
            f"These migrations insert rows into {', '.join(forgotten)}, too; a baseline does not: "
            "name it under seeds, and in the item that checks for these rows."
        )
    return wrong


def _what_is_wrong(missing: list[str], unexpected: list[str]) -> str:
    if missing:
        return f"Not in the project: {', '.join(missing)}. Is this the agreed branch? Deploy nothing else."
    return (
        f"Nobody reviewed {', '.join(unexpected)}, and a deployment would apply it. Review it like the diff, "
        "and name it in the runbook; or take it out of the release."
    )
