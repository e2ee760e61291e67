"""The panel's own secrets in the environment: masked in everything that it writes, shows and stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrations.address_secrets import list_address_secrets
from integrations.artefacts.settings import SECRET_KEY as STORAGE_KEY

#: Variables that hold a secret, or several with commas between.
_SECRETS = ("SECRET_KEY", "CUTOVER_SECRET_KEYS", "OIDC_CLIENT_SECRET", STORAGE_KEY)
#: Variables that hold an address with a login.
_ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "EMAIL_URL", "OIDC_ISSUER")


def list_own_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Each key, and the secret parts of each address; a variable that is not set has none."""
    for name in _SECRETS:
        value = environ.get(name, "")
        yield from filter(None, (value, *(part.strip() for part in value.split(","))))
    for name in _ADDRESSES:
        if "://" in (address := environ.get(name, "")):
            yield from filter(None, list_address_secrets(address))
