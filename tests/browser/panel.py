"""The ASGI application that uvicorn serves in tests: the panel's own, with the tests' actions."""

import django
from django.conf import settings

# Static files by their own names: `collectstatic` has not run here.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
django.setup()

from cutover.asgi import application  # noqa: E402  # the settings come first
from integrations.actions import registry  # noqa: E402  # the settings come first
from tests.checklists import sample_actions  # noqa: E402  # the settings come first
from tests.checklists.executor.actions import ACTIONS  # noqa: E402  # the settings come first

registry().update(ACTIONS)

__all__ = ["application", "sample_actions"]
