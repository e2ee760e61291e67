"""Holds the new estate's settings against the old one's: present, missing, the same, rotated, malformed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import env_file, secret_names
from integrations.credentials import Credentials
from integrations.errors import Problem

#: names whose value must not be carried over: who knew the old one would have the new one, too
ROTATED = ("SESSION_SECRET",)


@register
class SecretsLedger(Action):
    """No value is ever shown: a fingerprint with the panel's own key tells same from other, no more."""

    key, title = "secrets.ledger", "Hold the new estate's settings against the old one's"
    effect = Effect.PURE
    deadline = timedelta(minutes=2)

    class Params(ActionForm):
        """``new``: the new environment file; ``old``: the old one, or ``export``: the item that kept it (its
        fingerprints are enough); ``also``: more names that the new estate needs."""

        new = SystemField(kind="env_file")
        old = SystemField(kind="env_file", required=False)
        export = EvidenceField(action="env.export", required=False)
        also = JSONValueField(kind=list, required=False)

    def preview(self, params: Values) -> Preview:
        """What is read; nothing is shown of it."""
        lines = [f"Read {params.new['path']}; compare {len(secret_names.NEW)} names, by keyed fingerprints."]
        return Preview(lines, where=params.new["path"])

    def run(self, params: Values, report: Report) -> Outcome:
        """Red with a remedy for each name that is missing or malformed."""
        found = env_file.read(Path(params.new["path"]))
        report.secret(*filter(None, found.values.values()))
        credentials, old = Credentials(), _old(params, report)
        names = tuple(dict.fromkeys((*secret_names.NEW, *map(str, params.also))))
        rows = [
            _row(name, value, old, credentials, rehearsal=params.context.rehearsal)
            for name, value in sorted(found.values.items())
        ]
        missing = secret_names.missing(names, found.values)
        for row in rows:
            report.log(
                f"{'✗' if row['wrong'] else '✓'} {row['name']}: {row['state']} {row['wrong']}".rstrip()
            )
        for name in missing:
            report.log(f"✗ {name}: missing")
        unknown = secret_names.missing(secret_names.OLD, old)
        if unknown:
            report.log(f"The old estate has no {', '.join(unknown)}: nothing to compare these with.")
        gone = sorted(set(old) - set(found.values))
        report.evidence(
            ledger={"settings": rows, "missing": missing, "only_old": gone, "key": credentials.key_id},
            old_missing=unknown,
        )
        return _verdict(rows, missing, found.malformed)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only reads.")


def _old(params: Values, report: Report) -> dict[str, str]:
    """The old estate's fingerprints by name: from its file, else from what was exported."""
    if params.old:
        found = env_file.read(Path(params.old["path"]))
        report.secret(*filter(None, found.values.values()))
        if found.malformed:
            lines = ", ".join(map(str, found.malformed))
            raise Problem(
                f"{params.old['path']} has lines that are no setting: {lines}.",
                means="Every name would look new, and nothing would look carried over.",
                next="Correct these lines (NAME=value, quotes closed), then start this again.",
            )
        credentials = Credentials()
        return {name: credentials.fingerprint(value, name) for name, value in found.values.items() if value}
    facts = params.context.evidence.get(params.export, {}).get("export", {}) if params.export else {}
    return dict(facts.get("fingerprints", {}))


def _row(
    name: str, value: str, old: Mapping[str, str], credentials: Credentials, *, rehearsal: bool
) -> dict[str, Any]:
    mark = credentials.fingerprint(value, name) if value else "empty"
    state = "new" if name not in old else "the same" if old[name] == mark else "rotated"
    wrong = secret_names.malformed(name, value, rehearsal=rehearsal) if value else "is empty."
    if not wrong and state == "the same" and name in ROTATED:
        wrong = "is the old one: whoever knew that could sign in here."
    if not wrong and name == "SESSION_SECRET" and "SECRET_KEY" in old:
        same = credentials.fingerprint(value, "SECRET_KEY") == old["SECRET_KEY"]
        wrong = "is the old estate's SECRET_KEY: make a new one." if same else ""
    if not wrong and name == "SHADOW_DATABASE_URL" and not rehearsal:
        wrong = "is set; in production it has to be unset, or Prisma may work on it."
    return {"name": name, "state": state, "fingerprint": mark, "wrong": wrong}


def _verdict(rows: list[dict[str, Any]], missing: list[str], malformed: list[int]) -> Outcome:
    said = []
    if malformed:
        said.append(f"Lines that are no setting: {', '.join(map(str, malformed))}. Correct them first.")
    if missing:
        said.append(f"Missing: {', '.join(missing)}.")
    said += [f"{row['name']} {row['wrong']}" for row in rows if row["wrong"]]
    if said:
        return Outcome(False, " ".join(said))
    count = {state: sum(row["state"] == state for row in rows) for state in ("the same", "rotated", "new")}
    told = ", ".join(f"{number} {state}" for state, number in count.items() if number)
    return Outcome(True, f"{len(rows)} settings are there and well-formed: {told}.")
