"""Wiring: settings, addresses of pages, ASGI, Celery, health, embedded servers. No word of the domain."""

from cutover.celery import app as celery_app

__all__ = ["celery_app"]
