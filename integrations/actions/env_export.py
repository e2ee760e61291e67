"""Keeps the estate's environment file, encrypted: names and keyed fingerprints are shown, values never."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import archive, durable, env_file
from integrations.clients.env_file import EnvFile
from integrations.credentials import Credentials
from integrations.errors import Problem


@register
class EnvExport(Action):
    """Encrypts the file's exact bytes under the newest key and reads the result back."""

    key, title = "env.export", "Keep the environment file, encrypted"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=2)

    class Params(ActionForm):
        """``file``: the environment file, on the worker's host."""

        file = SystemField(kind="env_file")

    def preview(self, params: Values) -> Preview:
        """The names in the file, and where its encrypted copy will be."""
        found = env_file.read(Path(params.file["path"]))
        names = ", ".join(found.values) or "none that can be read"
        lines = [
            f"Read {len(found.values)} settings (nothing is run, no variable filled in): {names}.",
            f"Encrypt the file and keep it as {_target(params)}; show names and fingerprints only.",
        ]
        return Preview(lines, where=params.file["path"], warnings=_warnings(found))

    def before(self, params: Values) -> dict[str, Any]:
        """Where the copy will be."""
        return {"path": str(_target(params)), "attempt": params.context.attempt}

    def run(self, params: Values, report: Report) -> Outcome:
        """Exports; a file with a line that is no setting is refused, since its copy would be believed."""
        credentials = Credentials()
        found = env_file.read(Path(params.file["path"]))
        report.secret(*filter(None, found.values.values()))
        if found.malformed:
            raise Problem(
                f"{params.file['path']} has lines that are no setting: {_numbers(found.malformed)}.",
                means="Nothing was exported: whoever needs the copy later would trust it to be whole.",
                next="Correct these lines (NAME=value, quotes closed), then start this again.",
            )
        for warning in _warnings(found):
            report.log(warning)
        target = _target(params)
        durable.private_folder(target.parent)
        durable.write(target, credentials.encrypt(found.data))
        if credentials.decrypt(target.read_bytes()) != found.data:
            raise Problem(f"{target} does not read back as it was written.", next="Check the disk.")
        facts = _evidence(target, found, credentials)
        report.evidence(export=facts)
        for name, fingerprint in facts["fingerprints"].items():
            report.log(f"{name}: {fingerprint}")
        return Outcome(True, f"{facts['count']} settings kept in {target.name}, encrypted and read back.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Looks whether the copy is there and can be decrypted."""
        target = Path(before["path"])
        if not target.exists():
            return Finding(Seen.NOT_DONE, f"There is no {target.name}.")
        try:
            Credentials().decrypt(target.read_bytes())
        except Problem as problem:
            return Finding(Seen.PARTIAL, f"{target.name} is there. {problem}")
        sha256 = archive.sha256(target)
        return Finding(Seen.DONE, f"{target.name} is there and can be decrypted.", {"sha256": sha256})


def _target(params: Values) -> Path:
    attempt = params.context.attempt or "preview"
    return params.context.folder / "exports" / f"{params.file.name}-{attempt}.env.fernet"


def _evidence(target: Path, found: EnvFile, credentials: Credentials) -> dict[str, Any]:
    return {
        "path": str(target),
        "bytes": target.stat().st_size,
        "sha256": archive.sha256(target),
        "taken_at": datetime.now(UTC).isoformat(),
        "count": len(found.values),
        "names": list(found.values),
        "fingerprints": {n: credentials.fingerprint(v, n) if v else "empty" for n, v in found.values.items()},
        "key": credentials.key_id,
        "overridden": found.overridden,
    }


def _warnings(found: EnvFile) -> list[str]:
    said = []
    if found.malformed:
        said.append(f"Lines that are no setting: {_numbers(found.malformed)}. The export would be refused.")
    for name, lines in found.overridden.items():
        said.append(f"{name} is set more than once; {_numbers(lines)} has no effect.")
    return said


def _numbers(lines: list[int]) -> str:
    return f"line {', '.join(map(str, lines))}"
