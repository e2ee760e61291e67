"""The variables that the runbook's ``systems:`` take the sandbox's addresses and credentials from."""

from __future__ import annotations

import shlex

from integrations import allowed_programs
from integrations.sandbox import front_door, images, program_list, provider_keys
from integrations.sandbox.legacy import access
from integrations.sandbox.providers import code_host
from integrations.sandbox.providers.registry import LOGIN
from integrations.sandbox.state import CANARY
from integrations.sandbox.world import Sandbox

#: rows that every old database of the sandbox has, for the spot checks
SPOTS = {"SPOT_MEMBER": "1", "SPOT_DONATION": "1", "SPOT_EVENT": "1"}
#: seconds (and minutes) of waiting and watching, which in a real night are many more
PACE = {
    "PROVISION_SECONDS": "45",
    "QUEUE_SECONDS": "5",
    "STAYS_SECONDS": "4",
    "SHIFT_SECONDS": "3",
    "DUALRUN_SECONDS": "12",
    "DUALRUN_EVERY": "2",
    "QUIET_MINUTES": "0.05",
    "QUIET_WATCH_SECONDS": "3",
}


def build_variables(sandbox: Sandbox) -> dict[str, str]:
    """What the runbook's ``systems:`` take their addresses and credentials from."""
    return {
        **sandbox.state.keys,
        **provider_keys.addresses(sandbox.listening("providers")),
        **_databases(sandbox),
        **_stacks(sandbox),
        **_front_door(sandbox),
        **_files(sandbox),
        **PACE,
        **SPOTS,
        **sandbox.names.variables(),
        **sandbox.cluster.variables(),
        **_platform(sandbox),
        **sandbox.staging.variables(),
    }


def _databases(sandbox: Sandbox) -> dict[str, str]:
    return {
        "LEGACY_DATABASE_URL": sandbox.url(access.APPLICATION),
        "TARGET_DATABASE_URL": sandbox.url(access.MIGRATOR),
        "API_DATABASE_URL": sandbox.url(access.API),
        "PARITY_DATABASE_URL": sandbox.url(access.READER),
        "SCRATCH_DATABASE_URL": sandbox.scratch_url,
        "PRISMA_PROJECT": str(sandbox.project),
        "PRISMA_COMMAND": shlex.quote(str(sandbox.project / "bin" / "prisma")),
        "PRISMA_DIFF": "adapter",
    }


def _stacks(sandbox: Sandbox) -> dict[str, str]:
    return {
        "API_URL": sandbox.listening("new-api"),
        "FRONTEND_URL": sandbox.listening("new-frontend"),
        "QUEUE_URL": sandbox.queue_url,
        "LEGACY_APP_URL": sandbox.listening("old-app"),
        "OLD_HOST": "flask.covenant.invalid",
        "OAUTH_REDIRECT_BASE": sandbox.redirect_base,
        "CANARY_EMAIL": CANARY,
        "CANARY_PASSWORD": sandbox.state.canary_password,
    }


def _front_door(sandbox: Sandbox) -> dict[str, str]:
    return {
        "PUBLIC_URL": sandbox.listening("public"),
        "PROXY_DRIVER": "caddy",
        "PROXY_URL": sandbox.listening("front-door"),
        "PROXY_POOL": front_door.HANDLER,
        "PROXY_OLD": front_door.dial(sandbox.listening("old-app")),
        "PROXY_NEW": front_door.dial(sandbox.listening("new-frontend")),
        "PROXY_LOG": str(sandbox.folder / "front-door" / front_door.LOG),
    }


def _files(sandbox: Sandbox) -> dict[str, str]:
    return {
        "SANDBOX_FOLDER": str(sandbox.folder),
        allowed_programs.VARIABLE: str(sandbox.folder / program_list.NAME),
        "LEGACY_ENV_FILE": str(sandbox.folder / "old.env"),
        "NEW_ENV_FILE": str(sandbox.folder / "new.env"),
        "MONITORING_FOLDER": str(sandbox.folder / "monitoring"),
        "VAULT_FOLDER": str(sandbox.folder / "vault"),
    }


def _platform(sandbox: Sandbox) -> dict[str, str]:
    """Commands that deploy, start, stop and archive, and what is deployed."""
    programs, releases = sandbox.folder / "platform" / "bin", sandbox.releases()
    services, more = (shlex.quote(str(programs / name)) for name in ("services", "services-archive"))
    return {
        "COPY_API_COMMAND": shlex.quote(str(programs / program_list.API_ON_COPY)),
        "PLATFORM_APPLY": f"{services} apply {{images}}",
        "PLATFORM_START": f"{services} start {{services}}",
        "PLATFORM_STOP": f"{services} stop {{services}}",
        "PLATFORM_STATUS": f"{services} status",
        "PLATFORM_LOGS": f"{services} logs {{services}}",
        "PLATFORM_DESCRIBE": f"{more} describe {{images}}",
        "PLATFORM_CONFIG": f"{more} config {{services}}",
        "NEW_API_IMAGE": f"new-api@{releases['new-api'].digest}",
        "NEW_WORKER_IMAGE": f"new-worker@{releases['new-worker'].digest}",
        "NEW_FRONTEND_IMAGE": f"new-frontend@{releases['new-frontend'].digest}",
        "REGISTRY_URL": f"{sandbox.listening('providers')}/registry",
        "REGISTRY_USERNAME": LOGIN,
        "REGISTRY_PASSWORD": provider_keys.registry_password(sandbox.state.cluster_token),
        "RELEASE_TAG": images.COMMIT,
        "CODE_HOST_URL": f"{sandbox.listening('providers')}/code-host",
        "CODE_HOST_TOKEN": provider_keys.code_host_token(sandbox.state.cluster_token),
        "CODE_REPOSITORY": code_host.REPOSITORY,
    }
