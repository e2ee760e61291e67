"""Sessions in the database, which are read with a query whose SQL is built once.

The same rows and keys as of Django's own engine: sessions stay, whichever reads them.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from checklists.compiled_query import compiled_query


class SessionStore(db.SessionStore):
    """One session. Every request of every page reads one."""

    def _get_session_from_db(self) -> Session | None:  # `signed_in` reads many by the same rule
        found = _sessions.first(self.session_key, timezone.now()) if self.session_key else None
        if found is None:
            self._session_key = None
        return found


@compiled_query(values=2)
def _sessions(key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=now)
