"""The work of the runbook's manual items that a machine can see, as people do it in the sandbox.

The sandbox begins in the state before this work, so that each check can be seen to fail.
``python -m integrations.sandbox.manual_work FOLDER KEY`` does one piece of it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from integrations.clients.http import HttpClient
from integrations.environment import env_file
from integrations.sandbox import env_files, images, old_app_entries
from integrations.sandbox.legacy import access
from integrations.sandbox.providers import code_host
from integrations.sandbox.providers.accepted_keys import REVOKED
from integrations.sandbox.repairs import NEW_SETTINGS, AppliedRepairs
from integrations.sandbox.state import SandboxState

MONITORING = Path(__file__).parent / "monitoring"
MAIL = "mail-service"  # a file that is there once a mail service was entered
CARRY = """
INSERT INTO account_providers (user_id, provider, provider_id)
SELECT id, auth_provider, auth_provider_id FROM users
WHERE auth_provider IS NOT NULL AND auth_provider_id IS NOT NULL
ON CONFLICT (provider, provider_id) DO NOTHING
"""


def disarm_image(folder: Path) -> None:
    """Another start command for the API, which does not migrate."""
    images.disarm(folder / "platform")


def lock_branch(folder: Path) -> None:
    """The main branch of the code, for everybody."""
    (folder / code_host.LOCKED).touch()


def build_images(folder: Path) -> None:
    """API and worker, built and pushed to the registry."""
    images.push(folder / "platform")


def enter_settings(folder: Path, key: str) -> None:
    """The secrets of sign-in and payments, into the new environment."""
    unset = AppliedRepairs(folder / "repairs.json").unset()
    env_files.enter(folder, key, SandboxState.of(folder), unset)


def carry_sign_ins(folder: Path) -> None:
    """Those who signed in by a provider on the old stack, into the table that the new API looks in."""
    url = env_file.read_env_file(folder / NEW_SETTINGS).values["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute(CARRY)


def enter_mail_service(folder: Path) -> None:
    """A mail service in the new API's table; nothing is ever sent."""
    url = env_file.read_env_file(folder / NEW_SETTINGS).values["DATABASE_URL"]
    settings = {"server": "smtp.covenant.invalid", "port": "587", "sender_email": "office@covenant.invalid"}
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO email_providers (id, type, name, credentials, is_active)"
            " VALUES ('office', 'smtp', 'Office', %s, true) ON CONFLICT DO NOTHING",
            [Jsonb(settings)],
        )
    (folder / MAIL).write_text("entered\n")


def switch_webhooks(folder: Path) -> None:
    """The new address at Stripe. No API shows or changes those of the other providers."""
    state = SandboxState.of(folder)
    address = f"http://127.0.0.1:{state.ports['public']}/donations/webhooks/stripe"
    if address not in [one["url"] for one in _ask_stripe(state)["data"]]:
        _ask_stripe(state, form={"url": address, "enabled_events[0]": "checkout.session.completed"})


def take_webhooks_back(folder: Path) -> None:
    """Nothing at Stripe: the old application takes no webhook of it."""
    state = SandboxState.of(folder)
    for one in _ask_stripe(state)["data"]:
        _ask_stripe(state, f"/{one['id']}", method="DELETE")


def _ask_stripe(state: SandboxState, path: str = "", **sent: Any) -> Any:
    url = f"http://127.0.0.1:{state.ports['providers']}/stripe/v1/webhook_endpoints{path}"
    key = {"Authorization": f"Bearer {state.keys['STRIPE_SECRET_KEY']}"}
    return HttpClient(["127.0.0.1"]).request(url, headers=key, **sent).json()


def revoke_secrets(folder: Path) -> None:
    """At each payment provider and the mail server: from now on they refuse the old environment's key or
    password. The old application's role may not log in any more."""
    (folder / REVOKED).touch()
    new = env_file.read_env_file(folder / NEW_SETTINGS).values["DATABASE_URL"]
    password = SandboxState.of(folder).passwords[access.MIGRATOR]
    with psycopg.connect(new, user=access.MIGRATOR, password=password) as connection:
        connection.execute(f"ALTER ROLE {access.APPLICATION} NOLOGIN")


def lay_out_monitoring(folder: Path) -> None:
    """The alerts and dashboards of the old stack; files that are there stay."""
    if not (folder / "monitoring").exists():
        shutil.copytree(MONITORING / "before", folder / "monitoring")


def point_monitoring(folder: Path) -> None:
    """Alerts and dashboards of the new stack in place of the old ones."""
    shutil.rmtree(folder / "monitoring", ignore_errors=True)
    shutil.copytree(MONITORING / "after", folder / "monitoring")


#: key of a manual item → its work; it gets the sandbox's folder
WORK: Mapping[str, Callable[[Path], None]] = {
    "change-freeze": lock_branch,
    "disarm-image": disarm_image,
    "build-images": build_images,
    "monitoring": point_monitoring,
    **{key: partial(enter_settings, key=key) for key in env_files.ENTERED},
    "carry-sign-ins": carry_sign_ins,
    "mail-service": enter_mail_service,
    "switch-webhooks": switch_webhooks,
    "webhooks-back": take_webhooks_back,
    "check-old-app": old_app_entries.save_entries,
    "revoke-secrets": revoke_secrets,
}

#: items that look at all of this work together: red before any of it is done
SEEN_TOO_EARLY = ("preflight",)

#: key of a manual item → key of the first item whose check fails until this work is done
CHECKED_BY: Mapping[str, str] = {
    "change-freeze": "freeze-proven",
    "disarm-image": "image-disarmed",
    "build-images": "images-published",
    "oauth-secrets": "prove-sign-in",
    "payment-keys": "secrets-ledger",
    "carry-sign-ins": "sign-ins-carried",
    "mail-service": "mail-entered",
    "switch-webhooks": "webhooks-registered",
    "webhooks-back": "webhooks-left",
    "check-old-app": "old-app-saved",
    "revoke-secrets": "secrets-revoked",
    "monitoring": "monitoring-check",
}

if __name__ == "__main__":
    WORK[sys.argv[2]](Path(sys.argv[1]))
