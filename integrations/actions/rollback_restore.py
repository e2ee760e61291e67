"""Brings back the database from before the migration: restored beside the live one, proven, then swapped."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms

from integrations import programs
from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import pgtools, postgres, scratch_database, swap
from integrations.clients.archive import Archive
from integrations.clients.restoring import Restored, Target, restore
from integrations.errors import Problem


@register
class RollbackRestore(Action):
    """Nothing of the live database is touched before the restored one is proven equal to the backup."""

    key, title = "rollback.restore", "Restore the verified backup and put it in the live database's place"
    effect = Effect.AT_MOST_ONCE
    deadline = timedelta(hours=2)
    risky = True

    class Params(ActionForm):
        """``database``: the live one, by a login that owns it and may create databases. ``backup`` and
        ``verified``: the items that took the backup and proved it. ``jobs``: tables restored at once.
        ``back_to``: instead, swap back what that item put aside."""

        database = SystemField(kind="postgres")
        backup = EvidenceField(action="backup.take", required=False)
        verified = EvidenceField(action="backup.verify", required=False)
        jobs = forms.IntegerField(min_value=1, max_value=32, required=False)
        back_to = EvidenceField(action="rollback.restore", required=False)

        def clean(self) -> dict[str, Any]:
            """Either a backup that was verified, or what to swap back."""
            given = self.cleaned_data
            if not given.get("back_to") and not (given.get("backup") and given.get("verified")):
                raise forms.ValidationError("Name backup: and verified:, or back_to:.")
            return given

    def resource(self, params: Values) -> str:
        """The live database as a whole."""
        return f"db:{postgres.address(params.database['url'])}"

    def preview(self, params: Values) -> Preview:
        """Each step, with the names that the databases will have."""
        names = _names(params)
        where = postgres.address(params.database["url"])
        swapping = [
            f"Close {names.live} and end its sessions.",
            f"{names.live} → {names.aside}, {names.incoming} → {names.live}.",
            f"{names.aside} stays, closed to everybody, until somebody drops it.",
        ]
        if params.back_to:
            return Preview(swapping, where=where, warnings=[LOSES])
        facts = _backup(params)
        lines = [
            f"Check the SHA-256 of every file of {Path(facts['path']).name}, taken {facts['taken_at']}.",
            f"Create {names.incoming}; pg_restore --exit-on-error --jobs={params.jobs or 2} into it.",
            "Compare every table with the fingerprint of the backup; stop here when one differs.",
            f"Give it owner, rights, settings and comment of {names.live} (the freeze among them).",
            *swapping,
        ]
        return Preview(lines, where=where, warnings=[LOSES])

    def before(self, params: Values) -> dict[str, Any]:
        """The three names."""
        names = _names(params)
        if not params.back_to:
            _backup(params)
        return {
            "live": names.live,
            "incoming": names.incoming,
            "aside": names.aside,
            "attempt": params.context.attempt,
        }

    def run(self, params: Values, report: Report) -> Outcome:
        """Restores, compares, configures, swaps. A copy that differs is a verdict, and is not swapped."""
        url, names = params.database["url"], _names(params)
        report.secret(postgres.settings(url).get("password", ""))
        with swap.beside(url, params.context.attempt) as admin:
            _refuse_taken(admin, names)
            if params.back_to:
                seconds = swap.swap(admin, names.live, names.incoming, names.aside, report.log)
                report.evidence(swapped_back={**vars(names), "seconds_closed": seconds})
                return Outcome(True, f"{names.live} is again what was put aside; kept as {names.aside}.")
            return _restore_and_swap(admin, params, names, report)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Which of the names are there, and whether somebody may connect to the live one."""
        with swap.beside(params.database["url"], readonly=True) as admin:
            there = {n: swap.find(admin, before[n]) for n in ("live", "incoming", "aside")}
        facts = {before[n]: "there" if found else "not there" for n, found in there.items()}
        saw = ", ".join(f"{name} is {word}" for name, word in facts.items())
        if programs.leftovers(before["attempt"]):
            return Finding(Seen.STILL_RUNNING, f"pg_restore still runs; {saw}.", facts)
        live = there["live"]
        if live and live.connections and there["aside"] and not there["incoming"]:
            return Finding(Seen.DONE, f"The swap was made: {saw}.", facts)
        if live and live.connections and not there["aside"] and not there["incoming"]:
            return Finding(Seen.NOT_DONE, f"Nothing was swapped, and no copy was left: {saw}.", facts)
        return Finding(Seen.PARTIAL, f"{saw}. {_way_on(before, there)}", facts)


LOSES = (
    "What was written since the backup is no longer in the live database afterwards: only in the kept one."
)


@dataclass(frozen=True)
class Names:
    """The live database, the one that takes its place, and the name under which the live one is kept."""

    live: str
    incoming: str
    aside: str


def _names(params: Values) -> Names:
    live = swap.name_of(params.database["url"])
    mark = re.sub(r"[^0-9a-z]", "", (params.context.attempt or "preview").lower())[:8]
    aside = f"{live[:45]}_failed_{mark}"
    if not params.back_to:
        return Names(live, f"{live[:45]}_restore_{mark}", aside)
    kept = params.context.evidence.get(params.back_to, {}).get("restored")
    if not kept:
        raise Problem(
            f"“{params.back_to}” put no database aside.",
            means="There is nothing to swap back.",
            next="Look at its evidence; the databases of the server are listed by \\l in psql.",
        )
    return Names(live, kept["kept_as"], aside)


def _backup(params: Values) -> Mapping[str, Any]:
    """The backup's facts, when it was verified as it is. Raises `Problem` otherwise."""
    facts: Mapping[str, Any] | None = params.context.evidence.get(params.backup, {}).get("backup")
    proof = params.context.evidence.get(params.verified, {}).get("verified")
    if not facts or not proof or not proof["equal"] or proof["sha256"] != facts["sha256"]:
        raise Problem(
            f"The backup of “{params.backup}” is not proven by “{params.verified}”.",
            means="A backup that was not restored and compared is a hope; the live database was not touched.",
            next=f"Carry out “{params.verified}” on exactly that backup first.",
        )
    return facts


def _refuse_taken(admin: postgres.Connection, names: Names) -> None:
    if swap.find(admin, names.aside):
        raise Problem(
            f"There is a database {names.aside} already.",
            means="An earlier try got that far. Nothing was done now.",
            next="Look what it is before you drop or rename it.",
        )


def _restore_and_swap(admin: postgres.Connection, params: Values, names: Names, report: Report) -> Outcome:
    facts = _backup(params)
    archive = Archive(Path(facts["path"]))
    manifest, sha256 = archive.manifest()
    damages = archive.damages(manifest) + ([] if sha256 == facts["sha256"] else ["The manifest was changed."])
    if damages:
        return Outcome(False, f"The backup is damaged, the live database untouched: {damages[0]}")
    _room(archive)
    with _incoming(admin, names, manifest, report):
        result = _restored(admin, params, names, archive, manifest, report)
        if result.problems:
            for problem in result.problems:
                report.log(problem)
            return Outcome(False, f"Not swapped, the restored copy is not right: {result.problems[0]}")
        swap.configure_like(admin, names.live, names.incoming, report.log)
        report.raise_if_cancelled()  # the last moment at which nothing has changed
        closed = swap.swap(admin, names.live, names.incoming, names.aside, report.log)
    report.evidence(
        restored={
            "database": names.live,
            "kept_as": names.aside,
            "from_sha256": sha256,
            "taken_at": facts["taken_at"],
            "seconds": result.seconds,
            "seconds_closed": closed,
            "tables": result.tables,
            "rows": result.rows,
            "digest": result.digest,
            "notes": result.notes,
        }
    )
    said = f"{result.tables} tables, {result.rows:,} rows, in {result.seconds:.1f} s"
    return Outcome(
        True, f"{names.live} is the backup of {facts['taken_at'][:16]} again ({said}); kept: {names.aside}."
    )


def _restored(
    admin: postgres.Connection, params: Values, names: Names, archive: Archive, manifest: Mapping[str, Any],
    report: Report,
) -> Restored:  # fmt: skip
    url = postgres.with_database(params.database["url"], names.incoming)
    target = Target(url, pgtools.major(admin), params.database, params.context.attempt)
    with swap.owners_let_in(params.database["url"], url, params.context.attempt):
        result = restore(archive, manifest, target, report, jobs=params.jobs or 2)
    if not result.problems:
        with postgres.connect(url, attempt=params.context.attempt) as inside:
            inside.execute("analyze")
    return result


@contextmanager
def _incoming(
    admin: postgres.Connection, names: Names, manifest: Mapping[str, Any], report: Report
) -> Iterator[None]:
    """The database to restore into; dropped again unless it took the live one's place."""
    for note in scratch_database.create(admin, names.incoming, manifest["locale"]):
        report.log(note)
    report.log(f"Created {names.incoming}.")
    try:
        yield
    finally:
        if swap.find(admin, names.incoming):
            scratch_database.drop(admin, names.incoming)
            report.log(f"Dropped {names.incoming}; {names.live} is as it was.")


def _room(archive: Archive) -> None:
    """The server's disk cannot be asked for; ours is where an embedded server keeps its data, too."""
    need = sum(file.stat().st_size for file in archive.path.rglob("*") if file.is_file())
    free = shutil.disk_usage(archive.path).free
    if free < need:
        raise Problem(
            f"The disk has {free:,} bytes free, and the backup alone is {need:,}.",
            means="The restore would not come to its end; nothing was done.",
            next="Make room on the database server, then start it again.",
        )


def _way_on(before: Mapping[str, Any], there: Mapping[str, swap.Database | None]) -> str:
    live, incoming, aside = before["live"], before["incoming"], before["aside"]
    if there["live"] is None:
        source = incoming if there["incoming"] else aside
        return f'To go on: ALTER DATABASE "{source}" RENAME TO "{live}"; then ALLOW_CONNECTIONS true for it.'
    if not there["live"].connections:
        return f'Nobody can connect: ALTER DATABASE "{live}" WITH ALLOW_CONNECTIONS true;'
    return (
        f'The live database is as it was. A half-made copy is left: DROP DATABASE "{incoming}" WITH (FORCE);'
    )
