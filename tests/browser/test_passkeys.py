"""Passkeys in a real browser, with Chromium's virtual authenticator: add, sign in, prove, remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Browser, Page, expect

from tests.browser.contexts import new_context
from tests.checklists.histories import PASSWORD, make_cutover, person

pytestmark = pytest.mark.browser
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def phone_with_key(panel_url: str, browser: Browser) -> Iterator[Page]:
    """A browser with a passkey device. Passkeys need a name, not an IP address; the console stays clean."""
    complaints: list[str] = []
    address = panel_url.replace("127.0.0.1", "localhost")
    context = new_context(browser, base_url=address, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    yield page
    context.close()
    assert not [text for text in complaints if "422" not in text]


def sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(name)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".top-link").first).to_be_visible()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#id_login")).to_be_visible()


def add_passkey(page: Page) -> None:
    page.goto("/accounts/2fa/webauthn/add/")
    if page.locator("#id_password").count():  # adding one asks who it is, some minutes after the sign-in
        page.locator("#id_password").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
    page.locator("#id_passwordless").check()
    page.locator("#mfa_webauthn_add").click()
    expect(page.get_by_role("heading", name="recovery codes are left")).to_be_visible()


def test_a_passkey_is_added_signs_in_proves_and_is_removed(phone_with_key: Page) -> None:
    page, cutover = phone_with_key, make_cutover()
    sign_in(page, "ama")
    add_passkey(page)
    assert Authenticator.objects.filter(user=person("ama"), type="webauthn").count() == 1
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator(".top-link").first).to_be_visible()

    page.goto(f"/cutovers/{cutover.slug}/rollback/")
    prove = page.get_by_role("button", name="Do it with a passkey")
    prove.click()  # the reason is missing: the browser says so, and the key is not asked
    cutover.refresh_from_db()
    assert cutover.direction == "FORWARD"
    page.locator("#id_reason").fill("it burns")
    with page.expect_request(lambda asked: asked.method == "POST") as sent:
        prove.click()
    page.wait_for_url(f"**/cutovers/{cutover.slug}/")
    cutover.refresh_from_db()
    assert cutover.direction == "ROLLBACK"

    page.goto(f"/cutovers/{cutover.slug}/close/")  # the same answer again proves nothing
    page.get_by_label("Abandoned").check()
    page.locator("#id_reason").fill("replayed")
    answer = parse_qs(sent.value.post_data)["credential"][0]
    page.locator("[data-passkey-answer]").evaluate("(field, answer) => { field.value = answer }", answer)
    page.get_by_role("button", name="Close this cutover").click()
    expect(page.get_by_text("The passkey was not accepted.")).to_be_visible()
    cutover.refresh_from_db()
    assert cutover.is_open

    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Remove").click()
    page.locator("#id_password").fill(PASSWORD)  # to remove a key asks again who it is
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No security keys have been added.")).to_be_visible()
    assert not Authenticator.objects.filter(user=person("ama")).exists()


def test_the_pages_of_the_second_factor_are_readable(
    signed_in: Callable[..., Page], unreadable: Callable[[Page], list[str]]
) -> None:
    page = signed_in("ama", axe=True)
    page.goto("/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/")
    wrong = unreadable(page)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/accounts/2fa/totp/activate/")  # what is still loading has nothing to judge
    wrong += unreadable(page)
    for address in ("/accounts/2fa/", "/accounts/2fa/webauthn/add/", "/accounts/3rdparty/"):
        page.goto(address)
        wrong += unreadable(page)
    assert not wrong
