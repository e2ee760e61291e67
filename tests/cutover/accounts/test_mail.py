"""A forgotten password: a message that is really sent, or a page that says that none is."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from tests.checklists.histories import person
from tests.checklists.views.pages import markup_of, words_of
from tests.cutover.accounts.conftest import is_signed_in, sign_in

pytestmark = pytest.mark.django_db


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
