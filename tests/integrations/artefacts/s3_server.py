"""A local S3 server (moto, a process of its own), and stores of several hosts that share a bucket of it."""

from __future__ import annotations

import secrets
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3

from integrations.artefacts.object_store import ObjectArtefacts
from integrations.artefacts.settings import BucketSettings
from tests.integrations.clients.dns.servers import running
from tests.ports import free_port

CUTOVER = "rehearsal-1"


@dataclass(frozen=True)
class SharedBucket:
    """A new bucket, and where each host has its data."""

    settings: BucketSettings
    folder: Path

    def host(self, name: str, **other: str) -> ObjectArtefacts:
        """The store of one host, whose data folder is its own."""
        root = self.folder / name / "artefacts" / CUTOVER
        root.mkdir(parents=True, exist_ok=True)
        return ObjectArtefacts(root, CUTOVER, replace(self.settings, **other))

    @property
    def client(self) -> Any:
        return client_of(self.settings)

    def objects(self) -> list[str]:
        """Every object in the bucket."""
        listed = self.client.list_objects_v2(Bucket=self.settings.bucket)
        return [entry["Key"] for entry in listed.get("Contents", ())]

    def uploads(self) -> list[str]:
        """Every upload in parts that is not finished."""
        listed = self.client.list_multipart_uploads(Bucket=self.settings.bucket)
        return [entry["Key"] for entry in listed.get("Uploads", ())]


@lru_cache  # a client takes a second to make
def client_of(settings: BucketSettings) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
    )


@contextmanager
def s3_server() -> Iterator[BucketSettings]:
    """A server; the settings name a bucket that is not there yet."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/moto-api/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], answers):
        keys = f"test{secrets.token_hex(6)}", secrets.token_hex(16)
        yield BucketSettings("", "panel/a", url, "us-east-1", *keys, addressing="path", authorities="")


def new_bucket(server: BucketSettings, folder: Path) -> SharedBucket:
    settings = replace(server, bucket=f"bucket-{secrets.token_hex(6)}")
    client_of(settings).create_bucket(Bucket=settings.bucket)
    return SharedBucket(settings, folder)
