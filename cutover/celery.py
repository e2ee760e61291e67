"""The Celery application. A message carries only the id of an attempt (docs/explanation/execution.md)."""

from __future__ import annotations

import os

from celery import Celery, signals

from cutover import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cutover.settings")

broker.use_for_redis()
app = Celery("cutover")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["checklists"])

# A receiver keeps Celery from adding handlers of its own: LOGGING has the only one, and it masks.
signals.setup_logging.connect(lambda **_: None, weak=False)
