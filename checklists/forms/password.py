"""Proof that the person at the keyboard is the one who signed in: asked before what is hard to take back."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.http import HttpRequest


class PasswordForm(forms.Form):
    """A form that asks for the password again, or for a code of the person's authenticator.

    Ten wrong ones a minute are refused unread. Who has neither here (they come through an identity
    provider) must have signed in during the last five minutes instead.
    """

    password = forms.CharField(
        label="Your password, or a code of your authenticator",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
        error_messages={"required": "give it again; it proves that it is you."},
    )

    def __init__(self, data: Any = None, *, request: HttpRequest, **options: Any) -> None:
        super().__init__(data, **options)
        assert isinstance(request.user, User)
        self.request, self.person = request, request.user
        self.has_proof = self.person.has_usable_password() or _authenticator_of(self.person) is not None
        if not self.has_proof:
            del self.fields["password"]

    def clean(self) -> dict[str, Any]:
        """The cleaned data; the last thing checked is a second proof where there is no password."""
        cleaned = super().clean() or self.cleaned_data
        if not self.has_proof and not self._signed_in_just_now():
            raise forms.ValidationError(
                "Your sign-in is older than five minutes. Sign out, sign in again, and come back here."
            )
        return cleaned

    def clean_password(self) -> str:
        """Refuses a wrong one, and too many tries; never says whether password or code was meant.

        What was given is not kept and not logged.
        """
        given = self.cleaned_data["password"]
        if not ratelimit.consume(self.request, action="reauthenticate", user=self.person):
            raise forms.ValidationError("too many tries. Wait a minute, then try again.")
        # not person.check_password(): that renews an old hash, which would end the session under the pen
        if not (check_password(given, self.person.password) or _is_code_of(self.person, given)):
            raise forms.ValidationError("that is not right. Nothing was done.")
        return ""

    def _signed_in_just_now(self) -> bool:
        records = self.request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
        latest = max((record.get("at", 0) for record in records), default=0)
        return bool(time.time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


def _authenticator_of(person: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).first()


def _is_code_of(person: User, given: str) -> bool:
    totp, code = _authenticator_of(person), given.strip()
    return bool(totp and code.isdecimal() and totp.wrap().validate_code(code))
