"""The settings of the old estate and of the new one, as covenant-connect.md lists them: two ``.env``."""

from __future__ import annotations

from integrations.sandbox.state import State


def new(state: State, database: str, queue: str) -> str:
    """The new estate's, for whoever compares the two."""
    settings = {
        **state.keys,
        "DATABASE_URL": database,
        "REDIS_URL": queue,
        "QUEUE_DRIVER": "redis",
        "SESSION_TTL": "604800",
        "CORS_ORIGINS": "https://covenant.invalid,https://www.covenant.invalid",
        "COOKIE_DOMAIN": "covenant.invalid",
        "AWS_REGION": "eu-west-1",
    }
    return "".join(f'{name}="{value}"\n' for name, value in sorted(settings.items()))


def old(state: State, database: str) -> str:
    """The old estate's."""
    kept = state.secrets
    lines = [
        "# The old estate of the sandbox: values made at random, good for nothing else.",
        f"DATABASE_URL={database}",
        f"SECRET_KEY={kept['SECRET_KEY']}",
        "MAIL_SERVER=smtp.covenant.invalid",
        "MAIL_PORT=587",
        "MAIL_USERNAME=office@covenant.invalid",
        f"MAIL_PASSWORD={kept['MAIL_PASSWORD']}",
        "REDIS_URL=redis://redis.covenant.invalid:6379/0",
        *(f"{name}={value}" for name, value in kept.items() if name.endswith("_SECRET_KEY")),
        'CORS_ORIGINS="https://covenant.invalid, https://www.covenant.invalid"',
    ]
    return "\n".join(lines) + "\n"
