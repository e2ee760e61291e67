"""Where a request comes from: the client's address behind our proxies, and browsers that are known."""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse

SALT = "cutover.known-browser"
KNOWN_FOR = 180 * 86400  # seconds
PEOPLE_MAX = 20  # who have signed in with one browser; the cookie must stay small


def client_address(request: HttpRequest) -> str:
    """The client's address; of IPv6, the /64 network, in which one client may choose any address.

    With ``CUTOVER_PROXIES`` = n, the n-th entry of X-Forwarded-For from the right: our own proxies wrote
    these n. Whatever is further left came from the client, who can write there what they like.
    """
    address = str(request.META.get("REMOTE_ADDR") or "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if 0 < settings.CUTOVER_PROXIES <= len(hops):
        address = hops[-settings.CUTOVER_PROXIES]
    return _normalize(address)


def _normalize(address: str) -> str:
    if address.startswith("["):  # [2001:db8::1]:4711
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:  # 192.0.2.1:4711
        address = address.partition(":")[0]
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def known_browser(request: HttpRequest, person: User | None) -> str:
    """The id of this browser, if the person has signed in with it before; else an empty text.

    The cookie is signed and tied to the person's present password: after a change of it, no browser is known.
    """
    if person is None:
        return ""
    browser, mark = _read(request).get(str(person.pk), ("", ""))
    return browser if mark and secrets.compare_digest(mark, _mark_of(person)) else ""


def remember_browser(request: HttpRequest, response: HttpResponse, person: User) -> None:
    """Marks this browser as one with which the person has signed in completely."""
    people = _read(request)
    browser = known_browser(request, person) or secrets.token_urlsafe(12)
    people.pop(str(person.pk), None)
    people[str(person.pk)] = (browser, _mark_of(person))
    latest = dict(list(people.items())[-PEOPLE_MAX:])
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        signing.dumps(latest, salt=SALT, compress=True),
        max_age=KNOWN_FOR,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> dict[str, tuple[str, str]]:
    text = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
    try:
        found = signing.loads(text, salt=SALT, max_age=KNOWN_FOR)
    except signing.BadSignature:
        return {}
    return {key: (browser, mark) for key, (browser, mark) in found.items()}


def _mark_of(person: User) -> str:
    return person.get_session_auth_hash()[:16]
