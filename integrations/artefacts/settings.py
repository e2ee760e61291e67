"""The settings of the artefact storage: a folder of each host (the default), or a bucket of S3."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from integrations.errors import Problem

STORAGE = "CUTOVER_ARTEFACTS"
ENDPOINT, REGION = "CUTOVER_ARTEFACTS_ENDPOINT", "CUTOVER_ARTEFACTS_REGION"
ACCESS_KEY, SECRET_KEY = "CUTOVER_ARTEFACTS_ACCESS_KEY", "CUTOVER_ARTEFACTS_SECRET_KEY"  # names
ADDRESSING, AUTHORITIES = "CUTOVER_ARTEFACTS_ADDRESSING", "CUTOVER_ARTEFACTS_CA"
ADDRESSINGS = ("auto", "path", "virtual")
NOT_STARTED = "The panel does not start with it: artefacts would be lost or out of reach."


@dataclass(frozen=True)
class BucketSettings:
    """A bucket. ``endpoint`` is empty for AWS; without ``access_key`` boto3 looks for credentials itself."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    addressing: str
    authorities: str  # file with the certificates of the authorities that are trusted; empty: the usual ones

    @property
    def where(self) -> str:
        """For sentences: the bucket and its server."""
        return f"the bucket {self.bucket} at {self.endpoint or 'AWS'}"


def read_settings(environ: Mapping[str, str]) -> BucketSettings | None:
    """The bucket that the environment names, None for local folders. Raises `Problem` for a wrong value."""
    address = environ.get(STORAGE, "").strip()
    if not address:
        return None
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([\w./-]*))?", address)
    if not found or ".." in address:
        raise Problem(
            f"{STORAGE} is no bucket.", means=NOT_STARTED, next="Write s3://BUCKET or s3://BUCKET/PREFIX."
        )
    settings = BucketSettings(
        bucket=found[1],
        prefix=(found[2] or "").strip("/"),
        endpoint=environ.get(ENDPOINT, "").strip().rstrip("/"),
        region=environ.get(REGION, "").strip(),
        access_key=environ.get(ACCESS_KEY, "").strip(),
        secret_key=environ.get(SECRET_KEY, "").strip(),
        addressing=environ.get(ADDRESSING, "").strip() or "auto",
        authorities=environ.get(AUTHORITIES, "").strip(),
    )
    _refuse_mistakes(settings)
    return settings


def _refuse_mistakes(settings: BucketSettings) -> None:
    endpoint = urlsplit(settings.endpoint)
    if settings.endpoint and (endpoint.scheme not in ("http", "https") or not endpoint.hostname):
        raise _wrong(ENDPOINT, "is no address", "Write https://host or https://host:port.")
    if "@" in endpoint.netloc or endpoint.query:
        raise _wrong(
            ENDPOINT, "holds more than a host", f"Credentials go into {ACCESS_KEY} and {SECRET_KEY}."
        )
    if endpoint.scheme == "http" and not _is_near(endpoint.hostname or ""):
        raise _wrong(
            ENDPOINT,
            "is http:// beyond a private network: backups would travel in clear text",
            f"Write https://; for a certificate of your own authority set {AUTHORITIES}.",
        )
    if bool(settings.access_key) != bool(settings.secret_key):
        missing = SECRET_KEY if settings.access_key else ACCESS_KEY
        raise _wrong(missing, "is not set, and its other half is", "Set both, or neither.")
    if settings.addressing not in ADDRESSINGS:
        raise _wrong(ADDRESSING, f"is {settings.addressing}", f"Write one of {', '.join(ADDRESSINGS)}.")
    if settings.authorities and not Path(settings.authorities).is_file():
        raise _wrong(AUTHORITIES, "names no file", "Write the absolute path of a file in PEM format.")


def _wrong(name: str, what: str, remedy: str) -> Problem:
    return Problem(f"{name} {what}.", means=NOT_STARTED, next=remedy)


def _is_near(host: str) -> bool:
    """A name without a dot, or a private address, belongs to this host or to a network of containers."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(".localhost")
