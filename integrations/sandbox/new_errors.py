"""The new API's errors: Nest's own, and those of its filter for Prisma."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import psycopg

from integrations.sandbox.serving import Answer, Asked


def nest_error(status: int, message: str | list[str]) -> Answer:
    """An error that the API raised itself."""
    error = HTTPStatus(status).phrase
    return Answer(status, {"message": message, "error": error, "statusCode": status})


def not_found(message: str) -> Answer:
    """404 in Nest's shape."""
    return nest_error(404, message)


def unauthorized(message: str) -> Answer:
    """401 in Nest's shape."""
    return nest_error(401, message)


def conflict(message: str) -> Answer:
    """409 in Nest's shape."""
    return nest_error(409, message)


def invalid_fields(messages: list[str]) -> Answer:
    """400 with the findings of a validation."""
    return nest_error(400, messages)


def internal_error() -> Answer:
    """500, without a reason."""
    return Answer(500, {"statusCode": 500, "message": "Internal server error"})


def database_error(asked: Asked, error: psycopg.Error) -> Answer:
    """What the filter makes of Prisma's error: 409 for a value that exists, 400 for nearly everything else.

    A database that is read-only is no error that Prisma knows, and ends as a 500.
    """
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction | psycopg.errors.NotNullViolation):
        return internal_error()
    if isinstance(error, psycopg.errors.UniqueViolation):
        return _filtered(asked, 409, "A record with the provided details already exists.", "Conflict")
    return _filtered(asked, 400, "An unexpected database error occurred.", "BadRequest")


def _filtered(asked: Asked, status: int, message: str, name: str) -> Answer:
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    body = {
        "statusCode": status,
        "message": message,
        "error": f"{name}Exception",
        "path": asked.target or asked.path,
        "timestamp": f"{now}Z",
    }
    return Answer(status, body)
