"""A bucket with the S3 protocol: whole objects in and out, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from django.core.files import File
from storages.backends.s3 import S3Storage

from integrations.artefacts.settings import BucketSettings
from integrations.artefacts.storage_errors import is_absent, storage_errors
from integrations.errors import Problem

PART = 8 * 1024 * 1024  # bytes; an upload holds at most this many times its threads in memory
THREADS = 2
SMALL = 64 * 1024 * 1024  # bytes that are read into memory at once, at most


class _Sink:
    """A file object that boto3 can only write to: it then writes the parts one after the other."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, data: bytes) -> int:
        """Passes them on."""
        self._take(data)
        return len(data)


class Bucket:
    """Objects by their name below the prefix of the settings. All methods raise `Problem`, `Unreachable`."""

    def __init__(self, settings: BucketSettings) -> None:
        self.settings = settings

    @cached_property
    def _storage(self) -> Any:
        settings = self.settings
        return S3Storage(
            bucket_name=settings.bucket,
            location=settings.prefix,
            access_key=settings.access_key or None,
            secret_key=settings.secret_key or None,
            endpoint_url=settings.endpoint or None,
            region_name=settings.region or None,
            verify=settings.authorities or True,
            default_acl=None,
            file_overwrite=True,
            # The server compares what it received with the SHA-256 of each part. The type is fixed: a name
            # that ends in .gz would else be stored as “compressed”, and clients would unpack it on the way.
            object_parameters={"ChecksumAlgorithm": "SHA256", "ContentType": "application/octet-stream"},
            transfer_config=TransferConfig(
                multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=THREADS
            ),
            client_config=Config(
                s3={"addressing_style": settings.addressing},
                connect_timeout=10,
                read_timeout=60,
                proxies={},  # as for all calls of the panel: none of the environment's
                retries={"mode": "standard", "total_max_attempts": 4},
                # Only what is asked for above: older servers do not know boto3's own default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @property
    def _client(self) -> Any:
        return self._storage.connection.meta.client

    def _key(self, name: str) -> str:
        return f"{self.settings.prefix}/{name}" if self.settings.prefix else name

    def upload(self, path: Path, name: str) -> None:
        """Writes a file. It appears whole or not at all: an upload in parts that fails is aborted."""
        with storage_errors(self.settings), path.open("rb") as file:
            self._storage.save(name, File(file, name=name))

    def write(self, name: str, data: bytes) -> None:
        """Writes a small object in one request."""
        with storage_errors(self.settings):
            self._client.put_object(
                Bucket=self.settings.bucket, Key=self._key(name), Body=data, ChecksumAlgorithm="SHA256"
            )

    def download(self, name: str, take: Callable[[bytes], None]) -> bool:
        """Gives the content to ``take``, piece by piece in order; false when there is no such object."""
        with storage_errors(self.settings):
            config = TransferConfig(multipart_chunksize=PART, use_threads=False)
            try:
                self._storage.bucket.Object(self._key(name)).download_fileobj(_Sink(take), Config=config)
            except ClientError as error:
                if is_absent(error):
                    return False
                raise
        return True

    def read(self, name: str) -> bytes | None:
        """The content of a small object; None when there is none. Raises `Problem` also for a large one."""
        with storage_errors(self.settings):
            try:
                # Not HEAD, whose answer does not tell a missing object from a missing bucket.
                answer = self._client.get_object(Bucket=self.settings.bucket, Key=self._key(name))
            except ClientError as error:
                if is_absent(error):
                    return None
                raise
            data: bytes = answer["Body"].read(SMALL + 1)
        if len(data) > SMALL:
            raise Problem(
                f"{name} in {self.settings.where} is larger than {SMALL // 2**20} MB.",
                means="It is read into memory as a whole, so this size was refused.",
                next="Find out who wrote it.",
            )
        return data

    def has(self, name: str) -> bool:
        """Whether there is such an object."""
        return name in self.list_names(name, most=2)

    def remove(self, name: str) -> None:
        """Removes an object; one that is not there is no error."""
        with storage_errors(self.settings):
            self._client.delete_object(Bucket=self.settings.bucket, Key=self._key(name))

    def list_names(self, prefix: str, *, most: int | None = None) -> list[str]:
        """The names that begin with ``prefix``, in alphabetical order; the first ``most`` of them."""
        start, limit = len(self._key("")), {"MaxItems": most} if most else {}
        with storage_errors(self.settings):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.settings.bucket, Prefix=self._key(prefix), PaginationConfig=limit
            )
            return [entry["Key"][start:] for page in pages for entry in page.get("Contents", ())]

    def abort_uploads(self, prefix: str) -> int:
        """Ends uploads in parts that nobody finished, of names that begin with ``prefix``; gives how many."""
        where = {"Bucket": self.settings.bucket}
        with storage_errors(self.settings):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                **where, Prefix=self._key(prefix)
            )
            found = [upload for page in pages for upload in page.get("Uploads", ())]
            for upload in found:
                self._client.abort_multipart_upload(**where, Key=upload["Key"], UploadId=upload["UploadId"])
        return len(found)
