"""What allauth asks the panel: whether a proof counts, where a client is, how secrets are stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from checklists.services.second_factors import decrypt_secret, encrypt_secret
from cutover.accounts import limits
from cutover.accounts.clients import client_address, remember_browser
from cutover.accounts.oidc import note_proof

TOO_MANY_SIGN_INS = (
    "Too many wrong passwords from here. {when}. "
    "A browser in which you signed in before is not affected by the mistakes of others."
)
WRONG_SIGN_IN = "That name and password do not belong together. Check both, then try again."
TOO_MANY_PROOFS = "too many tries were wrong. {when}. Nothing was done."
WRONG_PROOF = "that is not right, or the code was used before. Nothing was done."


class PanelAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-in by name or e-mail address and password, with our own limits; nobody signs up."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_email_password_mismatch": WRONG_SIGN_IN,
        "username_password_mismatch": WRONG_SIGN_IN,
        "email_password_mismatch": WRONG_SIGN_IN,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """False: an admin creates accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address behind the configured number of proxies."""
        return client_address(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person whose password this is, or None. Raises `ValidationError` beyond a limit.

        Beyond the limit of a client over all names, the right password still leads to the second factor.
        """
        name = credentials.get("username") or credentials.get("email") or ""
        person = find_account(name)
        guess = limits.begin_sign_in(request, person, name)
        if guess.exceeded not in ([], [limits.CLIENT]):
            raise _too_many_sign_ins(request, guess)
        found: User | None = super().authenticate(request, **credentials)
        if guess.exceeded and not (found and has_second_factor(found)):
            raise _too_many_sign_ins(request, guess)
        if found:
            guess.take_back()
        return found

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        """Remembers the browser of a person who has given every proof."""
        response: HttpResponse = super().post_login(request, user, **options)
        remember_browser(request, response, user)
        if sociallogin := (options.get("signal_kwargs") or {}).get("sociallogin"):
            note_proof(request, user, sociallogin)
        return response

    def reauthenticate(self, user: User, password: str) -> bool:
        """Whether this is the password of the person who is signed in."""
        return not self.refuse_proof(context.request, password)

    def refuse_proof(self, request: HttpRequest, given: str) -> str:
        """Why this password or code proves nothing, in a sentence; empty when it is right.

        Does not disclose whether a password or a code was expected.
        """
        person = request.user
        assert isinstance(person, User)
        guess = limits.begin_repeated_proof(request, person)
        if guess.exceeded:
            guess.take_back()
            return TOO_MANY_PROOFS.format(when=limits.say_when_open(request, guess))
        # Not person.check_password(): it may renew an old hash, and that would end this session.
        if not (check_password(given, person.password) or _is_valid_code(person, given)):
            return WRONG_PROOF
        guess.take_back()
        return ""

    def refuse_passkey(self, request: HttpRequest, credential: str) -> str:
        """Why this answer of a passkey proves nothing, in a sentence; empty when it is right.

        The answer signs a challenge that was made for this session and is used up by this.
        """
        form = ReauthenticateWebAuthnForm(user=request.user, data={"credential": credential})
        return "" if form.is_valid() else "The passkey was not accepted. Nothing was done."


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Stores the secrets of authenticators and recovery codes encrypted."""

    def encrypt(self, text: str) -> str:
        """The secret under the newest of the installation's keys."""
        return encrypt_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; also one that was stored before they were encrypted."""
        return decrypt_secret(encrypted_text)

    def get_totp_issuer(self) -> str:
        """The name that authenticator apps show."""
        return f"Cutover {self._get_site_name()}"


def _too_many_sign_ins(request: HttpRequest, guess: limits.Guess) -> ValidationError:
    """The refusal of a guess that was not checked, and does not count."""
    guess.take_back()
    return ValidationError(TOO_MANY_SIGN_INS.format(when=limits.say_when_open(request, guess)))


def find_account(name: str) -> User | None:
    """The account of that user name or e-mail address; None when there is none, or more than one."""
    name = name.strip()
    found = User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name, email__gt=""))[:2]
    return found[0] if len(found) == 1 else None


def has_second_factor(person: User) -> bool:
    """Does the person have an authenticator or a passkey? Recovery codes alone are none."""
    return bool(find_second_factors([person.pk]))


def find_second_factors(people: Iterable[int]) -> set[int]:
    """Who of these people (by id) has an authenticator or a passkey."""
    types = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    found = Authenticator.objects.filter(user__in=list(people), type__in=types)
    return set(found.values_list("user", flat=True))


def _is_valid_code(person: User, given: str) -> bool:
    totp = Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).first()
    code = given.strip()
    return bool(totp and code.isdecimal() and totp.wrap().validate_code(code))
