"""Commands on links for people without an account: create, revoke. A lead or an admin gives them."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction

from checklists.models import Cutover, StatusLink
from checklists.models.audit import database_now
from checklists.models.status_link import digest_of_secret, new_status_secret
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused

LONGEST = timedelta(days=14)


@transaction.atomic
def create_status_link(
    *, cutover: Cutover, label: str, lasts: timedelta, nonce: uuid.UUID, by: User
) -> tuple[StatusLink, str]:
    """A new link and its secret, which is not stored: nobody can be shown it again.

    ``lasts``: at most `LONGEST`. ``nonce`` names the form: sent twice, it makes one link.
    """
    cutover = lock_cutover(cutover.pk, exclusively=True)
    _require_lead_or_admin(cutover, by)
    if not cutover.is_open:
        raise CommandRefused("This cutover is closed: no more links are made for it.")
    if not timedelta() < lasts <= LONGEST:
        raise CommandRefused(f"A link lasts {LONGEST.days} days at most.", next="Make another one then.")
    if StatusLink.objects.filter(nonce=nonce).exists():
        raise CommandRefused(
            "This form was sent before, and its link was shown then.",
            next="If nobody kept it, revoke it and make another one.",
        )
    secret, now = new_status_secret(), database_now()
    link = StatusLink.objects.create(
        cutover=cutover,
        label=label.strip(),
        digest=digest_of_secret(secret),
        nonce=nonce,
        made_by=by,
        made_at=now,
        ends_at=now + lasts,
    )
    append_entry(cutover, "status_link.created", by=by, link=link.pk, label=link.label, ends_at=link.ends_at)
    return link, secret


@transaction.atomic
def revoke_status_link(*, link: StatusLink, by: User) -> None:
    """Ends a link at once. One that has ended already stays as it is."""
    cutover = lock_cutover(link.cutover_id, exclusively=True)
    _require_lead_or_admin(cutover, by)
    link = StatusLink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    if link.revoked_at is not None:
        return
    link.revoked_at, link.revoked_by = database_now(), by
    link.save(update_fields=["revoked_at", "revoked_by"])
    append_entry(cutover, "status_link.revoked", by=by, link=link.pk, label=link.label)


def _require_lead_or_admin(cutover: Cutover, by: User) -> None:
    if not (by.is_superuser and by.is_active) and not get_member(cutover, by).may_act:
        raise CommandRefused("Only a migration lead or an admin makes and revokes links.")
