"""Tables of accounts: failed attempts, and codes that were used."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class FailedAttempt(models.Model):
    """A password or code that was wrong, or that is being checked right now.

    ``bucket`` is a hash of what is counted together: an account at one client, a client, a session.
    The rows are in PostgreSQL, so all web processes count together, and a restart of Redis forgets nothing.
    """

    bucket = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["bucket", "at"], name="failed_attempts_of_bucket"),
            models.Index(fields=["at"], name="failed_attempts_by_age"),
        ]


class CacheEntry(models.Model):
    """The table of Django's database cache (`settings.CACHES`), as a model: `migrate` makes it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)
