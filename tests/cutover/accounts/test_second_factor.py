"""The second factor: required of those who can change something, encrypted, and never a way around."""

from __future__ import annotations

from importlib import import_module

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checklists import services
from checklists.states import MemberPart
from integrations.credentials import VARIABLE, Credentials, generate_key
from integrations.errors import Problem
from tests.checklists.histories import PASSWORD, make_cutover, person
from tests.checklists.views.pages import words_of
from tests.cutover.accounts.conftest import is_signed_in, sign_in
from tests.cutover.accounts.totp import code_of

pytestmark = pytest.mark.django_db
PLAIN = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def _required(settings) -> None:
    settings.CUTOVER_REQUIRE_SECOND_FACTOR = True


def test_a_code_is_asked_for_and_can_be_used_once(authenticator) -> None:
    secret = authenticator(person("efua"))
    code = code_of(secret)
    for works in (True, False):
        client = Client()
        assert sign_in(client, "efua")["Location"] == "/accounts/2fa/authenticate/"
        assert not is_signed_in(client)
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert is_signed_in(client) is works


@pytest.mark.usefixtures("_required")
@pytest.mark.parametrize("name", ["ama", "efua"])  # a lead, an approver
def test_people_who_can_change_something_add_a_factor_before_anything_else(name: str) -> None:
    cutover = make_cutover()
    client = Client()
    sign_in(client, name)
    assert client.get(f"/cutovers/{cutover.slug}/")["Location"] == "/accounts/2fa/"
    assert "Your part needs a second factor" in words_of(client.get("/accounts/2fa/"))
    refused = client.post(f"/cutovers/{cutover.slug}/items/announce/tick/")
    assert (refused.status_code, b"Nothing was done." in refused.content) == (403, True)
    assert (
        client.get(f"/cutovers/{cutover.slug}/stream/", headers={"Accept": "text/event-stream"}).status_code
        == 403
    )
    assert client.get("/", headers={"HX-Request": "true"})["HX-Redirect"] == "/accounts/2fa/"
    assert client.get("/accounts/2fa/totp/activate/", follow=True).status_code == 200


@pytest.mark.usefixtures("_required")
def test_who_only_follows_needs_none_and_an_admin_does(authenticator) -> None:
    make_cutover()
    client = Client()
    sign_in(client, "yaw")
    assert is_signed_in(client)
    root = person("root")
    root.is_staff = root.is_superuser = True
    root.save()
    client = Client()
    sign_in(client, "root")
    assert client.get("/admin/")["Location"] == "/accounts/2fa/"
    secret = authenticator(root)
    client = Client()
    sign_in(client, "root")
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 200


@pytest.mark.usefixtures("_required")
def test_a_person_who_may_open_cutovers_needs_one() -> None:
    kwesi = person("kwesi")
    client = Client()
    sign_in(client, "kwesi")
    assert is_signed_in(client)
    kwesi.user_permissions.add(Permission.objects.get(codename="add_cutover"))
    assert not is_signed_in(client)


@pytest.mark.usefixtures("_required")
def test_recovery_codes_alone_are_no_second_factor() -> None:
    make_cutover()
    RecoveryCodes.activate(person("ama"))
    client = Client()
    sign_in(client, "ama")
    assert not is_signed_in(client)


def test_the_second_factor_of_a_session_is_not_queried_again(authenticator, settings) -> None:
    make_cutover()
    secret = authenticator(person("ama"))
    client = Client()
    sign_in(client, "ama")
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    counted = []
    for settings.CUTOVER_REQUIRE_SECOND_FACTOR in (False, True):
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/account/").status_code == 200
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_secrets_are_encrypted_in_the_database_and_work(authenticator) -> None:
    efua = person("efua")
    secret = authenticator(efua)
    RecoveryCodes.activate(efua)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = " ".join(row[0] for row in cursor.fetchall())
    assert stored.count("fernet:") == 2
    assert secret not in stored
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    client = Client()
    sign_in(client, "efua")
    client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    assert is_signed_in(client)


def test_secrets_of_an_earlier_version_are_encrypted_by_the_migration() -> None:
    efua = person("efua")
    plain = Authenticator.objects.create(user=efua, type="totp", data={"secret": PLAIN})
    assert plain.wrap().validate_code(code_of(PLAIN))  # still works before the migration
    codes = {"seed": "ab" * 40, "used_mask": 3, "migrated_codes": ["12345678", "87654321"]}
    Authenticator.objects.create(user=efua, type="recovery_codes", data=codes)
    import_module("cutover.accounts.migrations.0002_encrypt_second_factors").encrypt(apps, None)
    plain.refresh_from_db()
    assert plain.data["secret"].startswith("fernet:")
    assert plain.wrap().instance.data["secret"] != PLAIN
    recovery = Authenticator.objects.get(type="recovery_codes")
    assert recovery.data["used_mask"] == 3
    assert "12345678" not in str(recovery.data)
    assert recovery.wrap().get_unused_codes() == ["12345678", "87654321"]


def test_a_change_of_keys_includes_second_factors(monkeypatch, capsys) -> None:
    old, new = generate_key(), generate_key()
    monkeypatch.setenv(VARIABLE, old)
    ama = person("ama")
    data = {"secret": "fernet:" + Credentials([old]).encrypt(PLAIN.encode()).decode()}
    authenticator = Authenticator.objects.create(user=ama, type="totp", data=data)
    monkeypatch.setenv(VARIABLE, f"{new},{old}")
    call_command("secrets", "reencrypt", "--by", "ama")
    assert "second factors: 1 encrypted again" in capsys.readouterr().out
    call_command("secrets", "reencrypt", "--by", "ama")
    assert "second factors: 0 encrypted again" in capsys.readouterr().out
    monkeypatch.setenv(VARIABLE, new)
    authenticator.refresh_from_db()
    assert authenticator.wrap().instance.data["secret"].startswith("fernet:")
    code = code_of(PLAIN)
    assert authenticator.wrap().validate_code(code)
    monkeypatch.setenv(VARIABLE, generate_key())
    with pytest.raises(Problem, match="cannot be decrypted"):
        authenticator.wrap().validate_code(code)


def test_a_stakeholder_who_becomes_an_approver_needs_one_at_once(settings) -> None:
    settings.CUTOVER_REQUIRE_SECOND_FACTOR = True
    cutover = make_cutover()
    client = Client()
    sign_in(client, "yaw", PASSWORD)
    assert is_signed_in(client)
    root = person("root", is_superuser=True)
    services.add_member(
        cutover=cutover, person=person("yaw"), part=MemberPart.APPROVER, by=root, reason="Kofi fell ill."
    )
    assert not is_signed_in(client)
