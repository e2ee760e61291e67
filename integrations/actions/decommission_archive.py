"""Archives the old stack after it has served no request for the agreed time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.decommission_quiet_time import WATCH, QuietParams, QuietTime, answers, find_use
from integrations.actions.platform_services import (
    ServiceFacts,
    count_replicas,
    refuse_unknown_services,
    service_facts,
)
from integrations.backups import service_archive, tarball
from integrations.backups.service_archive import KeptServices
from integrations.checksums import list_files
from integrations.clients.http import HttpClient
from integrations.clients.platform import Platform, get_platform
from integrations.errors import Problem
from integrations.runbook_commands import format_command
from integrations.systems import System

PATIENCE = 60.0  # seconds until archived services have to be gone


@dataclass(frozen=True)
class DecommissionArchiveParams(QuietParams):
    """What to archive."""

    platform: System | None
    services: list[Any]
    source: System | None
    place: System | None


class PackedFolder(TypedDict):
    """The archive of the source folder."""

    file: str
    bytes: int
    files: int
    sha256: str


class DecommissionArchiveEvidence(TypedDict, total=False):
    """What a run records; ``kept``: only without the platform's own ``archive:``."""

    served: QuietTime
    archived: PackedFolder
    kept: KeptServices
    services: ServiceFacts
    still_there: list[str]
    warnings: list[str]


ArchiveReport = actions.RunReport[DecommissionArchiveEvidence]


@actions.register
class DecommissionArchive(actions.Action[DecommissionArchiveParams, DecommissionArchiveEvidence]):
    """Archives only when nobody uses the old stack: no request in the agreed time, and none in a watch."""

    key, title = "decommission.archive", "Archive the old stack"
    texts_shown = True
    public_params = frozenset({"services"})
    effect = actions.Effect.AT_MOST_ONCE
    deadline = timedelta(hours=3)
    risky = True

    class Params(actions.ActionForm):
        """``old``: the old stack; ``counted_at``: the load balancers that count its requests (default: its
        own ``requests:``); ``quiet_minutes``: the agreed time without a request; ``watch_seconds``: how long
        it is watched first (60); ``stopped``: the item that stopped it, whose time counts if it does not
        answer any more; ``platform`` and ``services``: archived with the platform's ``archive:`` or, without
        one, configuration, image digests and logs are kept, encrypted, in ``place`` (default: the cutover's
        folder) and the services are scaled to zero; ``source``: a folder that is packed into ``place``."""

        old = actions.SystemField(kind="http")
        counted_at = actions.SystemsField(kind="proxy", required=False)
        quiet_minutes = forms.FloatField(min_value=0.01)
        watch_seconds = forms.FloatField(min_value=0.1, required=False)
        stopped = actions.EvidenceField(action="service.stop", required=False)
        platform = actions.SystemField(kind="platform", required=False)
        services = actions.JSONValueField(kind=list, required=False)
        source = actions.SystemField(kind="folder", required=False)
        place = actions.SystemField(kind="folder", required=False)

        def clean(self) -> dict[str, Any]:
            """Something to archive, and everything that it needs."""
            given = self.cleaned_data
            if bool(given.get("platform")) != bool(given.get("services")):
                raise forms.ValidationError("platform: and services: go together.")
            if given.get("source") and not given.get("place"):
                raise forms.ValidationError("source: and place: go together.")
            if not given.get("platform") and not given.get("source"):
                raise forms.ValidationError("Name platform: and services:, or source: and place:, or all.")
            return given

    def resource(self, params: DecommissionArchiveParams) -> str:
        """The platform's services: archiving, starting and stopping exclude each other."""
        if params.platform:
            return f"services:{params.platform.name}"
        assert params.source, "the form wants one of the two"
        return f"folder:{params.source['path']}"

    def preview(self, params: DecommissionArchiveParams) -> actions.Preview:
        """The conditions, and the commands."""
        stack, watch = params.old, params.watch_seconds or WATCH
        lines = [
            f"Read {params.counter().where}: no request to {stack['url']} for {params.quiet_minutes:g} "
            f"minutes, and none during a watch of {watch:g} s; otherwise nothing is archived."
        ]
        if params.source:
            target = _target(params, params.source)
            lines.append(f"Pack {params.source['path']} into {target}; read it back and compare.")
        warnings = ["After this the old stack cannot be brought back quickly."]
        if params.platform and _keeps(params):
            lines.append(
                f"Keep configuration, image digests and logs of {', '.join(params.services)}, encrypted, in "
                f"{_kept_folder(params)}; read them back."
            )
            warnings = ["The services are scaled to zero and not removed: service.start starts them again."]
        if params.platform:
            lines += [
                format_command(c) for c in get_platform(params.platform).archive_commands(params.services)
            ]
            lines.append(f"Wait until {', '.join(params.services)} are gone and {stack['url']} is silent.")
        return actions.Preview(lines, where=stack["url"], warnings=warnings)

    def before(self, params: DecommissionArchiveParams) -> dict[str, Any]:
        """The status of the services, and the path of the packed folder."""
        status = get_platform(params.platform).read_status() if params.platform else {}
        target = str(_target(params, params.source)) if params.source else ""
        kept = str(_kept_folder(params)) if _keeps(params) else ""
        return {
            "services": service_facts(status, params.services),
            "replicas": count_replicas(status, params.services),
            "file": target,
            "kept": kept,
        }

    def run(self, params: DecommissionArchiveParams, report: ArchiveReport) -> actions.Outcome:
        """Watches, then archives. A request in the agreed time is a verdict, and nothing is archived."""
        if params.platform:
            status = get_platform(params.platform).read_status(params.context.attempt)
            refuse_unknown_services(status, params.services)
        if reason := find_use(params, report, lambda facts: report.evidence({"served": facts})):
            return actions.Outcome(False, f"{reason} Nothing was archived.")
        done = []
        if params.source:
            done.append(_pack_folder(params, params.source, report))
        if params.platform:
            driver = get_platform(params.platform)
            if _keeps(params):
                done.append(_keep_services(params, driver, report))
            driver.run(driver.archive_commands(params.services), report, params.context.attempt)
            if left := _wait_until_gone(params, params.platform, report):
                return actions.Outcome(False, f"Archived, but {left}. Stop that by hand.")
            done.append(
                f"{', '.join(params.services)} {'scaled to zero' if _keeps(params) else 'archived and gone'}"
            )
        return actions.Outcome(True, f"No request for {params.quiet_minutes:g} minutes; {'; '.join(done)}.")

    def probe(self, params: DecommissionArchiveParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether the packed file is complete, and whether the services are gone."""
        parts, observed = [], []
        if before["file"]:
            parts.append(tarball.is_whole(Path(before["file"])))
            observed.append(f"{before['file']} is {'complete' if parts[-1] else 'missing or incomplete'}")
        if before.get("kept"):
            parts.append(service_archive.is_kept(Path(before["kept"])))
            observed.append(f"{before['kept']} is {'complete' if parts[-1] else 'missing or incomplete'}")
        if before["services"] and params.platform:
            status = get_platform(params.platform).read_status()
            services = [status.get(name) for name in before["services"]]
            parts += [service is None or service.is_down for service in services]
            known = "; ".join(str(service) for service in services if service)
            observed.append(known or "the platform knows none of the services any more")
        if all(parts):
            found = actions.ProbeStatus.DONE
        else:
            found = actions.ProbeStatus.PARTIAL if any(parts) else actions.ProbeStatus.NOT_DONE
        return actions.Finding(found, f"{'; '.join(observed)}.", {"parts": parts})


def _target(params: DecommissionArchiveParams, source: System) -> Path:
    """The path of the packed folder; each attempt has its own."""
    assert params.place, "the form wants source: and place: together"
    attempt = params.context.attempt or "ATTEMPT"
    return Path(params.place["path"]) / f"{Path(source['path']).name}-{attempt}.tar.gz"


def _keeps(params: DecommissionArchiveParams) -> bool:
    """Whether the panel itself archives: the platform has no command for it."""
    return bool(params.platform and not params.platform.get("archive"))


def _kept_folder(params: DecommissionArchiveParams) -> Path:
    base = Path(params.place["path"]) if params.place else params.context.folder / "archives"
    return base / f"{params.platform.name if params.platform else ''}-{params.context.attempt or 'ATTEMPT'}"


def _keep_services(params: DecommissionArchiveParams, driver: Platform, report: ArchiveReport) -> str:
    status = driver.read_status(params.context.attempt)
    services = [status[name] for name in params.services]
    kept = service_archive.keep_services(
        driver, services, _kept_folder(params), params.context.attempt, report.raise_if_cancelled
    )
    if not params.place:
        for path in list_files(Path(kept["folder"])):
            params.context.artefacts.publish(path)
    for file in kept["files"]:
        report.log(f"{file['name']}: {file['bytes']:,} bytes, SHA-256 {file['sha256']}, read back.")
    for name, reason in kept["without_log"].items():
        report.log(f"No log of {name} was kept: {reason}")
    report.evidence({"kept": kept, "warnings": _list_missing(kept)})
    missing = f", without the log of {', '.join(kept['without_log'])}" if kept["without_log"] else ""
    return f"{len(kept['files'])} files of configuration and logs kept{missing}"


def _list_missing(kept: KeptServices) -> list[str]:
    """What the archive lacks, in sentences."""
    logs = [f"No log of {name} was kept: {reason}" for name, reason in kept["without_log"].items()]
    return logs + [
        f"The digest of {name} is not known: {kept['images'][name] or 'its image'} may be another one later."
        for name, digests in kept["digests"].items()
        if not digests
    ]


def _pack_folder(params: DecommissionArchiveParams, source: System, report: ArchiveReport) -> str:
    target = _target(params, source)
    if not target.parent.is_dir():
        raise Problem(
            f"The folder {target.parent} does not exist.",
            means="Nothing was archived.",
            next="Mount it, or correct path: of the system.",
        )
    done = tarball.pack_folder(Path(source["path"]), target, report.raise_if_cancelled)
    report.log(
        f"{done.path.name}: {done.files} files, {done.bytes:,} bytes, SHA-256 {done.sha256}, read back."
    )
    report.evidence(
        {
            "archived": {
                "file": str(done.path),
                "bytes": done.bytes,
                "files": done.files,
                "sha256": done.sha256,
            }
        }
    )
    return f"{done.files} files packed and read back, SHA-256 {done.sha256[:12]}"


def _wait_until_gone(params: DecommissionArchiveParams, platform: System, report: ArchiveReport) -> str:
    """Waits until services and address are gone; returns what is left when the time is over ("": nothing)."""
    driver, http_client = get_platform(platform), HttpClient.of(params.context.systems)
    until = time.monotonic() + PATIENCE
    while True:
        status = driver.read_status(params.context.attempt)
        left = [
            str(service) for service in map(status.get, params.services) if service and not service.is_down
        ]
        if answers(http_client, params.old):
            left.append(f"{params.old['url']} still answers")
        report.evidence({"services": service_facts(status, params.services), "still_there": left})
        if not left or time.monotonic() > until:
            return "; ".join(left)
        report.raise_if_cancelled()
        time.sleep(0.3)
