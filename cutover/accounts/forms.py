"""Forms of signing in: the password, and a code of the second factor with our limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.forms import LoginForm
from allauth.account.forms import ReauthenticateForm as PasswordAgainForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms

from cutover.accounts import limits

TOO_MANY_CODES = "Too many wrong codes. Wait ten minutes, then try again."


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """Name and password. The page itself links to the reset of a password, where mail can be sent."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["password"].help_text = ""
        self.fields["login"].label = "User name or e-mail address"
        self.fields["login"].widget.attrs = {"autocomplete": "username"}
        self.fields["remember"].label = "Stay signed in when the browser closes, for 12 hours at most"


class RepeatedPasswordForm(PasswordAgainForm):  # type: ignore[misc]  # allauth has no types
    """The password of a signed-in person, again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["password"].help_text = ""


def check_code(guess: limits.Guess, check: Callable[[], str]) -> str:
    """The code when ``check`` takes it. One beyond the limits is refused unread; only a wrong one counts."""
    if guess.exceeded:
        guess.take_back()
        raise forms.ValidationError(TOO_MANY_CODES)
    code = check()
    guess.take_back()
    return code


class CodeForm(AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code that is asked for after the password."""

    def clean_code(self) -> str:
        """Checks the code, unless too many were wrong."""
        return check_code(limits.begin_code(context.request, self.user), super().clean_code)


class RepeatedCodeForm(ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code that a signed-in person gives again."""

    def clean_code(self) -> str:
        """Checks the code, unless too many proofs were wrong."""
        return check_code(limits.begin_repeated_proof(context.request, self.user), super().clean_code)
