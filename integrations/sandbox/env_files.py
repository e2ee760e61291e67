"""The settings of both environments as two ``.env`` files.

Their names: docs/explanation/covenant-connect.md, “Names of secrets and settings”.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from integrations.sandbox.private_files import write_private
from integrations.sandbox.repairs import NEW_SETTINGS
from integrations.sandbox.state import SandboxState

#: key of a manual item → the settings that people enter for it
ENTERED: Mapping[str, tuple[str, ...]] = {
    "oauth-secrets": ("GOOGLE_", "FACEBOOK_", "APPLE_"),
    "payment-keys": ("STRIPE_", "PAYSTACK_", "FINCRA_", "FLUTTERWAVE_"),
}
#: which of these items were done, as a list in the sandbox's folder
DONE = "entered.json"


def entered(folder: Path) -> list[str]:
    """The items whose settings were entered in this sandbox."""
    return list(json.loads((folder / DONE).read_text())) if (folder / DONE).exists() else []


def enter(folder: Path, key: str, state: SandboxState, without: Collection[str]) -> None:
    """Enters the settings of an item into the new environment, as people do it; again without effect."""
    done = entered(folder)
    if key in done:
        return
    settings = {name: value for name, value in of_item(state, key).items() if name not in without}
    file = folder / NEW_SETTINGS
    write_private(file, file.read_text() + _lines(settings))
    write_private(folder / DONE, json.dumps([*done, key]))


def of_item(state: SandboxState, key: str) -> dict[str, str]:
    """The settings that belong to an item."""
    return {name: value for name, value in state.keys.items() if name.startswith(ENTERED[key])}


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f'{name}="{value}"\n' for name, value in sorted(settings.items()))


def new(state: SandboxState, database: str, queue: str, done: Collection[str]) -> str:
    """The new environment's, for whoever compares the two; ``done``: the items that people have done."""
    later = {name for key in ENTERED if key not in done for name in of_item(state, key)}
    settings = {
        **{name: value for name, value in state.keys.items() if name not in later},
        "DATABASE_URL": database,
        "REDIS_URL": queue,
        "QUEUE_DRIVER": "redis",
        "SESSION_TTL": "604800",
        "CORS_ORIGINS": "https://covenant.invalid,https://www.covenant.invalid",
        "COOKIE_DOMAIN": "covenant.invalid",
        "AWS_REGION": "eu-west-1",
    }
    return _lines(settings)


def old(state: SandboxState, database: str) -> str:
    """The old environment's."""
    kept = state.secrets
    lines = [
        "# The old environment of the sandbox: values made at random, good for nothing else.",
        f"DATABASE_URL={database}",
        f"SECRET_KEY={kept['SECRET_KEY']}",
        "MAIL_SERVER=127.0.0.1",
        f"MAIL_PORT={state.ports['mail']}",
        "MAIL_USERNAME=office@covenant.invalid",
        f"MAIL_PASSWORD={kept['MAIL_PASSWORD']}",
        "REDIS_URL=redis://redis.covenant.invalid:6379/0",
        *(f"{name}={value}" for name, value in kept.items() if name.endswith("_SECRET_KEY")),
        # the same clients as the new environment's; Apple's secret is of another kind
        *(f"{name}={value}" for name, value in state.keys.items() if _is_shared_client(name)),
        f"APPLE_CLIENT_SECRET={kept['SECRET_KEY'][::-1]}",
        'CORS_ORIGINS="https://covenant.invalid, https://www.covenant.invalid"',
    ]
    return "\n".join(lines) + "\n"


def _is_shared_client(name: str) -> bool:
    return name.startswith(("GOOGLE_CLIENT_", "FACEBOOK_CLIENT_")) or name == "APPLE_CLIENT_ID"
