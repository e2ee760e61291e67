"""Signing in and out, and the pages for errors."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.test import Client

from tests.checklists.histories import PASSWORD, make_cutover, person
from tests.checklists.views.pages import markup_of

pytestmark = pytest.mark.django_db


def test_sign_in_leads_back_to_the_requested_page() -> None:
    person("ama")
    client = Client()
    page = client.get("/accounts/login/?next=/waiting/")
    assert "Accounts are made by whoever runs this panel" in markup_of(page)
    assert 'name="next" value="/waiting/"' in markup_of(page)
    response = client.post("/accounts/login/", {"login": "ama", "password": PASSWORD, "next": "/waiting/"})
    assert response["Location"] == "/waiting/"


def test_a_wrong_password_is_said_beside_the_form() -> None:
    person("ama")
    response = Client().post("/accounts/login/", {"login": "ama", "password": "wrong"})
    assert 'role="alert"' in markup_of(response)


def test_nobody_signs_up() -> None:
    response = Client().post("/accounts/signup/", {"username": "x", "password1": PASSWORD})
    assert "Nobody signs up here" in markup_of(response)
    assert not person("ama").__class__.objects.filter(username="x").exists()


def test_signing_out_asks_first_and_says_that_work_goes_on(browser_of) -> None:
    ama = browser_of("ama")
    assert "What runs goes on running" in markup_of(ama.get("/accounts/logout/"))
    ama.post("/accounts/logout/")
    assert ama.get("/").status_code == 302


@pytest.mark.parametrize(
    "address", ["/accounts/password/change/", "/accounts/2fa/", "/accounts/reauthenticate/", "/account/"]
)
def test_the_pages_of_the_account_wear_our_clothes(browser_of, address: str) -> None:
    make_cutover()
    client = Client()
    client.post("/accounts/login/", {"login": "ama", "password": PASSWORD})
    page = client.get(address, follow=True)
    assert page.status_code == 200
    assert 'class="topbar"' in markup_of(page)


def test_a_missing_page_says_so_in_words(browser_of) -> None:
    response = browser_of("ama").get("/cutovers/nothing/")
    assert response.status_code == 404
    assert "There is nothing here." in markup_of(response)


def test_a_forbidden_command_is_explained_in_words(browser_of) -> None:
    cutover = make_cutover()
    response = browser_of("yaw").post(f"/cutovers/{cutover.slug}/items/announce/tick/")
    assert response.status_code == 403
    assert "You can read this, but not change it." in markup_of(response)
    assert "You can see this cutover, but you cannot change anything in it." in markup_of(response)


def test_every_static_file_that_a_page_names_is_there(settings, tmp_path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    page = markup_of(Client().get("/accounts/login/"))
    names = re.findall(r'(?:href|src)="/static/([^"#]+)', page)
    assert any(re.fullmatch(r"tokens\.[0-9a-f]+\.css", name) for name in names)
    assert [name for name in names if not (tmp_path / name).exists()] == []
