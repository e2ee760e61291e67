"""The names of both estates' settings, and what a value of each has to look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.clients.payments.mode import Mode, mode_of_key

PAYMENTS = ("STRIPE", "PAYSTACK", "FINCRA", "FLUTTERWAVE")

#: covenant-connect.md, “Names of the secrets”; an ending * stands for at least one name that begins so
OLD = (
    *("DATABASE_URL", "SECRET_KEY", "MAIL_*", "REDIS_URL", "CORS_ORIGINS"),
    *(f"{name}_SECRET_KEY" for name in PAYMENTS),
)
NEW = (
    *("DATABASE_URL", "REDIS_URL", "SESSION_SECRET", "SESSION_TTL", "QUEUE_DRIVER", "CORS_ORIGINS"),
    *(f"{name}_{kind}" for name in PAYMENTS for kind in ("SECRET_KEY", "WEBHOOK_SECRET")),
    *(f"{name}_{kind}" for name in ("GOOGLE", "FACEBOOK") for kind in ("CLIENT_ID", "CLIENT_SECRET")),
    *("APPLE_CLIENT_ID", "APPLE_TEAM_ID", "APPLE_KEY_ID", "APPLE_PRIVATE_KEY"),
    *("COOKIE_DOMAIN", "AWS_*"),
)
SHORTEST = 32  # characters of a session secret
PLACEHOLDER = re.compile(r"(?i)^(change-?me|todo|xxx+|secret|password|example|your[-_ ].*|<.*>|\.\.\.)$")

#: value → what is wrong with it, in a sentence without the value; empty when nothing
Rule = Callable[[str], str]


def missing(names: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """Which of the names have no value."""
    return [name for name in names if not _given(name, values)]


def _given(name: str, values: Mapping[str, str]) -> bool:
    if name.endswith("*"):
        return any(known.startswith(name[:-1]) and value for known, value in values.items())
    return bool(values.get(name))


def malformed(name: str, value: str, *, rehearsal: bool) -> str:
    """What is wrong with a value of the new estate; empty when it may be right."""
    if PLACEHOLDER.fullmatch(value.strip()):
        return "is a placeholder, not a value."
    if value != value.strip():
        return "begins or ends with a blank: whoever compares it will refuse it."
    rule = RULES.get(name)
    said = rule(value) if rule else ""
    provider = name.removesuffix("_SECRET_KEY").lower()
    if not said and name.endswith("_SECRET_KEY") and provider.upper() in PAYMENTS:
        said = _wrong_mode(mode_of_key(provider, value), rehearsal)
    return said


def _wrong_mode(mode: Mode, rehearsal: bool) -> str:
    if rehearsal and mode == Mode.LIVE:
        return "is a live key, and this is a rehearsal: give it the test key."
    if not rehearsal and mode == Mode.TEST:
        return "is a test key, and this is production: give it the live key."
    return ""


def _url(*schemes: str) -> Rule:
    def rule(value: str) -> str:
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return "is no address."
        if parts.scheme not in schemes:
            return f"has to begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        return "" if host else "is an address without a host."

    return rule


def _origins(value: str) -> str:
    for origin in value.split(","):
        try:
            parts = urlsplit(origin.strip())
            right = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/")
        except ValueError:
            right = False
        if not right:
            return "has to be a list of origins such as https://www.example.org, without paths."
    return ""


def _stripe(value: str) -> str:
    wrong = {"pk_": "a publishable key", "whsec_": "a webhook secret", "rk_": "a restricted key"}
    found = next((said for prefix, said in wrong.items() if value.startswith(prefix)), "")
    if found:
        return f"is {found} (Stripe's secret keys begin with sk_)."
    return "" if value.startswith("sk_") else "is no secret key of Stripe: these begin with sk_."


def _stripe_webhook(value: str) -> str:
    if value.startswith(("sk_", "pk_", "rk_")):
        return "is an API key of Stripe; the secret of a webhook endpoint begins with whsec_."
    return "" if value.startswith("whsec_") else "is no webhook secret of Stripe: these begin with whsec_."


def _begins(prefix: str, provider: str) -> Rule:
    return lambda value: (
        "" if value.startswith(prefix) else f"is no secret key of {provider}: these begin {prefix}"
    )


def _apple(value: str) -> str:
    try:
        key = load_pem_private_key(value.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is no private key in PEM: keep its line breaks, or write them as \\n."
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        return "is no EC key on P-256, which is what Apple gives (AuthKey_….p8)."
    return ""


def _number(value: str) -> str:
    return "" if value.isdecimal() and int(value) > 0 else "has to be a number of seconds."


RULES: dict[str, Rule] = {
    "DATABASE_URL": _url("postgresql", "postgres"),
    "SHADOW_DATABASE_URL": _url("postgresql", "postgres"),
    "REDIS_URL": _url("redis", "rediss"),
    "CORS_ORIGINS": _origins,
    "STRIPE_SECRET_KEY": _stripe,
    "STRIPE_WEBHOOK_SECRET": _stripe_webhook,
    "PAYSTACK_SECRET_KEY": _begins("sk_", "Paystack"),
    "FLUTTERWAVE_SECRET_KEY": _begins("FLWSECK", "Flutterwave"),
    "APPLE_PRIVATE_KEY": _apple,
    "SESSION_TTL": _number,
    "SESSION_SECRET": lambda value: (
        "" if len(value) >= SHORTEST else f"has fewer than {SHORTEST} characters."
    ),
    "QUEUE_DRIVER": lambda value: "" if value == "redis" else "has to be “redis”, or the API does not start.",
}
