"""A link by which people without an account see the page for everyone."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from checklists.models.cutover import Cutover
from checklists.models.decision_record_rules import link_has_its_entry
from checklists.models.definition_rules import written_once
from checklists.models.person_rules import link_is_made_by_who_may
from checklists.models.triggers import never_deleted

SECRET_BYTES = 32


def new_status_secret() -> str:
    """The secret of a new link, as it stands in its address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest_of_secret(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, so nobody can find it from its hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class StatusLinkQuerySet(models.QuerySet["StatusLink"]):
    """Queries over links."""

    def find(self, secret: str, now: datetime) -> StatusLink | None:
        """The link with this secret, unless it has ended.

        The search is for a hash, so its duration says nothing about the secret; the comparison takes the same
        time for every text.
        """
        digest = digest_of_secret(secret)
        found = self.filter(digest=digest).select_related("cutover__runbook").first()
        is_right = secrets.compare_digest(found.digest if found else "0" * 64, digest)
        return found if found is not None and is_right and found.is_valid_at(now) else None


class StatusLink(models.Model):
    """One link. Its secret is shown once and not stored; ``nonce`` names the form that made it."""

    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="status_links")
    label = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    nonce = models.UUIDField(default=uuid.uuid4, unique=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True)

    objects = StatusLinkQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        triggers = [
            written_once(*("cutover_id", "label", "digest", "nonce", "made_by_id", "made_at", "ends_at")),
            never_deleted(),
            *link_is_made_by_who_may(),
            *link_has_its_entry(),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("made_at")), name="status_link_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="a_revocation_has_a_person",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def is_valid_at(self, now: datetime) -> bool:
        """Does it lead to the page at this moment?"""
        return self.revoked_at is None and now < self.ends_at
