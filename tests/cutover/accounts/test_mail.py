"""A forgotten password: a message that is really sent, or a page that says that none is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.template.loader import get_template
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.checklists.histories import PASSWORD, person
from tests.checklists.views.pages import markup_of, words_of
from tests.cutover.accounts.conftest import is_signed_in, sign_in

pytestmark = pytest.mark.django_db

TEMPLATES = Path(__file__).parents[3] / "templates"
#: Signing up is closed and codes by mail are off (other pages say so); the last one is a file.
UNUSED = {
    "account/confirm_login_code.html",
    "account/signup.html",
    "socialaccount/signup.html",
    "mfa/recovery_codes/download.txt",
}


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/password/reset/",
        "/accounts/password/reset/key/1-abc/",
        "/accounts/email/",
        "/accounts/confirm-email/x/",
    ],
)
def test_without_a_mail_server_nothing_is_promised(address: str, capfd) -> None:
    efua = person("efua")
    efua.email = "efua@example.org"
    efua.save()
    client = Client()
    assert "password/reset" not in markup_of(client.get("/accounts/login/"))
    for answer in (client.get(address), client.post(address, {"email": "efua@example.org"})):
        assert answer.status_code == 404
        assert "This panel sends no mail." in words_of(answer)
    assert "password/reset/key" not in capfd.readouterr().out


def test_with_a_mail_server_the_link_is_mailed_and_does_not_pass_the_second_factor(
    settings, authenticator, capfd
) -> None:
    settings.HAS_MAIL = True
    efua = person("efua")
    efua.email = "efua@example.org"
    efua.save()
    authenticator(efua)
    client = Client()
    assert "/accounts/password/reset/" in markup_of(client.get("/accounts/login/"))
    client.post("/accounts/password/reset/", {"email": "stranger@example.org"})
    assert not mail.outbox
    client.post("/accounts/password/reset/", {"email": "efua@example.org"})
    assert mail.outbox[0].to == ["efua@example.org"]
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    assert link is not None
    form = client.get(link[1], follow=True)
    new = "quite another passphrase"
    client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert not is_signed_in(client)
    assert sign_in(client, "efua", new)["Location"] == "/accounts/2fa/authenticate/"
    assert link[1] not in capfd.readouterr().out


def test_addresses_are_added_confirmed_and_removed_on_a_page_of_the_panel(settings) -> None:
    settings.HAS_MAIL = True
    client = Client()
    sign_in(client, person("efua").get_username())
    page = client.get("/accounts/email/")
    assert "Your account has no address" in words_of(page)
    added = {"action_add": "1", "email": "efua@example.org"}
    assert "/reauthenticate/" in client.post("/accounts/email/", added)["Location"]
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", added)
    assert mail.outbox[0].to == ["efua@example.org"]
    page = markup_of(client.get("/accounts/email/"))
    assert 'value="efua@example.org"' in page
    assert "not confirmed yet" in page
    client.post("/accounts/email/", {"action_remove": "1", "email": "efua@example.org"})
    assert 'value="efua@example.org"' not in markup_of(client.get("/accounts/email/"))


def test_no_page_of_the_library_is_shown_as_the_library_has_it() -> None:
    found = {}
    for pattern in walk(get_resolver().url_patterns):
        name = getattr(getattr(pattern.callback, "view_class", None), "template_name", None)
        if name and pattern.callback.__module__.startswith("allauth"):
            found[str(name)] = Path(get_template(str(name)).template.origin.name)
    assert len(found) > 12
    assert {name for name, path in found.items() if not path.is_relative_to(TEMPLATES)} <= UNUSED


def walk(patterns: Iterable[Any]) -> Iterator[URLPattern]:
    for one in patterns:
        if isinstance(one, URLPattern):
            yield one
        else:
            yield from walk(one.url_patterns)
