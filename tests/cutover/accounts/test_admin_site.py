"""The admin site asks who it is before it changes anything."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client

from tests.checklists.histories import PASSWORD, person
from tests.checklists.views.pages import markup_of, words_of
from tests.cutover.accounts.conftest import sign_in

pytestmark = pytest.mark.django_db
NEW = {"username": "mallory", "password1": "a passphrase of mallory", "password2": "a passphrase of mallory"}


@pytest.fixture
def root() -> Client:
    admin = person("root")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client = Client()
    sign_in(client, "root")
    return client


def prove(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def test_nothing_is_changed_by_a_session_that_was_left_open(root: Client) -> None:
    assert root.get("/admin/auth/user/").status_code == 200
    for address in ("/admin/auth/user/add/", f"/admin/auth/user/{person('ama').pk}/password/"):
        for answer in (root.get(address), root.post(address, NEW)):
            assert answer["Location"].startswith("/accounts/reauthenticate/?next=%2Fadmin%2Fauth%2Fuser%2F")
    delete = {"action": "delete_selected", "_selected_action": [person("ama").pk], "post": "yes"}
    root.post("/admin/auth/user/", delete)
    assert set(User.objects.values_list("username", flat=True)) == {"root", "ama"}
    assert NEW["password1"] not in str(dict(root.session))


def test_after_the_password_it_is_changed_and_five_minutes_later_it_asks_again(root: Client) -> None:
    prove(root)
    root.post("/admin/auth/user/add/", {**NEW, "usable_password": "true"})
    assert User.objects.filter(username="mallory").exists()
    session = root.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    assert root.get("/admin/auth/user/add/").status_code == 302


def test_who_has_no_proof_at_all_changes_nothing(root: Client) -> None:
    admin = person("root")
    admin.set_unusable_password()
    admin.save()
    root.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    answer = root.get("/admin/auth/user/add/")
    assert (answer.status_code, "neither a password nor" in words_of(answer)) == (403, True)


def test_a_lost_second_factor_is_removed_and_its_secret_is_never_shown(root: Client, authenticator) -> None:
    authenticator(person("efua"))
    key = Authenticator.objects.get()
    prove(root)
    page = root.get(f"/admin/mfa/authenticator/{key.pk}/change/")
    assert "fernet:" not in markup_of(page)
    root.post(f"/admin/mfa/authenticator/{key.pk}/change/", {"data": "{}"})
    key.refresh_from_db()
    assert key.data["secret"].startswith("fernet:")
    root.post(f"/admin/mfa/authenticator/{key.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.exists()
