"""The sandbox's random test keys for the providers, and the addresses of their stand-ins."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAYMENTS = ("STRIPE", "PAYSTACK", "FINCRA", "FLUTTERWAVE")


def secret_key(provider: str) -> str:
    """A new secret key in test mode, in the shape that this provider gives them."""
    mark = secrets.token_hex(16)
    shapes = {
        "STRIPE": f"sk_test_{mark}",
        "PAYSTACK": f"sk_test_{mark}",
        "FINCRA": f"sandbox{mark}",
        "FLUTTERWAVE": f"FLWSECK_TEST-{mark}-X",
    }
    return shapes[provider]


def old(name: str) -> str:
    """A value of the old environment's setting of that name."""
    provider = name.removesuffix("_SECRET_KEY")
    return secret_key(provider) if provider in PAYMENTS else f"sandbox-{secrets.token_hex(12)}"


def new() -> dict[str, str]:
    """Every secret of the new environment, by the name of its setting: no key is shared with the old one."""
    keys = {f"{name}_SECRET_KEY": secret_key(name) for name in PAYMENTS}
    keys |= {f"{name}_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}" for name in PAYMENTS}
    for name in ("GOOGLE", "FACEBOOK"):
        keys[f"{name}_CLIENT_ID"] = f"{secrets.randbelow(10**12):012}.{name.lower()}.sandbox.invalid"
        keys[f"{name}_CLIENT_SECRET"] = f"sandbox-{secrets.token_hex(16)}"
    return keys | {
        "APPLE_CLIENT_ID": "org.covenant.sandbox.signin",
        "APPLE_TEAM_ID": secrets.token_hex(5).upper(),
        "APPLE_KEY_ID": secrets.token_hex(5).upper(),
        "APPLE_PRIVATE_KEY": apple_key(),
        "SESSION_SECRET": secrets.token_hex(32),
    }


def as_received(keys: Mapping[str, str]) -> dict[str, str]:
    """The settings as a program gets them from an environment file: in double quotes, \\n is a line break."""
    return {name: value.replace("\\n", "\n") for name, value in keys.items()}


def registry_password(token: str) -> str:
    """The password of the registry, from another secret of the sandbox: earlier ones kept none."""
    return hashlib.sha256(f"registry {token}".encode()).hexdigest()[:32]


def code_host_token(token: str) -> str:
    """The token for the host of the code, made in the same way, in the shape that GitHub gives them."""
    return f"github_pat_{hashlib.sha256(f'code {token}'.encode()).hexdigest()[:32]}"


def apple_key() -> str:
    """An EC key on P-256 as PEM, in one line with its breaks written as \\\\n, as environments hold it."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode().strip().replace("\n", "\\n")


def addresses(base: str) -> dict[str, str]:
    """Where the stand-ins listen, below ``base``, by the names that the new environment's settings have."""
    return {
        "STRIPE_API_URL": f"{base}/stripe/v1",
        "PAYSTACK_API_URL": f"{base}/paystack",
        "FINCRA_API_URL": f"{base}/fincra",
        "FLUTTERWAVE_API_URL": f"{base}/flutterwave/v3",
        "GOOGLE_URL": f"{base}/google",
        "GOOGLE_TOKEN_URL": f"{base}/google/token",
        "FACEBOOK_URL": f"{base}/facebook",
        "FACEBOOK_TOKEN_URL": f"{base}/facebook/oauth/access_token",
        "APPLE_URL": f"{base}/apple",
        "APPLE_TOKEN_URL": f"{base}/apple/auth/token",
    }
