"""One S3 server for the tests of this folder; each test has a bucket of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.artefacts.settings import BucketSettings
from tests.integrations.artefacts.s3_server import SharedBucket, new_bucket, s3_server


@pytest.fixture(scope="session")
def storage_server() -> Iterator[BucketSettings]:
    with s3_server() as settings:
        yield settings


@pytest.fixture
def shared(storage_server: BucketSettings, tmp_path: Path) -> SharedBucket:
    return new_bucket(storage_server, tmp_path)
