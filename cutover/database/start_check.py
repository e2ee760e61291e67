"""Refuses to start a process of the panel under a database role that could rewrite the record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from cutover.database.roles import application_role_problems

#: Commands of manage.py that stay and do the panel's work. Others may be needed to mend the roles.
WORKING = frozenset({"worker", "dispatcher", "reaper"})


def check_role_at_start() -> None:
    """Raises `ImproperlyConfigured`. Of a database that does not answer the health page tells.

    In a thread of its own: uvicorn imports the application in its event loop, where Django refuses queries.
    """
    with ThreadPoolExecutor(1) as thread:
        problems = thread.submit(_problems).result()
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


def _problems() -> list[str]:
    try:
        return application_role_problems()
    except DatabaseError:
        return []
    finally:
        connection.close()
