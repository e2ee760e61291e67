"""Requests to the new API that change what the sandbox never changes.

It answers them as the real API answers those for an unknown record (`customer/answers/*-unknown.json`).
"""

from __future__ import annotations

import re

from integrations.sandbox.new_errors import nest_error
from integrations.sandbox.serving import Answer, Asked

#: method and path → status and message
ANSWERS = (
    ("PATCH", r"/prayer/requests/[^/]+", 404, "Prayer request not found"),
    ("PATCH", r"/events/[^/]+", 404, "Event not found"),
    ("PATCH", r"/email/providers/[^/]+/activate", 404, "Email provider not found"),
    ("POST", r"/email/send", 400, "Email subject is required"),
)
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
#: what people without an account may send
OPEN = re.compile(r"/auth/.*|/donations|/donations/webhooks/\w+|/prayer/requests")
STATUS = re.compile(r"/donations/[^/]+/status")


class Writes:
    """A part of the API."""

    def answer(self, asked: Asked) -> Answer | None:
        """None for another request."""
        for method, path, status, message in ANSWERS:
            if asked.method == method and re.fullmatch(path, asked.path):
                return nest_error(status, message)
        return None


def needs_account(asked: Asked) -> bool:
    """Whether this request changes something that visitors must not change.

    “completed” only lets the API ask the provider, which a giver's browser does after paying.
    """
    if asked.method not in CHANGES or OPEN.fullmatch(asked.path):
        return False
    if STATUS.fullmatch(asked.path) and asked.method == "PATCH":
        return not asked.body or asked.json().get("status") != "completed"
    return True
