"""What a bucket said, in words: what happened, what it means, and which setting mends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore import exceptions
from s3transfer.exceptions import RetriesExceededError

from integrations.artefacts.settings import (
    ACCESS_KEY,
    AUTHORITIES,
    ENDPOINT,
    REGION,
    SECRET_KEY,
    STORAGE,
    BucketSettings,
)
from integrations.errors import Problem, Unreachable

UNCHANGED = "Artefacts that are on this host stay here; no other host can have them meanwhile."
#: Error code of S3 → what to do (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
REMEDIES = {
    "NoSuchBucket": f"Create the bucket, or correct {STORAGE}.",
    "InvalidAccessKeyId": f"Correct {ACCESS_KEY}: the storage knows no such key.",
    "SignatureDoesNotMatch": f"Correct {SECRET_KEY}, and check the clock of this host.",
    "RequestTimeTooSkewed": "Set the clock of this host.",
    "AccessDenied": f"Let {ACCESS_KEY} list the bucket, and read, write and delete objects in it.",
    "AuthorizationHeaderMalformed": f"Correct {REGION}.",
    "IllegalLocationConstraintException": f"Correct {REGION}.",
    "PermanentRedirect": f"Correct {REGION} or {ENDPOINT}: the bucket is elsewhere.",
    "QuotaExceeded": "Make room in the storage, or raise its quota.",
}
#: HEAD requests have no body, and so no code but the HTTP status.
OF_STATUS = {"403": "AccessDenied", "404": "NoSuchBucket", "301": "PermanentRedirect"}


@contextmanager
def storage_errors(settings: BucketSettings) -> Iterator[None]:
    """Turns errors of boto3 into a `Problem`, or `Unreachable` when the storage did not answer."""
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(settings, error) from None
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        raise Problem(
            f"There are no credentials for {settings.where}.",
            means=f"{ACCESS_KEY} is not set, and this host has no role of its own. {UNCHANGED}",
            next=f"Set {ACCESS_KEY} and {SECRET_KEY} for web and workers.",
        ) from None
    except exceptions.SSLError as error:
        raise Unreachable(
            f"The certificate of {settings.where} was not accepted: {error}.",
            means=UNCHANGED,
            next=f"For a certificate of your own authority, name its file in {AUTHORITIES}.",
        ) from None
    except (exceptions.BotoCoreError, Boto3Error, RetriesExceededError) as error:
        raise Unreachable(
            f"The storage does not answer: {settings.where} ({type(error).__name__}).",
            means=UNCHANGED,
            next=f"Check {ENDPOINT} and the network from this host, then start the item again.",
        ) from None


def is_absent(error: exceptions.ClientError) -> bool:
    """Whether the bucket answered that it has no such object."""
    return error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey")


def _refused(settings: BucketSettings, error: exceptions.ClientError) -> Problem:
    said = error.response.get("Error", {})
    code = OF_STATUS.get(said.get("Code", ""), said.get("Code", "unknown"))
    return Problem(
        f"{settings.where[0].upper()}{settings.where[1:]} refused {error.operation_name}: {code}.",
        means=f"{said.get('Message', '')} {UNCHANGED}".strip(),
        next=REMEDIES.get(code, f"Mend what it names, or correct {STORAGE}; then start the item again."),
    )
