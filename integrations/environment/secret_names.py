"""Rules for the values of settings, and names without a value. Which rule a name has, the runbook says."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.clients.payments import KeyMode, detect_key_mode

SHORTEST_SECRET = 32  # characters of a secret that signs something
PLACEHOLDER = re.compile(r"(?i)^(change-?me|todo|xxx+|secret|password|example|your[-_ ].*|<.*>|\.\.\.)$")

#: pattern → what a value is that somebody else has to resolve or to decrypt before the program gets it
REFERENCES = {
    r"^op://": "a reference of 1Password",
    r"^ENC\[.*\]$": "encrypted by SOPS or eyaml",
    r"^encrypted:": "encrypted by dotenvx",
    r"^(vault|ref\+\w+|secretref|keyring):": "a reference to a store of secrets",
    r"^(sm|gcpsm|awssm|ssm|azurekv|infisical|doppler|bws|akv)://": "a reference to a store of secrets",
    r"^arn:aws[\w-]*:(secretsmanager|ssm|kms):": "a reference to a store of secrets at AWS",
    r"^projects/[^/]+/secrets/": "a reference to Google's Secret Manager",
    r"^@Microsoft\.KeyVault\(": "a reference to Azure's Key Vault",
    r"^-----BEGIN (PGP|AGE ENCRYPTED) ": "encrypted",
    r"\$\{[A-Za-z_][^}]*\}|^\$[A-Za-z_]\w*$": "a reference to a variable, which not every reader fills in",
    r"\{\{.*\}\}|<%.*%>": "a template that is not filled in",
    r"^\$\(.*\)$|^`.*`$": "a command of a shell, which no reader runs",
}
#: value → what is wrong with it, as the end of a sentence without the value; empty for a good value
Rule = Callable[[str], str]


def find_missing(names: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Those of the names that have no value. A name with * stands for at least one name that begins so."""
    return [name for name in names if not _has_value(name, values)]


def find_reference(value: str) -> str:
    """What a value refers to in place of being one, such as “a reference of 1Password”; "" for a value."""
    plain = value.strip()
    return next((said for pattern, said in REFERENCES.items() if re.search(pattern, plain)), "")


def is_among(name: str, known: Collection[str]) -> bool:
    """Whether a name is one of the known; one with * stands for all that begin so."""
    return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in known)


def _has_value(name: str, values: Mapping[str, str]) -> bool:
    if name.endswith("*"):
        return any(known.startswith(name[:-1]) and value for known, value in values.items())
    return bool(values.get(name))


def check_value(value: str, rule: str | list[str], *, rehearsal: bool) -> str:
    """What is wrong with a value of the new environment, without the value; empty for a good one.

    ``rule`` is a word of `RULES`, a list of the only values that are right, or empty.
    """
    if PLACEHOLDER.fullmatch(value.strip()):
        return "is a placeholder, not a value."
    if reference := find_reference(value):
        return f"is no value but {reference}: check the file with the values filled in."
    if value != value.strip():
        return "begins or ends with a blank: a program that compares it refuses it."
    if isinstance(rule, list):
        return "" if value in rule else f"has to be {' or '.join(f'“{one}”' for one in rule)}."
    error = RULES[rule](value) if rule else ""
    if not error and rule in KEYS:
        error = _check_mode(detect_key_mode(KEYS[rule], value), rehearsal)
    return error


def _check_mode(mode: KeyMode, rehearsal: bool) -> str:
    if rehearsal and mode == KeyMode.LIVE:
        return "is a live key, and this is a rehearsal: give it the test key."
    if not rehearsal and mode == KeyMode.TEST:
        return "is a test key, and this is production: give it the live key."
    return ""


def _make_url_rule(*schemes: str) -> Rule:
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


def _check_origins(value: str) -> str:
    for origin in value.split(","):
        try:
            parts = urlsplit(origin.strip())
            right = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/")
        except ValueError:
            right = False
        if not right:
            return "has to be a list of origins such as https://www.example.org, without paths."
    return ""


def _check_stripe_key(value: str) -> str:
    wrong = {"pk_": "a publishable key", "whsec_": "a webhook secret", "rk_": "a restricted key"}
    found = next((said for prefix, said in wrong.items() if value.startswith(prefix)), "")
    if found:
        return f"is {found} (Stripe's secret keys begin with sk_)."
    return "" if value.startswith("sk_") else "is no secret key of Stripe: these begin with sk_."


def _check_stripe_webhook(value: str) -> str:
    if value.startswith(("sk_", "pk_", "rk_")):
        return "is an API key of Stripe; the secret of a webhook endpoint begins with whsec_."
    return "" if value.startswith("whsec_") else "is no webhook secret of Stripe: these begin with whsec_."


def _make_prefix_rule(prefix: str, provider: str) -> Rule:
    return lambda value: (
        "" if value.startswith(prefix) else f"is no secret key of {provider}: these begin {prefix}"
    )


def _check_apple_key(value: str) -> str:
    try:
        key = load_pem_private_key(value.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is no private key in PEM: keep its line breaks, or write them as \\n."
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        return "is no EC key on P-256, which is what Apple gives (AuthKey_….p8)."
    return ""


def _check_apple_key_in_lines(value: str) -> str:
    broken = "has its line breaks written as \\n, which the new stack does not read: use real line breaks."
    return _check_apple_key(value) or (broken if "\\n" in value else "")


def _check_seconds(value: str) -> str:
    return "" if value.isdecimal() and int(value) > 0 else "has to be a number of seconds."


#: rule → the payment provider whose key it is: the prefix may tell test from live
KEYS = {f"{name}_key": name for name in ("stripe", "paystack", "fincra", "flutterwave")}
RULES: dict[str, Rule] = {
    "postgres_url": _make_url_rule("postgresql", "postgres"),
    "redis_url": _make_url_rule("redis", "rediss"),
    "origins": _check_origins,
    "stripe_key": _check_stripe_key,
    "stripe_webhook_secret": _check_stripe_webhook,
    "paystack_key": _make_prefix_rule("sk_", "Paystack"),
    "fincra_key": lambda value: "",
    "flutterwave_key": _make_prefix_rule("FLWSECK", "Flutterwave"),
    "apple_key": _check_apple_key,
    "apple_key_in_lines": _check_apple_key_in_lines,
    "seconds": _check_seconds,
    "long_secret": lambda value: (
        "" if len(value) >= SHORTEST_SECRET else f"has fewer than {SHORTEST_SECRET} characters."
    ),
}
