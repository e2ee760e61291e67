"""The outside world: actions, the clients they talk through, and a sandbox to rehearse against.

Knows no models, no Celery and no web request.
"""
