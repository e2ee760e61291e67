"""Takes a queued attempt in hand: one winner, a new fence number, a lease."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from psycopg.types.json import Jsonb

from checklists.executor.times import TIMES
from checklists.models import Attempt

CLAIM = """
    UPDATE checklists_attempt
    SET status = 'CLAIMED', fence = nextval('checklists_fence'), owner = %(owner)s,
        claimed_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id = %(id)s AND status = 'QUEUED'
"""


class NotClaimed(StrEnum):
    """Why there is nothing to do for whoever asked; neither is an error."""

    GONE = "it is not queued any more, or somebody else takes it at this moment"
    BUSY = "its resource is held by another attempt; it stays queued and is woken again"


@transaction.atomic
def claim(attempt_id: UUID, owner: dict[str, Any]) -> Attempt | NotClaimed:
    """The attempt with its new fence, or why not. ``owner`` is the identity of the process that will hold it.

    Of many that ask at once the one that gets the row's lock wins; the others do not wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM checklists_attempt WHERE id = %s AND status = 'QUEUED' FOR UPDATE SKIP LOCKED",
            [attempt_id],
        )
        if cursor.fetchone() is None:
            return NotClaimed.GONE
        try:
            with transaction.atomic():
                values: dict[str, Any] = {"id": attempt_id, "owner": Jsonb(owner), "lease": TIMES.lease}
                cursor.execute(CLAIM, values)
        except IntegrityError:  # one_holder_a_resource
            return NotClaimed.BUSY
    return Attempt.objects.select_related("cutover__runbook", "item__phase").get(pk=attempt_id)
