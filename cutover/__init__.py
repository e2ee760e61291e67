"""Wiring: settings, addresses of pages, ASGI, Celery, health, embedded servers. No word of the domain."""
