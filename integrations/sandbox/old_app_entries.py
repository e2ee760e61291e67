"""What somebody saves in the old application after a rollback, under a name by which it is found again."""

from __future__ import annotations

from pathlib import Path

from integrations.errors import Problem
from integrations.sandbox.state import CANARY, SandboxState
from integrations.sandbox.visitors import WebsiteUser

NAME, ADDRESS = "Cutover check", "cutover-check@people.invalid"


def save_entries(folder: Path) -> None:
    """A prayer request, a gift and a church, by the old application's forms; ``folder`` is the sandbox's."""
    state = SandboxState.of(folder)
    save_by_forms(f"http://127.0.0.1:{state.ports['old-app']}", CANARY, state.canary_password)


def save_by_forms(base: str, email: str, password: str) -> None:
    """The same at the application at ``base``, signed in for the church. Raises `Problem` without a form."""
    person = WebsiteUser(base)
    gift = {"email": ADDRESS, "amount": "1.00", "currency": "NGN", "payment_method": "paystack"}
    forms = {
        "/prayers": {"name": NAME, "email": ADDRESS, "request": "Are we back?", "is_public": "on"},
        "/donate": gift,
        "/login": {"email": email, "password": password},
        "/churches/add": {"name": NAME, "address": "1 Test Street"},
    }
    for path, values in forms.items():
        if person.fill_in(path, values) is None:
            raise Problem(f"The old application has no form at {path} now.")
