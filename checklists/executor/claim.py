"""Takes a queued attempt: one executor wins it, with a new fence number and a lease."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from psycopg.types.json import Jsonb

from checklists.executor.fence import status_in
from checklists.executor.timings import TIMES
from checklists.models import Attempt
from checklists.states import AttemptStatus

IS_QUEUED = status_in([AttemptStatus.QUEUED])
LOCK = f"SELECT 1 FROM checklists_attempt WHERE id = %(id)s AND {IS_QUEUED} FOR UPDATE SKIP LOCKED"
CLAIM = f"""
    UPDATE checklists_attempt
    SET status = %(claimed)s, fence = nextval('checklists_fence'), owner = %(owner)s,
        claimed_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id = %(id)s AND {IS_QUEUED}
"""


class NotClaimed(StrEnum):
    """Why the caller did not get the attempt. Neither is an error."""

    NOT_QUEUED = "it is not queued any more, or another executor is claiming it now"
    RESOURCE_BUSY = "its resource is held by another attempt; it stays queued and is woken again"


@transaction.atomic
def claim(attempt_id: UUID, owner: dict[str, Any]) -> Attempt | NotClaimed:
    """The attempt with its new fence, or why not. ``owner`` is the identity of the process that will hold it.

    Of several callers the one that gets the row's lock wins; the others do not wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK, {"id": attempt_id})
        if cursor.fetchone() is None:
            return NotClaimed.NOT_QUEUED
        try:
            # A savepoint, because a failed statement would end the whole transaction.
            with transaction.atomic():
                values: dict[str, Any] = {"id": attempt_id, "owner": Jsonb(owner), "lease": TIMES.lease}
                cursor.execute(CLAIM, {**values, "claimed": AttemptStatus.CLAIMED})
        except IntegrityError:  # the unique index one_holder_a_resource
            return NotClaimed.RESOURCE_BUSY
    return Attempt.objects.select_related("cutover__runbook", "item__phase").get(pk=attempt_id)
