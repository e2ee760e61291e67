"""Who may see and change which page, checked against every URL of the panel."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from checklists import urls
from checklists.models import AuditEntry
from tests.checklists.histories import item_of, make_cutover, person

pytestmark = pytest.mark.django_db

GET_TOO = {"cutover-rollback", "cutover-close", "amend", "status-links"}


def addresses(cutover, patterns=None) -> dict[str, str]:
    """Every named address of the panel, filled in for this cutover."""
    found: dict[str, str] = {}
    for pattern in urls.urlpatterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            found |= addresses(cutover, pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            found[str(pattern.name)] = reverse(
                str(pattern.name), kwargs=values(str(pattern.pattern), cutover)
            )
    return found


def values(route: str, cutover) -> dict[str, object]:
    attempt = cutover.attempts.first()
    known = {
        "key": "go" if route.startswith("gates/") else "look" if "attempts/" in route else "announce",
        "attempt_id": attempt.pk if attempt else uuid.uuid4(),
        "number": 1,
        "table": "users",
        "pk": cutover.change_requests.first().pk if cutover.change_requests.exists() else 0,
    }
    inside = {name: known[name] for name in re.findall(r"<[a-z]+:(\w+)>", route)}
    top = route in ("", "account/", "waiting/") and route != ""
    return inside | ({} if top else {"slug": cutover.slug})


def every_address(cutover) -> dict[str, str]:
    one = {**addresses(cutover, urls.of_one_cutover)}
    return one | {"cutovers": "/", "waiting": "/waiting/", "account": "/account/"}


def is_command(name: str) -> bool:
    commands = ("item-", "attempt-", "gate-", "change-", "preflight-", "status-link-")
    reading = ("attempt-log", "attempt-evidence", "change-request")
    return name.startswith(commands) and name not in reading


def test_nobody_sees_anything_without_signing_in() -> None:
    cutover = make_cutover("looked")
    for name, address in every_address(cutover).items():
        if name == "stream":
            continue  # answers 401: tests/checklists/test_stream.py
        for response in (Client().get(address), Client().post(address)):
            assert response.status_code in (302, 405), name
            assert response.status_code == 405 or response["Location"].startswith("/accounts/login/?next="), (
                name
            )


def test_htmx_is_sent_to_the_login_page_as_a_whole() -> None:
    response = Client(headers={"HX-Request": "true"}).get("/waiting/")
    assert (response.status_code, response["HX-Redirect"]) == (204, "/accounts/login/")


def test_a_cutover_is_not_there_for_who_has_no_part_in_it(browser_of) -> None:
    cutover = make_cutover("looked")
    stranger = browser_of("stranger")
    for name, address in addresses(cutover, urls.of_one_cutover).items():
        if name == "stream":
            continue
        method = stranger.post if is_command(name) else stranger.get
        assert method(address).status_code == 404, name


def test_a_stakeholder_sees_every_page_and_can_touch_nothing(browser_of) -> None:
    cutover = make_cutover("looked")
    before = AuditEntry.objects.count()
    yaw = browser_of("yaw")
    commands = {n for n in addresses(cutover, urls.of_one_cutover) if is_command(n)} | GET_TOO
    assert len(commands) >= 14
    for name, address in addresses(cutover, urls.of_one_cutover).items():
        if name in commands:
            response = yaw.post(address, {"reason": "because", "text": "hello", "password": "x"})
            assert response.status_code == 403, name
    for name in ("cutover", "runbook", "status", "parity", "backups", "record", "problems"):
        page = yaw.get(reverse(name, args=[cutover.slug]))
        assert page.status_code == 200, name
        assert 'method="post"' not in page.content.decode(), name
    for key in ("announce", "look", "go"):
        page = yaw.get(item_of(cutover, key).get_absolute_url())
        assert page.status_code == 200
        assert 'method="post"' not in page.content.decode(), key
    assert AuditEntry.objects.count() == before


def test_a_superuser_without_a_part_sees_and_cannot_touch(browser_of) -> None:
    cutover = make_cutover()
    person("root", is_superuser=True)
    root = browser_of("root")
    assert root.get(cutover.get_absolute_url()).status_code == 200
    assert root.post(reverse("item-tick", args=[cutover.slug, "announce"])).status_code == 403


def test_a_deactivated_person_is_signed_out(browser_of) -> None:
    cutover = make_cutover()
    kofi = browser_of("kofi")
    person("kofi").__class__.objects.filter(username="kofi").update(is_active=False)
    assert kofi.get(cutover.get_absolute_url()).status_code == 302


def test_a_command_from_another_site_is_refused(browser_of) -> None:
    cutover = make_cutover()
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("ama"), backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(reverse("item-tick", args=[cutover.slug, "announce"]))
    assert response.status_code == 403
    assert "The page was too old" in response.content.decode()
    assert item_of(cutover, "announce").done_at is None


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_nobody_is_led_to_another_site(browser_of, elsewhere: str) -> None:
    cutover = make_cutover()
    to = reverse("item-tick", args=[cutover.slug, "announce"])
    response = browser_of("ama").post(to, {"next": elsewhere})
    assert response["Location"] == reverse("runbook", args=[cutover.slug])


def test_no_page_holds_a_script_or_a_style_of_its_own(browser_of) -> None:
    cutover = make_cutover("signed_once")
    ama = browser_of("ama")
    pages = ["/", "/waiting/", "/account/", "/accounts/logout/"]
    pages += [reverse(n, args=[cutover.slug]) for n in ("cutover", "runbook", "status", "record", "backups")]
    pages += [reverse(n, args=[cutover.slug]) for n in ("parity", "cutover-rollback", "cutover-close")]
    pages += [item_of(cutover, key).get_absolute_url() for key in ("announce", "look", "go")]
    for address in pages:
        page = ama.get(address)
        html = page.content.decode()
        assert page.status_code == 200, address
        assert "script-src 'self'" in page["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", html), address


def test_pages_about_a_cutover_are_kept_in_no_cache(browser_of) -> None:
    cutover = make_cutover()
    assert "no-store" in browser_of("ama").get(cutover.get_absolute_url())["Cache-Control"]
