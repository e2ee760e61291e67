"""Keys and addresses of the sandbox's estates at the providers; keys are shaped as test keys, at random."""

from __future__ import annotations

import secrets

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
    """A value of the old estate's setting of that name."""
    provider = name.removesuffix("_SECRET_KEY")
    return secret_key(provider) if provider in PAYMENTS else f"sandbox-{secrets.token_hex(12)}"


def new() -> dict[str, str]:
    """Every secret of the new estate, by the name of its setting: no key is shared with the old one."""
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


def apple_key() -> str:
    """An EC key on P-256 as PEM, in one line with its breaks written as \\\\n, as environments hold it."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode().strip().replace("\n", "\\n")


def addresses(base: str) -> dict[str, str]:
    """Where the stand-ins listen, below ``base``, by the names that the new estate's settings have."""
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
