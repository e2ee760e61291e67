"""Sign-in through an OpenID Connect provider of another author: it proves who, and gives no rights."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.http import HttpResponse
from django.test import Client

from checklists.models import Member
from cutover.data_folder import PROJECT
from cutover.deploy_check import production_environment
from cutover.sign_in_settings import identity_provider
from tests.checklists.histories import PASSWORD, make_cutover, person
from tests.checklists.views.pages import markup_of, words_of
from tests.cutover.accounts.conftest import is_signed_in, sign_in
from tests.cutover.accounts.identity_provider import IdentityProvider, answer_provider, running

pytestmark = pytest.mark.django_db
CALLBACK = "http://testserver/accounts/oidc/oidc/login/callback/"
LOGIN = "/accounts/oidc/oidc/login/"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with running(tmp_path_factory.mktemp("oidc"), CALLBACK) as started:
        yield started


@pytest.fixture(autouse=True)
def _configured(provider: IdentityProvider, settings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = identity_provider(
        provider.issuer, ("panel", "secret-of-the-panel"), "Example"
    )


def through_provider(
    client: Client, sub: str, *, browser: requests.Session | None = None, query: str = "?process=login"
) -> HttpResponse:
    """Presses the button, answers the provider's pages, and comes back."""
    away = client.post(LOGIN + query)
    assert away.status_code == 302, words_of(away)
    back = urlsplit(answer_provider(browser or requests.Session(), away["Location"], sub, CALLBACK))
    return client.get(f"{back.path}?{back.query}")


def linked(name: str, sub: str) -> None:
    SocialAccount.objects.create(user=person(name), provider="oidc", uid=sub)


def test_a_linked_person_signs_in_with_proof_of_the_code(provider) -> None:
    linked("efua", "sub-efua")
    client = Client()
    assert "Sign in with Example" in words_of(client.get("/accounts/login/"))
    asked = parse_qs(urlsplit(client.post(LOGIN + "?process=login")["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"]
    through_provider(client, "sub-efua")
    assert is_signed_in(client)
    client.post("/accounts/logout/")
    assert not is_signed_in(client)


def test_nobody_is_let_in_or_made_who_has_no_account_here(settings) -> None:
    person("efua", email="efua@example.org")
    client = Client()
    answer = through_provider(client, "sub-efua")  # the same address, and linking is off
    assert answer.status_code == 403
    assert "Nobody here has an account that belongs to this identity" in words_of(answer)
    settings.OIDC_LINK_VERIFIED_EMAIL = True
    assert through_provider(client, "sub-stranger").status_code == 403
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()
    assert not type(person("efua")).objects.filter(email="stranger@example.org").exists()


def test_a_verified_address_links_once_and_gives_no_rights(settings) -> None:
    settings.OIDC_LINK_VERIFIED_EMAIL = True
    cutover = make_cutover()
    esi = person("esi", email="Efua@example.org")
    client = Client()
    through_provider(client, "sub-efua")
    assert is_signed_in(client)
    assert SocialAccount.objects.get().user == esi
    assert client.get(f"/cutovers/{cutover.slug}/").status_code == 404
    esi.refresh_from_db()
    assert (esi.is_staff, esi.is_superuser, esi.groups.count()) == (False, False, 0)
    assert not Member.objects.filter(person=esi).exists()


@pytest.mark.parametrize("twice", [False, True])
def test_an_address_that_is_not_verified_or_not_unique_links_nothing(settings, twice: bool) -> None:
    settings.OIDC_LINK_VERIFIED_EMAIL = True
    if twice:
        for name in ("efua", "ama"):
            person(name, email="efua@example.org")
    else:
        person("ama", email="ama@example.org")
    client = Client()
    assert through_provider(client, "sub-efua" if twice else "sub-unverified").status_code == 403
    assert not SocialAccount.objects.exists()


def test_a_closed_account_stays_closed() -> None:
    linked("efua", "sub-efua")
    efua = person("efua")
    efua.is_active = False
    efua.save()
    client = Client()
    answer = through_provider(client, "sub-efua")
    assert (answer.status_code, "was closed" in words_of(answer)) == (403, True)
    assert not is_signed_in(client)


def test_only_people_of_the_configured_groups_come_in(settings) -> None:
    settings.OIDC_GROUPS = ["migration", "admins"]
    linked("kofi", "sub-outside")
    linked("efua", "sub-efua")
    client = Client()
    assert "does not list you in a group" in words_of(through_provider(client, "sub-outside"))
    assert not is_signed_in(client)
    through_provider(client, "sub-efua")
    assert is_signed_in(client)


def test_the_panels_second_factor_is_asked_for_too(authenticator) -> None:
    linked("efua", "sub-efua")
    authenticator(person("efua"))
    client = Client()
    assert through_provider(client, "sub-efua")["Location"] == "/accounts/2fa/authenticate/"
    assert not is_signed_in(client)


def test_a_signed_in_person_links_their_identity_after_their_password() -> None:
    person("efua")
    client = Client()
    sign_in(client, "efua")
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    answer = through_provider(client, "sub-efua", query="?process=connect")
    assert "/accounts/reauthenticate/" in answer["Location"]
    assert not SocialAccount.objects.exists()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    through_provider(client, "sub-efua", query="?process=connect")
    assert SocialAccount.objects.get().user == person("efua")


def test_errors_of_the_provider_are_explained(settings, provider) -> None:
    client = Client()
    for query in ("?error=server_error&error_description=down", "?code=forged&state=forged"):
        page = words_of(client.get(f"/accounts/oidc/oidc/login/callback/{query}"))
        assert "You are not signed in" in page
    settings.SOCIALACCOUNT_PROVIDERS = identity_provider("http://localhost:1", ("panel", "x"), "Example")
    answer = client.post(LOGIN + "?process=login")
    assert answer.status_code == 502
    assert "does not answer" in words_of(answer)
    settings.SOCIALACCOUNT_PROVIDERS = identity_provider(provider.issuer, ("panel", "wrong"), "Example")
    away = client.post(LOGIN + "?process=login")
    back = urlsplit(answer_provider(requests.Session(), away["Location"], "sub-efua", CALLBACK))
    assert "You are not signed in" in words_of(client.get(f"{back.path}?{back.query}"))


def test_browsers_may_follow_the_form_to_the_provider_and_nowhere_else() -> None:
    code = "from cutover import settings as s; print(s.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action'])"
    oidc = {
        "OIDC_ISSUER": "https://id.example.org/realms/a/",
        "OIDC_CLIENT_ID": "panel",
        "OIDC_CLIENT_SECRET": "a long enough secret",
    }
    environment = {**production_environment(), **oidc}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == """["'self'", 'https://id.example.org']"""


def test_without_a_password_a_fresh_sign_in_at_the_provider_proves_who_it_is() -> None:
    cutover = make_cutover()
    ama = person("ama")
    ama.set_unusable_password()
    ama.save()
    linked("ama", "sub-efua")
    client, browser = Client(), requests.Session()
    through_provider(client, "sub-efua", browser=browser)
    url = f"/cutovers/{cutover.slug}/rollback/"
    page = client.get(url)
    assert 'name="password"' not in markup_of(page)
    assert client.post(url, {"reason": "it burns"}).status_code == 422  # it may be an old sign-in there
    assert "Sign in again with Example" in words_of(page)
    again = "?process=login&auth_params=prompt%3Dlogin%26max_age%3D0"
    through_provider(client, "sub-efua", browser=browser, query=again)
    session = client.session
    assert abs(session["identity_proven_at"][1] - time.time()) < 60
    for proof in ([ama.pk, time.time() - 301], [person("efua").pk, time.time()]):  # too old, somebody else's
        session["identity_proven_at"] = proof
        session.save()
        assert client.post(url, {"reason": "it burns"}).status_code == 422
    session["identity_proven_at"] = [ama.pk, time.time()]
    session.save()
    assert client.post(url, {"reason": "it burns"}).status_code == 302


def test_the_proof_of_another_identity_proves_nothing() -> None:
    cutover = make_cutover()
    ama = person("ama")
    ama.set_unusable_password()
    ama.save()
    linked("ama", "sub-efua")
    client = Client()
    through_provider(client, "sub-efua")
    again = "?process=login&auth_params=prompt%3Dlogin%26max_age%3D0"
    through_provider(client, "sub-stranger", query=again)
    url = f"/cutovers/{cutover.slug}/rollback/"
    assert client.post(url, {"reason": "it burns"}).status_code == 422


@pytest.mark.parametrize("address", ["2fa/totp/activate/", "2fa/webauthn/add/", "password/set/", "3rdparty/"])
def test_a_session_that_was_left_open_adds_no_proof_to_an_account_without_one(address: str) -> None:
    ama = person("ama")
    ama.set_unusable_password()
    ama.save()
    linked("ama", "sub-efua")
    client, browser = Client(), requests.Session()
    through_provider(client, "sub-efua", browser=browser)
    for answer in (
        client.get(f"/accounts/{address}"),
        client.post(f"/accounts/{address}", {"password1": "x"}),
    ):
        assert answer["Location"].startswith(f"{LOGIN}?process=login&next=%2Faccounts%2F")
    again = urlsplit(client.get(f"/accounts/{address}")["Location"]).query
    back = through_provider(client, "sub-efua", browser=browser, query=f"?{again}")
    assert back["Location"] == f"/accounts/{address}"
    assert client.get(f"/accounts/{address}").status_code == 200
    ama.refresh_from_db()
    assert not ama.has_usable_password()
