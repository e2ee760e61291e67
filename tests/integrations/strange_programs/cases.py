"""How each place of the code that starts a program is reached: by an action, with systems and parameters."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.actions import registry
from integrations.clients.http import HttpClient
from integrations.clients.postgres import with_database
from integrations.clients.proxies.nginx import Nginx
from integrations.clients.proxies.proxy import Weights
from integrations.environment.api_process import ApiProcess
from integrations.errors import Problem
from integrations.systems import System
from tests.allowed import allow
from tests.integrations.recorder import Recorder
from tests.integrations.strange_programs.good_programs import APPLIED, IMAGE, TOTAL, write_prisma_project
from tests.integrations.strange_programs.kinds import CheckCase, ClientCase, Facts, ProgramCase, World


def set_nginx_weights(world: World, report: Recorder) -> None:
    """Raises AssertionError for a file that is not what nginx was told last."""
    file = world.folder.parent / "pool.conf"
    file.write_text(before := "upstream web {\n    server a weight=100;\n    server b down;\n}\n")
    settings = {"driver": "nginx", "pool": "web", "old": "a", "new": "b", "file": str(file)}
    proxy = Nginx(System("door", "proxy", settings, {}), HttpClient([]))
    try:
        proxy.set(Weights(40, 60), proxy.read()[1])
    except Problem:
        assert file.read_text() == before
        raise


def start_api(world: World, report: Recorder) -> None:
    """Raises `Problem` unless it answers, and connects to its database."""
    url = world.database.admin_url
    settings = {
        "stands_for": "api",
        "command": f"{world.folder}/program api",
        "database": "D",
        "port": "PORT",
    }
    api = ApiProcess(System("copy", "api_process", settings, {}), url, url)
    with api.run(report, attempt="1-1", folder=world.folder.parent):
        pass


def platform_of(driver: str, **settings: str) -> Callable[[World], Mapping[str, Any]]:
    return lambda world: {"engine": {"kind": "platform", "driver": driver, **settings}}


def command_platform(world: World) -> Mapping[str, Any]:
    program = f"{world.folder}/program"
    own = {name: f"{program} {name}" for name in ("apply", "status", "start", "stop", "describe")}
    return {"engine": {"kind": "platform", "driver": "command", **own}}


def stopped_platform(world: World) -> Mapping[str, Any]:
    engine = command_platform(world)["engine"]
    return {"engine": {**engine, "status": f"{world.folder}/program gone"}}


def program_alone(world: World) -> Mapping[str, Any]:
    return {}


def other_host(world: World) -> Mapping[str, Any]:
    allow("[ama@host.invalid]", "/bin/echo", shutil.which("df") or "df")
    return {"other": {"kind": "host", "address": "host.invalid", "user": "ama"}}


def live_database(world: World) -> Mapping[str, Any]:
    scratch = with_database(world.database.admin_url, "postgres")
    return {
        "live": {"kind": "postgres", "url": world.database.admin_url},
        "scratch": {"kind": "postgres", "url": scratch},
    }


def take_backup(world: World, systems: Mapping[str, Any]) -> Mapping[str, Facts]:
    action, report = registry()["backup.take"], Recorder()
    assert action.run(action.bind({"database": "live"}, world.new_context(systems)), report).ok
    return {"take": report.facts}


def prisma_project(world: World) -> Mapping[str, Any]:
    parts, folder = urlsplit(world.database.admin_url), world.folder.parent / "project"
    if not folder.exists():
        place = f"{parts.hostname}:{parts.port}"
        allow(write_prisma_project(folder, database=parts.path.lstrip("/"), place=place))
        world.database.execute(APPLIED)
    settings = {"kind": "prisma", "project": str(folder), "database": world.database.admin_url}
    return {"new": {**settings, "command": "node_modules/.bin/prisma", "diff": "native"}}


IMAGES = {"api": IMAGE}
PLATFORM = "integrations.clients.platform"
STATUS = f"{PLATFORM}.platform.read_output"
CHANGE = f"{PLATFORM}.platform.run"
KUBERNETES = {"namespace": "shop", "context": "here"}
RELEASE = {**KUBERNETES, "release": "r", "chart": "c"}
COMPOSE = {"project": "shop"}
SERVICES = {"platform": "engine", "services": ["api"]}
BY_CODE = "the runbook says by which exit code it succeeded, and which facts its output must have"

CASES = [
    ProgramCase(
        "command.run",
        "command.run",
        program_alone,
        {"argv": ["{folder}/program", "x"], "effect": "at_most_once"},
        ("integrations.actions.command_run._start",),
        by_exit_code=BY_CODE,
    ),
    ProgramCase(
        "command.run with facts",
        "command.run",
        program_alone,
        {"argv": ["{folder}/program", "x"], "effect": "at_most_once",
         "json_facts": {"state": "services.api.state"}},
        ("integrations.actions.command_run._start",),
    ),
    ProgramCase(
        "command.run over ssh",
        "command.run",
        other_host,
        {"argv": ["/bin/echo", "said: yes"], "effect": "pure", "host": "other",
         "pattern_facts": {"said": "said: (.*)"}},
        ("integrations.clients.remote_program.run_remote",),
    ),
    ProgramCase(
        "backup.take",
        "backup.take",
        live_database,
        {"database": "live"},
        ("integrations.backups.dump._run_pg_dump", "integrations.clients.pgtools._ask_version"),
        found_later={"cut": "its verification (test_a_damaged_archive_is_never_verified)"},
        tolerates={"--version": "another installation is taken where one does not tell its version"},
    ),
    ProgramCase(
        "backup.verify",
        "backup.verify",
        live_database,
        {"backup": "take", "scratch": "scratch"},
        ("integrations.backups.restore.restore_and_compare",),
        evidence=take_backup,
        tolerates={"--version": "another installation is taken where one does not tell its version"},
    ),
    *(
        ProgramCase(
            f"service.start by {driver}",
            "service.start",
            systems,
            {**SERVICES, "stays_seconds": 0.1},
            (STATUS, CHANGE),
            by_exit_code="the status that is read afterwards decides",
            tolerates={"container inspect": "it only adds how often a container was restarted"},
        )
        for driver, systems in (
            ("command", command_platform),
            ("compose", platform_of("compose", **COMPOSE)),
            ("kubectl", platform_of("kubectl", **KUBERNETES)),
            ("helm", platform_of("helm", **RELEASE)),
        )
    ),
    ProgramCase("service.stop", "service.stop", stopped_platform, SERVICES, (STATUS, CHANGE),
        by_exit_code="the status that is read afterwards decides"),
    *(
        ProgramCase(
            f"image.check by {driver}",
            "image.check",
            systems,
            {"platform": "engine", "images": IMAGES},
            places,
            tolerates={"compose version": "only its exit code says whether the plugin is there"},
        )
        for driver, systems, places in (
            ("command", command_platform, (STATUS,)),
            ("compose", platform_of("compose", **COMPOSE),
             (STATUS, f"{PLATFORM}.engines.refuse_missing_engines")),
            ("kubectl", platform_of("kubectl", **KUBERNETES), (STATUS,)),
            ("helm", platform_of("helm", **RELEASE), (STATUS,)),
        )
    ),
    ProgramCase(
        "deploy.apply",
        "deploy.apply",
        command_platform,
        {"platform": "engine", "images": IMAGES},
        (STATUS, CHANGE),
        by_exit_code="the status that is read afterwards decides",
    ),
    ProgramCase(
        "prisma.generate",
        "prisma.generate",
        prisma_project,
        {"prisma": "new"},
        ("integrations.prisma.cli._start",),
        tolerates={"prisma --version": "its number is only recorded"},
    ),
    ProgramCase(
        "prisma.status",
        "prisma.status",
        prisma_project,
        {"prisma": "new"},
        ("integrations.prisma.cli._start",),
        tolerates={"prisma --version": "its number is only recorded"},
    ),
    ProgramCase(
        "prisma.deploy",
        "prisma.deploy",
        prisma_project,
        {"prisma": "new"},
        ("integrations.prisma.cli._start",),
        tolerates={"prisma --version": "its number is only recorded"},
    ),
    ProgramCase(
        "prisma.sanity",
        "prisma.sanity",
        prisma_project,
        {"prisma": "new", "totals": [TOTAL]},
        ("integrations.actions.prisma_sanity.run",),
    ),
    CheckCase(
        "preflight: hosts.reachable",
        "",
        other_host,
        {"about": ""},
        ("integrations.clients.remote_program.run_remote",),
        check="hosts.reachable",
    ),
    CheckCase(
        "preflight: platform.rights",
        "",
        platform_of("kubectl", **KUBERNETES),
        {"about": "rights"},
        ("integrations.preflight.checks.platform._ask_rights",),
        check="platform.rights",
        items={"start": ("service.start", SERVICES)},
    ),
    CheckCase(
        "preflight: prisma.project",
        "",
        prisma_project,
        {"about": "Node.js"},
        ("integrations.preflight.checks.prisma_project._check_node",),
        check="prisma.project",
    ),
    ClientCase(
        "nginx",
        "",
        program_alone,
        {},
        ("integrations.clients.proxies.nginx._run",),
        call=set_nginx_weights,
        by_exit_code="nginx tells by its exit code alone; what it serves, lb.shift counts afterwards",
    ),
    ClientCase(
        "api_process",
        "",
        program_alone,
        {},
        ("integrations.environment.api_process.run",),
        call=start_api,
        never_succeeds="the program of the test answers no request; test_api_process has one that does",
    ),
]  # fmt: skip
#: Actions that start programs by no place of their own → the action whose case plays that place for them.
SAME_PLACES = {
    "rollback.restore": "backup.verify",
    "bullmq.watch": "service.start",
    "decommission.archive": "service.start",
    "deploy.wait": "service.start",
    "dualrun.watch": "service.start",
    "stack.provision": "deploy.apply",
    "copies.drop": "backup.verify",
    "snapshots.retain": "backup.verify",
    "rollback.assess": "backup.verify",
    "parity.compare": "backup.verify",
    "parity.fingerprint": "prisma.status",
    "prisma.align": "prisma.deploy",
    "prisma.align_rehearse": "prisma.deploy",
    "prisma.baseline": "prisma.deploy",
    "prisma.diff": "prisma.status",
    "prisma.drift": "prisma.status",
    "prisma.present": "prisma.status",
    "sql.check": "backup.verify",
}
