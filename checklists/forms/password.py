"""Asks who it is again, before commands that are hard to take back."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

PROVEN_AT = "identity_proven_at"  # in the session; cutover/accounts/oidc.py writes it
#: In `HttpRequest.META`: the zone in which the page shows its times; cutover/accounts/limits.py reads it.
ZONE_OF_PAGE = "cutover.zone"
NOTHING_GIVEN = "give it again; it proves that it is you."


class PasswordForm(forms.Form):
    """A form that asks for the password again, for a code of the person's authenticator, or for a passkey.

    The proof belongs to this one command: the next one asks again. The account adapter checks it and counts
    what was wrong (`cutover.accounts.adapters`). A person who has none of these (they sign in through an
    identity provider) must have signed in during the last five minutes instead.
    """

    password = forms.CharField(
        label="Your password, or a code of your authenticator",
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
        error_messages={"required": NOTHING_GIVEN},
    )
    credential = forms.CharField(
        required=False, max_length=20_000, widget=forms.HiddenInput(attrs={"data-passkey-answer": ""})
    )
    asks_for_proof = True  # a form that asks only sometimes turns this off
    has_password = has_passkey = False  # or a code: what this person can prove it with

    def __init__(self, data: Any = None, *, request: HttpRequest, **options: Any) -> None:
        super().__init__(data, **options)
        assert isinstance(request.user, User)
        self.request, self.user = request, request.user
        if not self.asks_for_proof:
            self._remove_proof("password", "credential")
            return
        factors = {str(kind) for kind in factors_of(self.user)}
        self.has_passkey = Authenticator.Type.WEBAUTHN in factors
        self.has_password = self.user.has_usable_password() or Authenticator.Type.TOTP in factors
        if not self.has_passkey:
            self._remove_proof("credential")
        if self.has_password:
            self.fields["password"].required = not self.has_passkey
        else:
            self._remove_proof("password")

    @property
    def needs_sign_in(self) -> bool:
        """Is a fresh sign-in at the identity provider the only proof that this person has?"""
        return self.asks_for_proof and not self.has_password and not self.has_passkey

    def _remove_proof(self, *names: str) -> None:
        for name in names:
            self.fields.pop(name, None)

    def clean(self) -> dict[str, Any]:
        """Checks the proof, and empties the fields, so that the secret is neither kept nor logged.

        Only when the rest is right: a code counts once, and a passkey signs one challenge.
        """
        cleaned = super().clean() or self.cleaned_data
        given, credential = cleaned.pop("password", ""), cleaned.pop("credential", "")
        if self.asks_for_proof and not self.errors:
            self._check_proof(given, credential)
        return cleaned

    def _check_proof(self, given: str, credential: str) -> None:
        adapter = get_adapter(self.request)
        if credential:
            refused = adapter.refuse_passkey(self.request, credential)
        elif given:
            refused = adapter.refuse_proof(self.request, given)
        elif self.has_password or self.has_passkey:
            refused = NOTHING_GIVEN
        elif not is_proven_by_provider(self.request):
            refused = "Your sign-in is older than five minutes. Sign in again, and come back here."
        else:
            return
        if refused:
            self.add_error("password" if "password" in self.fields else None, refused)


def factors_of(person: User) -> list[str]:
    """The kinds of the person's second factors, one for each that they have."""
    return list(Authenticator.objects.filter(user=person).values_list("type", flat=True))


def is_proven_by_provider(request: HttpRequest) -> bool:
    """Has the identity provider itself asked who it is in the last five minutes?

    That somebody signed in here just now is no proof: the provider may have remembered an earlier sign-in.
    """
    person, proven_at = request.session.get(PROVEN_AT, (None, 0))
    is_fresh = time.time() - proven_at < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return bool(person == request.user.pk and is_fresh)
