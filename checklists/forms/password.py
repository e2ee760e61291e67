"""Proof that the person at the keyboard is the one who signed in: asked before what is hard to take back."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.core import ratelimit
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest


class PasswordForm(forms.Form):
    """A form that asks for the password again; ten wrong ones a minute are refused unread.

    Who has no password here (they come through an identity provider) must have signed in during
    the last five minutes instead.
    """

    password = forms.CharField(
        label="Your password, again",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, data: Any = None, *, request: HttpRequest, **options: Any) -> None:
        super().__init__(data, **options)
        assert isinstance(request.user, User)
        self.request, self.person = request, request.user
        if not self.person.has_usable_password():
            del self.fields["password"]

    def clean(self) -> dict[str, Any]:
        """The cleaned data; the last thing checked is a second proof where there is no password."""
        cleaned = super().clean() or self.cleaned_data
        if not self.person.has_usable_password() and not self._signed_in_just_now():
            raise forms.ValidationError(
                "Your sign-in is older than five minutes. Sign out, sign in again, and come back here."
            )
        return cleaned

    def clean_password(self) -> str:
        """The password when it is right. It is not kept and not logged."""
        if not ratelimit.consume(self.request, action="reauthenticate", user=self.person):
            raise forms.ValidationError("Too many tries. Wait a minute, then try again.")
        if not self.person.check_password(self.cleaned_data["password"]):
            raise forms.ValidationError("That is not your password. Nothing was done.")
        return ""

    def _signed_in_just_now(self) -> bool:
        records = self.request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
        latest = max((record.get("at", 0) for record in records), default=0)
        return bool(time.time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
