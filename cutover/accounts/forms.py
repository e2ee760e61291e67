"""Forms of signing in: the password, and a code of the second factor with our limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SetPasswordForm,
)
from allauth.account.forms import ReauthenticateForm as PasswordAgainForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms

from cutover.accounts import limits

TOO_MANY_CODES = "Too many wrong codes. {when}."


class PlainFields:
    """Fields with our words, and without placeholders that repeat the label."""

    words: ClassVar[dict[str, str]] = {}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        fields: dict[str, forms.Field] = getattr(self, "fields", {})
        for name, field in fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.words.get(name, field.label)


class SignInForm(PlainFields, LoginForm):  # type: ignore[misc]  # allauth has no types
    """Name and password. The page itself links to the reset of a password, where mail can be sent."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["password"].help_text = ""
        self.fields["login"].label = "User name or e-mail address"
        self.fields["login"].widget.attrs = {"autocomplete": "username"}
        self.fields["remember"].label = "Stay signed in when the browser closes, for 12 hours at most"


class RepeatedPasswordForm(PlainFields, PasswordAgainForm):  # type: ignore[misc]  # allauth has no types
    """The password of a signed-in person, again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["password"].help_text = ""


class NewPasswordForm(PlainFields, ChangePasswordForm):  # type: ignore[misc]  # allauth has no types
    """The old password, and the new one twice."""

    words: ClassVar[dict[str, str]] = {
        "oldpassword": "Your password now",
        "password1": "The new password",
        "password2": "The new password, again",
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["oldpassword"].help_text = ""


class FirstPasswordForm(PlainFields, SetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """The first password of an account that an identity provider signs in."""

    words: ClassVar[dict[str, str]] = {"password1": "The password", "password2": "The password, again"}


class ForgottenPasswordForm(PlainFields, ResetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """The address to which the link goes."""

    words: ClassVar[dict[str, str]] = {"email": "E-mail address of your account"}


class PasswordFromLinkForm(PlainFields, ResetPasswordKeyForm):  # type: ignore[misc]  # allauth has no types
    """The new password, twice, of a person who followed the link."""

    words: ClassVar[dict[str, str]] = {
        "password1": "The new password",
        "password2": "The new password, again",
    }


class AddAppForm(PlainFields, ActivateTOTPForm):  # type: ignore[misc]  # allauth has no types
    """The first code of a new authenticator app."""

    words: ClassVar[dict[str, str]] = {"code": "Code"}


def check_code(guess: limits.Guess, check: Callable[[], str]) -> str:
    """The code when ``check`` takes it. One beyond the limits is refused unread; only a wrong one counts."""
    if guess.exceeded:
        guess.take_back()
        when = limits.say_when_open(context.request, guess)
        raise forms.ValidationError(TOO_MANY_CODES.format(when=when))
    code = check()
    guess.take_back()
    return code


class CodeForm(PlainFields, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code that is asked for after the password."""

    words: ClassVar[dict[str, str]] = {"code": "Code"}

    def clean_code(self) -> str:
        """Checks the code, unless too many were wrong."""
        return check_code(limits.begin_code(context.request, self.user), super().clean_code)


class RepeatedCodeForm(PlainFields, ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code that a signed-in person gives again."""

    words: ClassVar[dict[str, str]] = {"code": "Code"}

    def clean_code(self) -> str:
        """Checks the code, unless too many proofs were wrong."""
        return check_code(limits.begin_repeated_proof(context.request, self.user), super().clean_code)
