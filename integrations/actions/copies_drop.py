"""Drops the copies of production's data that this cutover made on the scratch server."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from integrations import actions
from integrations.backups.kept_copies import (
    drop_unused,
    find_copy_users,
    find_existing,
    is_copy,
    make_copy_name,
)
from integrations.backups.scratch_database import make_scratch_name
from integrations.clients import postgres
from integrations.clients.database_sessions import DatabaseUsers
from integrations.errors import Problem
from integrations.prisma.project_copy import remove_copy
from integrations.systems import System

VERIFY, REHEARSE = "backup.verify", "prisma.align_rehearse"


@dataclass(frozen=True)
class CopiesDropParams(actions.ActionParams):
    """The server with the copies."""

    scratch: System

    @property
    def names(self) -> list[str]:
        """The name of every copy that this cutover can have made, whether it exists or not.

        The panel names a restored backup after the attempt that restored it, and a copy of it after that. So
        nobody else's database has such a name.
        """
        restored = dict.fromkeys([*self._restored_by_attempts(), *self._restored_by_evidence()])
        return [name for each in restored for name in (make_copy_name(each), each) if is_copy(name)]

    def _restored_by_attempts(self) -> Iterator[str]:
        for item in self.context.history.get("items", ()):
            known = self.context.items.get(item["key"])
            if known and known.action == VERIFY:
                yield from (make_scratch_name(attempt["id"]) for attempt in item["attempts"])

    def _restored_by_evidence(self) -> Iterator[str]:
        for key, item in self.context.items.items():
            if item.action == VERIFY:
                facts = self.context.evidence.get(key, {}).get("verified") or {}
                yield from filter(None, [facts.get("database")])


class CopiesDropEvidence(TypedDict, total=False):
    """The server, and the databases that this attempt dropped there."""

    server: str
    dropped: list[str]


@actions.register
class CopiesDrop(actions.Action[CopiesDropParams, CopiesDropEvidence]):
    """Drops only databases that the attempts of this cutover made, and none that somebody uses."""

    key, title = "copies.drop", "Drop the restored copies"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT
    reads_history = True

    class Params(actions.ActionForm):
        """``scratch``: the server where backup.verify (with keep) and prisma.align_rehearse left copies."""

        scratch = actions.SystemField(kind="postgres")

    def resource(self, params: CopiesDropParams) -> str:
        """The scratch server, as for the items that make copies there."""
        return f"db:{postgres.address(params.scratch['url'])}:scratch"

    def preview(self, params: CopiesDropParams) -> actions.Preview:
        """The databases that are there, and who uses them."""
        url = params.scratch["url"]
        with postgres.explain_errors(url), postgres.connect(url, readonly=True) as admin:
            names = find_existing(admin, params.names)
            users = find_copy_users(admin, names)
        lines = [f"DROP DATABASE {name};" for name in names] or ["Nothing is left to drop."]
        lines.append("Remove the private copies of the Prisma project that belong to them.")
        return actions.Preview(
            lines, where=_server(params), warnings=[f"In use: {each.database}: {each}" for each in users]
        )

    def before(self, params: CopiesDropParams) -> dict[str, Any]:
        """The databases that are there."""
        with postgres.connect(params.scratch["url"], readonly=True) as admin:
            return {"databases": find_existing(admin, params.names)}

    def run(self, params: CopiesDropParams, report: actions.RunReport[CopiesDropEvidence]) -> actions.Outcome:
        """Drops them one by one. Raises `Problem` before the first when any of them is in use."""
        url = params.scratch["url"]
        with (
            postgres.explain_errors(url),
            postgres.connect(url, attempt=params.context.attempt, report=report) as admin,
        ):
            names = find_existing(admin, params.names)
            _refuse_used(find_copy_users(admin, names))
            for number, name in enumerate(names):
                report.raise_if_cancelled()
                report.progress(number, len(names), name)
                drop_unused(admin, name)
                report.log(f"Dropped {name}.")
                report.evidence({"server": _server(params), "dropped": names[: number + 1]})
        for folder in _project_copies(params):
            remove_copy(folder)
            report.log(f"Removed {folder}.")
        for key, host in _elsewhere(params).items():
            report.log(f"The private copy of the Prisma project of “{key}” stays on {host}: remove it there.")
        report.evidence({"server": _server(params), "dropped": names})
        if not names:
            return actions.Outcome(True, "No copy is left: there was nothing to drop.")
        return actions.Outcome(True, f"{len(names)} databases dropped: {', '.join(names)}.")

    def probe(self, params: CopiesDropParams, before: Mapping[str, Any]) -> actions.Finding:
        """Looks which of the databases that were there are left."""
        wanted = list(before.get("databases", []))
        with postgres.connect(params.scratch["url"], readonly=True) as admin:
            left = find_existing(admin, wanted)
        dropped = [name for name in wanted if name not in left]
        facts = {"server": _server(params), "dropped": dropped}
        if not left:
            return actions.Finding(
                actions.ProbeStatus.DONE, f"None of the {len(wanted)} databases is left.", facts
            )
        status = actions.ProbeStatus.PARTIAL if dropped else actions.ProbeStatus.NOT_DONE
        return actions.Finding(status, f"Left: {', '.join(left)}. Starting again drops them.", facts)


def _server(params: CopiesDropParams) -> str:
    return postgres.address(params.scratch["url"]).partition("/")[0]


def _refuse_used(used: list[DatabaseUsers]) -> None:
    if used:
        raise Problem(
            f"Somebody uses a copy: {'; '.join(f'{each.database}: {each}' for each in used)}.",
            means="Nothing was dropped: what they look at would be gone.",
            next=f"Ask them to finish. {' '.join(each.advice for each in used)} Then start this item again.",
        )


def _elsewhere(params: CopiesDropParams) -> dict[str, str]:
    """The rehearsals that other hosts carried out, by key, with their host: out of reach."""
    here, context = socket.gethostname(), params.context
    rehearsed = [key for key, item in context.items.items() if item.action == REHEARSE]
    return {key: context.hosts[key] for key in rehearsed if context.hosts.get(key, here) != here}


def _project_copies(params: CopiesDropParams) -> list[Path]:
    """The private copies of the Prisma project on this host."""
    folder = params.context.folder / "rehearsals"
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
