"""Exports an environment file, encrypted. Names and keyed fingerprints are shown, values never."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

from integrations import actions, atomic_files
from integrations.checksums import hash_file
from integrations.credentials import Credentials
from integrations.environment import env_file, secret_names
from integrations.environment.env_file import EnvFile
from integrations.errors import Problem
from integrations.systems import System


@dataclass(frozen=True)
class EnvExportParams(actions.ActionParams):
    """Which file to export."""

    file: System


class ExportedFile(TypedDict):
    """An encrypted copy. ``bytes`` and ``sha256`` are those of the copy; ``fingerprints`` are keyed, by
    name; ``overridden`` has the numbers of lines without effect, by name; ``key`` is the key's id."""

    path: str
    bytes: int
    sha256: str
    taken_at: str
    count: int
    names: list[str]
    fingerprints: dict[str, str]
    key: str
    overridden: dict[str, list[int]]


class EnvExportEvidence(TypedDict, total=False):
    """What a run records."""

    export: ExportedFile


@actions.register
class EnvExport(actions.Action[EnvExportParams, EnvExportEvidence]):
    """Encrypts the exact bytes of the file with the newest key and reads the result back."""

    key, title = "env.export", "Export the environment file, encrypted"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=2)

    class Params(actions.ActionForm):
        """``file``: the environment file, on the worker's host."""

        file = actions.SystemField(kind="env_file")

    def preview(self, params: EnvExportParams) -> actions.Preview:
        """The names in the file, and where the encrypted copy will be."""
        found = env_file.read_system_file(params.file)
        names = ", ".join(found.values) or "none that can be read"
        lines = [
            f"Read {len(found.values)} settings as text (no shell, no expansion): {names}.",
            f"Encrypt the file and keep it as {_target(params)}; show names and fingerprints only.",
        ]
        return actions.Preview(lines, where=params.file["path"], warnings=_warnings(found))

    def before(self, params: EnvExportParams) -> dict[str, Any]:
        """Where the copy will be."""
        return {"path": str(_target(params)), "attempt": params.context.attempt}

    def run(self, params: EnvExportParams, report: actions.RunReport[EnvExportEvidence]) -> actions.Outcome:
        """Refuses a file with a line that is no setting: the copy would not be complete."""
        credentials = Credentials()
        found = env_file.read_system_file(params.file)
        report.secret(*filter(None, found.values.values()))
        _refuse_faults(params.file["path"], found)
        for warning in _warnings(found):
            report.log(warning)
        target = _target(params)
        atomic_files.make_private_folder(target.parent)
        atomic_files.write_file(target, credentials.encrypt(found.data))
        if credentials.decrypt(target.read_bytes()) != found.data:
            raise Problem(f"{target} does not read back as it was written.", next="Check the disk.")
        params.context.artefacts.publish(target)
        facts = _export_facts(target, found, credentials)
        report.evidence({"export": facts})
        for name, fingerprint in facts["fingerprints"].items():
            report.log(f"{name} has the fingerprint {fingerprint}.")
        return actions.Outcome(
            True, f"Exported {facts['count']} settings to {target.name}, encrypted and read back."
        )

    def probe(self, params: EnvExportParams, before: Mapping[str, Any]) -> actions.Finding:
        """Checks whether the copy exists and can be decrypted."""
        store = params.context.artefacts
        target = store.locate(before["path"])
        if not store.has(target):
            if target.exists():
                said = f"{target.name} is on {socket.gethostname()}, but not in the storage of artefacts."
                return actions.Finding(actions.ProbeStatus.PARTIAL, said)
            return actions.Finding(actions.ProbeStatus.NOT_DONE, f"There is no {target.name}.")
        target = store.fetch(str(target))
        try:
            Credentials().decrypt(target.read_bytes())
        except Problem as problem:
            return actions.Finding(actions.ProbeStatus.PARTIAL, f"{target.name} is there. {problem}")
        sha256 = hash_file(target)
        return actions.Finding(
            actions.ProbeStatus.DONE, f"{target.name} is there and can be decrypted.", {"sha256": sha256}
        )


def _target(params: EnvExportParams) -> Path:
    attempt = params.context.attempt or "preview"
    return params.context.folder / "exports" / f"{params.file.name}-{attempt}.env.fernet"


def _export_facts(target: Path, found: EnvFile, credentials: Credentials) -> ExportedFile:
    return {
        "path": str(target),
        "bytes": target.stat().st_size,
        "sha256": hash_file(target),
        "taken_at": datetime.now(UTC).isoformat(),
        "count": len(found.values),
        "names": list(found.values),
        "fingerprints": {n: credentials.fingerprint(v, n) if v else "empty" for n, v in found.values.items()},
        "key": credentials.key_id,
        "overridden": found.overridden,
    }


def _refuse_faults(path: str, found: EnvFile) -> None:
    if found.malformed:
        raise Problem(
            f"{path} has lines that are no setting: {_numbers(found.malformed)}.",
            means="Nothing was exported: the copy would not be complete.",
            next="Correct these lines (NAME=value, quotes closed), then start this item again.",
        )
    if found.ambiguous:
        raise Problem(
            env_file.describe_faults(found),
            means="Nothing was exported: which values the application has is not known.",
            next="Correct the lines, or name the reader, then start this item again.",
        )


def _warnings(found: EnvFile) -> list[str]:
    warnings = []
    if found.malformed or found.ambiguous:
        warnings.append(f"{env_file.describe_faults(found)} The export would be refused.")
    for name, line in found.differing.items() if found.reader else ():
        warnings.append(f"{name} (line {line}) has another value for other readers than {found.reader}.")
    for name, value in found.values.items():
        if reference := secret_names.find_reference(value):
            warnings.append(f"{name} holds no value but {reference}.")
    for name, lines in found.overridden.items():
        warnings.append(f"{name} is set more than once; {_numbers(lines)} has no effect.")
    return warnings


def _numbers(lines: list[int]) -> str:
    return f"line {', '.join(map(str, lines))}"
