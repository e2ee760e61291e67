"""Masks secrets in everything that is shown or stored, in whatever encoding they appear.

First escape sequences and control characters are removed, so that no secret is hidden by them. Then every
registered secret is searched in all its encodings. Then rules find secrets that nobody registered.
"""

from __future__ import annotations

from integrations.redact.redactor import Redactor
from integrations.redact.secret_forms import SETTING_NAME, SHORTEST, encoded_forms
from integrations.redact.spans import MASK
from integrations.redact.terminal_text import UNSEEN, strip_control_characters

__all__ = [
    "MASK",
    "SETTING_NAME",
    "SHORTEST",
    "UNSEEN",
    "Redactor",
    "encoded_forms",
    "strip_control_characters",
]
