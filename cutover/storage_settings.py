"""The storage of artefacts: its settings are checked when anything starts, the storage itself by workers."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from integrations.artefacts.settings import read_settings
from integrations.errors import Problem


def refuse_wrong_storage() -> None:
    """Raises `ImproperlyConfigured` for values that mean nothing or are not safe; connects to nothing."""
    try:
        read_settings(os.environ)
    except Problem as problem:
        raise ImproperlyConfigured(str(problem)) from None
