"""Signing in and out, in our own clothes, and the pages for what cannot be answered."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client

from tests.checklists.histories import PASSWORD, make_cutover, person

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def test_one_signs_in_and_comes_to_where_one_wanted_to_be() -> None:
    person("ama")
    client = Client()
    page = client.get("/accounts/login/?next=/waiting/")
    assert "Accounts are made by whoever runs this panel" in text_of(page)
    assert 'name="next" value="/waiting/"' in text_of(page)
    answer = client.post("/accounts/login/", {"login": "ama", "password": PASSWORD, "next": "/waiting/"})
    assert answer["Location"] == "/waiting/"


def test_a_wrong_password_is_said_beside_the_form() -> None:
    person("ama")
    answer = Client().post("/accounts/login/", {"login": "ama", "password": "wrong"})
    assert 'role="alert"' in text_of(answer)


def test_nobody_signs_up() -> None:
    answer = Client().post("/accounts/signup/", {"username": "x", "password1": PASSWORD})
    assert "closed" in text_of(answer).lower()
    assert not person("ama").__class__.objects.filter(username="x").exists()


def test_signing_out_asks_first_and_says_that_work_goes_on(browser_of) -> None:
    ama = browser_of("ama")
    assert "What runs goes on running" in text_of(ama.get("/accounts/logout/"))
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
    assert 'class="topbar"' in text_of(page)


def test_what_is_not_there_is_said_in_words(browser_of) -> None:
    answer = browser_of("ama").get("/cutovers/nothing/")
    assert answer.status_code == 404
    assert "There is nothing here." in text_of(answer)


def test_what_one_may_not_do_is_said_in_words(browser_of) -> None:
    cutover = make_cutover()
    answer = browser_of("yaw").post(f"/cutovers/{cutover.slug}/items/announce/tick/")
    assert answer.status_code == 403
    assert "You can look, not touch." in text_of(answer)
    assert "You can see this cutover, and you cannot touch it." in text_of(answer)


def test_every_static_file_that_a_page_names_is_there(settings, tmp_path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    assert 'href="/static/app.' in text_of(Client().get("/accounts/login/"))
