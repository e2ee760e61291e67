"""Nobody guesses without end, and nobody is locked out by the guesses of others or by being right."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models.functions import Now
from django.test import Client

from cutover.accounts import limits
from cutover.accounts.models import FailedAttempt
from tests.checklists.histories import PASSWORD, make_cutover, person
from tests.checklists.views.pages import words_of
from tests.cutover.accounts.conftest import is_signed_in, sign_in
from tests.cutover.accounts.totp import code_of

pytestmark = pytest.mark.django_db
TOO_MANY = "Too many wrong passwords from here"
OWN, OTHER = "192.0.2.1", "198.51.100.7"


def guess(client: Client, name: str, times: int) -> None:
    for number in range(times):
        sign_in(client, name, f"wrong {number}")


def test_guessing_one_password_is_stopped_even_for_the_right_one() -> None:
    person("efua")
    client = Client(REMOTE_ADDR=OTHER)
    guess(client, "efua", limits.ACCOUNT_AT_CLIENT.failures)
    assert TOO_MANY in words_of(sign_in(client, "efua"))
    assert not is_signed_in(client)


def test_a_refusal_says_at_what_time_the_next_try_is_checked() -> None:
    person("efua")
    client = Client(REMOTE_ADDR=OTHER)
    guess(client, "efua", limits.ACCOUNT_AT_CLIENT.failures)
    rows = FailedAttempt.objects.order_by("pk").filter(bucket=FailedAttempt.objects.earliest("pk").bucket)
    for minutes, row in zip((4, 3, 2, 1, 0), rows, strict=True):
        FailedAttempt.objects.filter(pk=row.pk).update(at=Now() - timedelta(minutes=minutes))
    refused = words_of(sign_in(client, "efua"))
    opens_at = FailedAttempt.objects.get(pk=rows[0].pk).at + timedelta(
        seconds=limits.ACCOUNT_AT_CLIENT.seconds
    )
    said = re.search(r"Try again at (\d\d):(\d\d) \(UTC\), in (1|2) min", refused)
    assert said, refused
    at = opens_at.replace(hour=int(said[1]), minute=int(said[2]), second=0, microsecond=0)
    assert timedelta() <= at - opens_at.replace(microsecond=0) <= timedelta(minutes=1)
    FailedAttempt.objects.filter(pk=rows[0].pk).update(at=Now() - timedelta(minutes=6))
    sign_in(client, "efua")
    assert is_signed_in(client), "at that time it is checked"


def test_guesses_from_elsewhere_do_not_lock_a_person_out() -> None:
    person("efua")
    guess(Client(REMOTE_ADDR=OTHER), "efua", 20)
    client = Client(REMOTE_ADDR=OWN)
    sign_in(client, "efua")
    assert is_signed_in(client)


def test_a_name_and_its_address_are_counted_as_one_account() -> None:
    efua = person("efua")
    efua.email = "efua@example.org"
    efua.save()
    client = Client(REMOTE_ADDR=OTHER)
    guess(client, "efua", 3)
    guess(client, "EFUA@example.org", 2)
    assert TOO_MANY in words_of(sign_in(client, " Efua "))


def test_a_browser_in_which_the_person_signed_in_before_is_counted_for_itself() -> None:
    person("efua")
    own = Client(REMOTE_ADDR=OWN)
    sign_in(own, "efua")
    own.post("/accounts/logout/")
    guess(Client(REMOTE_ADDR=OWN), "efua", 20)  # somebody at the same address
    sign_in(own, "efua")
    assert is_signed_in(own)


def test_a_known_browser_may_not_guess_without_end_and_is_known_for_one_person() -> None:
    person("efua")
    person("ama")
    client = Client(REMOTE_ADDR=OWN)
    sign_in(client, "efua")
    client.post("/accounts/logout/")
    guess(client, "efua", limits.KNOWN_BROWSER.failures)
    assert TOO_MANY in words_of(sign_in(client, "efua"))
    guess(client, "ama", limits.ACCOUNT_AT_CLIENT.failures)
    assert TOO_MANY in words_of(sign_in(client, "ama"))


def test_a_browser_is_not_known_any_more_after_a_change_of_the_password() -> None:
    efua = person("efua")
    client = Client(REMOTE_ADDR=OWN)
    sign_in(client, "efua")
    client.post("/accounts/logout/")
    efua.set_password("another long passphrase")
    efua.save()
    guess(client, "efua", limits.ACCOUNT_AT_CLIENT.failures)
    assert TOO_MANY in words_of(sign_in(client, "efua", "another long passphrase"))


def test_names_that_do_not_exist_lock_nobody_out() -> None:
    person("ama")
    guess(Client(REMOTE_ADDR=OWN), "nobody", 12)
    for number in range(12):
        sign_in(Client(REMOTE_ADDR=OWN), f"nobody-{number}", "wrong")
    client = Client(REMOTE_ADDR=OWN)
    sign_in(client, "ama")
    assert is_signed_in(client)


def test_one_client_cannot_try_all_names_but_a_second_factor_still_lets_in(authenticator) -> None:
    person("efua")
    secret = authenticator(person("ama"))
    for number in range(limits.CLIENT.failures):
        sign_in(Client(REMOTE_ADDR=OTHER), f"person-{number}", "Spring2026")
    efua, ama = Client(REMOTE_ADDR=OTHER), Client(REMOTE_ADDR=OTHER)
    assert TOO_MANY in words_of(sign_in(efua, "efua"))
    assert sign_in(ama, "ama")["Location"] == "/accounts/2fa/authenticate/"
    ama.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert is_signed_in(ama)


def test_right_passwords_are_not_counted() -> None:
    cutover = make_cutover()
    for _ in range(15):
        client = Client(REMOTE_ADDR=OWN)
        sign_in(client, "ama")
        assert is_signed_in(client)
    url = f"/cutovers/{cutover.slug}/rollback/"
    for _ in range(15):
        page = client.post(url, {"password": PASSWORD, "reason": "it burns"}, follow=True)
        assert "The rollback is ordered" in words_of(page)
    assert not FailedAttempt.objects.exists()


def test_wrong_passwords_of_a_signed_in_person_are_counted_at_every_form() -> None:
    cutover = make_cutover()
    client = Client(REMOTE_ADDR=OWN)
    sign_in(client, "ama")
    url = f"/cutovers/{cutover.slug}/rollback/"
    for number in range(limits.REPEATED_AT_CLIENT.failures):
        client.post("/accounts/reauthenticate/" if number % 2 else url, {"password": "wrong", "reason": "x"})
    client.post(url, {"password": PASSWORD, "reason": "x"})
    cutover.refresh_from_db()
    assert cutover.direction == "FORWARD"
    elsewhere = Client(REMOTE_ADDR=OTHER)
    sign_in(elsewhere, "ama")
    elsewhere.post(url, {"password": PASSWORD, "reason": "x"})
    cutover.refresh_from_db()
    assert cutover.direction == "ROLLBACK"


def test_codes_are_counted_over_all_clients_and_right_ones_are_not(authenticator) -> None:
    secret = authenticator(person("efua"))
    known = Client(REMOTE_ADDR=OWN)
    sign_in(known, "efua")
    known.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    known.post("/accounts/logout/")
    for number in range(limits.CODES_OF_ACCOUNT.failures):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        sign_in(client, "efua")
        client.post("/accounts/2fa/authenticate/", {"code": "abcdef"})
    stranger = Client(REMOTE_ADDR=OTHER)
    sign_in(stranger, "efua")
    refused = stranger.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert "Too many wrong codes" in words_of(refused)
    sign_in(known, "efua")
    assert "Too many" not in words_of(known.post("/accounts/2fa/authenticate/", {"code": "abcdef"}))


def test_the_admin_site_has_no_sign_in_of_its_own(authenticator) -> None:
    root = person("root")
    root.is_staff = root.is_superuser = True
    root.save()
    authenticator(root)
    client = Client()
    answer = client.get("/admin/login/?next=/admin/")
    assert answer["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    assert not is_signed_in(client)
    sign_in(client, "root")
    assert not is_signed_in(client)  # the code is missing


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_counted_as_many() -> None:
    person("efua")

    def one(number: int) -> bool:
        try:
            return TOO_MANY not in words_of(sign_in(Client(REMOTE_ADDR=OTHER), "efua", f"wrong {number}"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        checked = sum(pool.map(one, range(24)))
    assert checked <= limits.ACCOUNT_AT_CLIENT.failures


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted_as"),
    [
        (0, "203.0.113.9", OWN),  # nobody vouches for the header
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # the client wrote the first
        (2, "1.2.3.4, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", OWN),  # it did not come through both
        (1, "", OWN),
        (1, "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.9:51234", "203.0.113.9"),
        (1, "nonsense\x00", "unknown"),
    ],
)
def test_the_clients_address_behind_proxies(rf, settings, proxies, forwarded, counted_as) -> None:
    from cutover.accounts.clients import client_address

    settings.CUTOVER_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR=OWN, headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == counted_as


def test_behind_a_proxy_people_are_told_apart(settings) -> None:
    settings.CUTOVER_PROXIES = 1
    person("efua")
    stranger = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "203.0.113.9"})
    guess(stranger, "efua", 20)
    own = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "203.0.113.10"})
    sign_in(own, "efua")
    assert is_signed_in(own)
