"""Every page of the URLconf over named histories: who opens which address, and what each page is made of.

A page is rendered once, by Django's test client, and shown in the browser under its own address. Pages that
are made of the same elements, with the same classes and states, are looked at once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from checklists import services
from checklists.models import Attempt, Cutover, LogLine
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, ChangeKind, CutoverKind, CutoverStatus, Decision, MemberPart
from integrations.parity.result import TableResult
from tests.checklists.forecast.test_rollback_cost import NAMED, PRICE, counted
from tests.checklists.histories import (
    PASSWORD,
    STEPS,
    asked_preflight,
    ended,
    item_of,
    make_cutover,
    person,
    previewed,
    sign,
    view_of,
)
from tests.checklists.views.pages import VOID
from tests.checklists.views.test_parity import BESIDE, compared
from tests.checklists.views.test_parity_rows import differing

#: Routes that answer no page to a GET, each with what they are.
NO_PAGE = {
    "health/live": "for probes",
    "health/ready": "for probes",
    "accounts/oidc/<str:provider_id>/login/": "leads to the identity provider",
    "accounts/oidc/<str:provider_id>/login/callback/": "comes from the identity provider",
    r"accounts/oidc/^(?P<provider_id>[^/]+)/login/": "the same, as allauth names it",
    r"accounts/oidc/^(?P<provider_id>[^/]+)/login/callback/": "the same, as allauth names it",
    "accounts/login/code/confirm/": "nobody signs in by a code that is sent",
    "accounts/2fa/recovery-codes/download/": "a file",
    "accounts/2fa/webauthn/login/": "data for a passkey",
    "accounts/3rdparty/signup/": "nobody signs up",
    "accounts/social/login/cancelled/": "leads to the address of today",
    "accounts/social/login/error/": "leads to the address of today",
    "accounts/social/signup/": "leads to the address of today",
    "accounts/social/connections/": "leads to the address of today",
    "account/passkey-challenge/": "data for a passkey",
    "waiting/count/": "data for the bar",
    "palette/": "data for the palette",
    "cutovers/<slug:slug>/items/<slug:key>/attempts/<int:number>/log.txt": "a file",
    "cutovers/<slug:slug>/items/<slug:key>/attempts/<int:number>/evidence.json": "a file",
    "cutovers/<slug:slug>/items/<slug:key>/files/<int:pk>/": "a file",
    "cutovers/<slug:slug>/parity/export/<uuid:attempt_id>/rows.csv": "a file",
    "cutovers/<slug:slug>/parity/export/<uuid:attempt_id>/tables.csv": "a file",
    "cutovers/<slug:slug>/parity/export/<uuid:attempt_id>/report.html": "a file; test_html.py asks axe",
    "cutovers/<slug:slug>/record/export/": "a file",
    "cutovers/<slug:slug>/preflight/": "a command",
    "cutovers/<slug:slug>/stream/": "events",
}
#: Ends of routes that only give a command: a GET leads back to a page, or is refused.
COMMANDS = (
    *("/untick/", "/skip/", "/unskip/", "/claim/", "/hand-over/", "/release/", "/note/", "/preview/"),
    *("/start/", "/tick/", "/cancel/", "/probe/", "/reconcile/", "/sign/", "/withdraw/", "/answer/"),
    *("/revoke/", "/confirm/", "/reject/", "/confirmation/", "/before-window/"),
)


def is_page(route: str) -> bool:
    """Does a GET of this route answer with a page?"""
    is_command = route.startswith("cutovers/") and route.endswith(COMMANDS)
    return not route.startswith("admin/") and route not in NO_PAGE and not is_command


@dataclass(frozen=True)
class Shown:
    """One page of a history: its route, who opens it with which client, and its address."""

    history: str
    route: str
    client: Client
    address: str


# ── cutovers ─────────────────────────────────────────────────────────────────


def _running() -> Cutover:
    cutover = make_cutover("announced")
    done = {"progress_done": 3, "progress_total": 9, "progress_what": "restoring donations"}
    attempt = ended(cutover, "look", AttemptStatus.RUNNING, resource="db:target", **done)
    lines = [LogLine(attempt=attempt, number=n, at=database_now(), text="a line " * n) for n in (1, 2, 30)]
    LogLine.objects.bulk_create(lines)
    return cutover


def _failed() -> Cutover:
    cutover = make_cutover("looked")
    problem = {
        "what": "The moon is not there.",
        "means": "Nothing was changed.",
        "next": "Wait, then try again.",
    }
    ended(cutover, "look", AttemptStatus.ERRORED, problem=problem)
    asked_preflight(cutover, items=["look"], wall="red", cellar="unknown", roof="amber", door="green")
    return cutover


def _answered() -> Cutover:
    cutover = _failed()
    services.add_note(item=item_of(cutover, "look"), by=person("kofi"), text="The moon rises at three.")
    return cutover


def _unknown() -> Cutover:
    cutover = make_cutover("signed")
    seen = {
        "seen": "DONE",
        "saw": "All there.",
        "dead": "pid 1 is gone",
        "at": "2026-01-01T02:03:04Z",
        "facts": {},
    }
    lost = {"effect": "AT_MOST_ONCE", "unknown_reason": "Its worker died.", "finding": seen}
    ended(cutover, "change-it", AttemptStatus.UNKNOWN, **lost)
    return cutover


def _no_go() -> Cutover:
    cutover = make_cutover("looked")
    sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full.")
    return cutover


def _no_go_answered() -> Cutover:
    cutover = _no_go()
    no_go = view_of(cutover, "go").gate.no_go
    services.answer_no_go(no_go=no_go, by=person("kofi"), text="We bought another disk of two terabytes.")
    return cutover


def _voided() -> Cutover:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": 9, "warnings": ["It is a new moon."]})
    return cutover


def _production() -> Cutover:
    start = database_now() - timedelta(hours=1)
    window = {"window_start": start, "window_end": start + timedelta(hours=4)}
    cutover = make_cutover("signed", kind=CutoverKind.PRODUCTION, **window)
    previewed(item_of(cutover, "change-it"))
    services.add_member(
        cutover=cutover, person=person("esi"), part=MemberPart.LEAD, by=person("root", is_superuser=True)
    )
    return cutover


def _priced() -> Cutover:
    cutover = make_cutover(text=NAMED)
    ended(cutover, "back-up")
    ended(cutover, "switch")
    counted(cutover, facts=PRICE)
    return cutover


def _rolling_back() -> Cutover:
    cutover = make_cutover("changed")
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is red.")
    return Cutover.objects.get(pk=cutover.pk)


def _closed() -> Cutover:
    cutover = make_cutover("celebrated")
    services.close_cutover(cutover=cutover, status=CutoverStatus.COMPLETED, by=person("ama"), reason="Done.")
    return Cutover.objects.get(pk=cutover.pk)


def _compared() -> Cutover:
    cutover = make_cutover("announced")
    members = TableResult("members", 9, 8, changed=1, missing=1, digest="b" * 64)
    differing(compared(cutover, TableResult("gifts", 5, 5), members, **BESIDE), 3)
    return cutover


HISTORIES: dict[str, Callable[[], Cutover]] = {
    **{step: (lambda step=step: make_cutover(step)) for step in STEPS},
    "running": _running,
    "failed": _failed,
    "answered": _answered,
    "unknown": _unknown,
    "no-go": _no_go,
    "no-go answered": _no_go_answered,
    "voided": _voided,
    "production": _production,
    "priced": _priced,
    "rolling back": _rolling_back,
    "closed": _closed,
    "compared": _compared,
}


def _signed_in(name: str, **more: Any) -> Client:
    client = Client()
    who = person(name, **more)
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session  # just signed in with the password: pages of the account ask for that
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(who.pk)
    session.save()
    return client


def pages_of(history: str) -> Iterator[Shown]:
    """The pages of one cutover, in a history of `HISTORIES`."""
    cutover = HISTORIES[history]()
    lead, approver, watcher = _signed_in("ama"), _signed_in("efua"), _signed_in("yaw")

    def shown(route: str, client: Client, name: str, *more: Any) -> Shown:
        return Shown(
            history, f"cutovers/<slug:slug>/{route}", client, reverse(name, args=[cutover.slug, *more])
        )

    yield Shown(history, "", lead, "/?all")
    yield Shown(history, "waiting/", approver, "/waiting/")
    for route, name in (
        *(("", "cutover"), ("rollback/", "cutover-rollback"), ("close/", "cutover-close")),
        *(("status/", "status"), ("status/links/", "status-links"), ("runbook/", "runbook")),
        *(("runbook/amend/", "amend"), ("problems/", "problems"), ("record/", "record")),
        *(("people/", "people"), ("backups/", "backups"), ("parity/", "parity")),
        *(("parity/history/", "parity_history"), ("window/", "window"), ("hosts/dead/", "host-dead")),
    ):
        yield shown(route, lead, name)
    yield shown("status/", watcher, "status")
    for view in cutover.items.current():
        kind = "gate" if view.kind == "gate" else "item"
        yield shown(f"{kind}s/<slug:key>/", lead, kind, view.key)
        if kind == "gate":
            yield shown("gates/<slug:key>/", approver, "gate", view.key)
    yield from _pages_with_rows(cutover, history, shown)


def _pages_with_rows(cutover: Cutover, history: str, shown: Callable[..., Shown]) -> Iterator[Shown]:
    lead = _signed_in("ama")
    opened = f"{reverse('runbook', args=[cutover.slug])}?open=look"
    yield Shown(history, "cutovers/<slug:slug>/runbook/", lead, opened)
    for attempt in Attempt.objects.filter(cutover=cutover, parity_results__isnull=False).distinct():
        yield shown("parity/<uuid:attempt_id>/", lead, "parity_attempt", attempt.pk)
        yield shown("parity/<uuid:attempt_id>/<path:table>/", lead, "parity_table", attempt.pk, "members")
        for row in attempt.differences.all()[:2]:
            yield shown(
                "parity/row/<uuid:attempt_id>/<int:number>/", lead, "parity_row", attempt.pk, row.number
            )
    if history == "production":
        yield from _changes(cutover, shown)
    if cutover.is_open:
        link = services.create_status_link(
            cutover=cutover, label="all", lasts=timedelta(hours=1), nonce=uuid.uuid4(), by=person("ama")
        )
        yield Shown(history, "s/<str:secret>/", Client(), reverse("shared-status", args=[link[1]]))


def _changes(cutover: Cutover, shown: Callable[..., Shown]) -> Iterator[Shown]:
    """A change that waits for a second lead, as both see it."""
    services.move_window(
        cutover=cutover,
        start=cutover.window_start + timedelta(minutes=30),
        end=cutover.window_end + timedelta(minutes=30),
        reason="The choir sings longer.",
        by=person("ama"),
    )
    asked = cutover.change_requests.waiting().get(kind=ChangeKind.WINDOW)
    for name in ("ama", "esi"):
        yield shown("changes/<int:pk>/", _signed_in(name), "change-request", asked.pk)


# ── the account ──────────────────────────────────────────────────────────────


def pages_of_accounts() -> Iterator[Shown]:
    """The pages of signing in and of the account: signed out, without and with a second factor."""
    nobody = Client()
    for path in ("login/", "inactive/", "signup/", "3rdparty/login/cancelled/", "3rdparty/login/error/"):
        yield _account("signed out", path, nobody)
    for path in ("password/reset/", "password/reset/done/", "password/reset/key/done/", "confirm-email/"):
        yield _account("signed out", path, nobody)
    plain, owner = _signed_in("efua"), person("abena")
    for client in (plain, _with_every_factor(owner)):
        for path in ("logout/", "reauthenticate/", "password/change/", "email/", "3rdparty/", "2fa/"):
            yield _account("signed in", path, client)
        yield _account("signed in", "2fa/webauthn/", client)
        yield _account("signed in", "2fa/webauthn/add/", client)
        yield Shown("signed in", "account/", client, "/account/")
    yield _account("signed in", "2fa/totp/activate/", plain)
    root = _signed_in("root", is_superuser=True)
    yield Shown("signed in", "open/", root, "/open/")
    by_provider = person("akua")
    by_provider.set_unusable_password()
    by_provider.save()
    TOTP.activate(by_provider, generate_totp_secret())  # what else could prove that it is they?
    yield _account("signed in", "password/set/", _signed_in("akua"))
    yield from _pages_of_factors(owner)
    yield from _pages_from_mail(plain, person("efua"))


def _pages_from_mail(client: Client, owner: User) -> Iterator[Shown]:
    """What the links in messages lead to: one that counts, and one that does not."""
    key = f"{user_pk_to_url_str(owner)}-{default_token_generator.make_token(owner)}"
    nobody = Client()
    counts = nobody.get(f"/accounts/password/reset/key/{key}/").headers[
        "Location"
    ]  # with the key in the session
    for address in (counts, "/accounts/password/reset/key/3-wrong/"):
        yield Shown(
            "from mail",
            r"accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
            nobody,
            address,
        )
    address = EmailAddress.objects.create(user=owner, email="efua@example.org")
    for key in (EmailConfirmationHMAC(address).key, "wrong"):
        route = r"accounts/^confirm-email/(?P<key>[-:\w]+)/$"
        yield Shown("from mail", route, client, f"/accounts/confirm-email/{key}/")


def _account(history: str, path: str, client: Client, route: str = "") -> Shown:
    return Shown(history, f"accounts/{route or path}", client, f"/accounts/{path}")


def _with_every_factor(owner: User) -> Client:
    TOTP.activate(owner, generate_totp_secret())
    RecoveryCodes.activate(owner)
    for name, resident in (("Phone", True), ("Key", False)):
        data = {"name": name, "credential": _registered(name, resident=resident)}
        Authenticator.objects.create(user=owner, type=Authenticator.Type.WEBAUTHN, data=data)
    return _signed_in(owner.get_username())


def _registered(name: str, *, resident: bool) -> dict[str, Any]:
    """What a key answers when it is added."""
    public = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    key = AttestedCredentialData.create(Aaguid.NONE, name.encode(), public)
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    made = AuthenticatorData.create(sha256(b"localhost"), flags, 0, bytes(key))
    client = CollectedClientData.create(CollectedClientData.TYPE.CREATE, b"challenge", "http://localhost")
    return {
        "id": websafe_encode(name.encode()),
        "rawId": websafe_encode(name.encode()),
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", made, {})),
        },
        "clientExtensionResults": {"credProps": {"rk": resident}},
    }


def _pages_of_factors(owner: User) -> Iterator[Shown]:
    client = _signed_in(owner.get_username())
    paths = ("totp/deactivate/", "recovery-codes/", "recovery-codes/generate/", "reauthenticate/")
    for path in (*paths, "webauthn/reauthenticate/"):
        yield _account("with factors", f"2fa/{path}", client)
    key = Authenticator.objects.filter(user=owner, type=Authenticator.Type.WEBAUTHN).latest("pk").pk
    for verb in ("remove", "edit"):
        path = f"2fa/webauthn/keys/{key}/{verb}/"
        yield _account("with factors", path, client, route=f"2fa/webauthn/keys/<int:pk>/{verb}/")
    half_way = Client()
    half_way.post("/accounts/login/", {"login": owner.get_username(), "password": PASSWORD})
    yield _account("half signed in", "2fa/authenticate/", half_way)


# ── what a page is made of ───────────────────────────────────────────────────


class Skeleton(HTMLParser):
    """The elements of a page with their classes and states; equal neighbours count once. Texts do not."""

    KEPT = ("class", "type", "role", "data-state", "data-answer", "hidden", "open", "disabled", "href")

    def __init__(self, html: str) -> None:
        super().__init__()
        self._open: list[tuple[str, list[Any]]] = [("", [])]
        self.feed(html)
        self.close()

    @property
    def shape(self) -> str:
        """The same for pages that look the same but for their texts."""
        return repr(self._open[0][1])

    @property
    def pieces(self) -> set[str]:
        """Each element with the one that it is in: pages whose pieces are known look new in no place."""
        found: set[str] = set()
        todo = [*self._open[:1]]
        while todo:
            around, inside = todo.pop()
            found |= {f"{around} > {element}" for element, _ in inside}
            todo += inside
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = [(name, "" if name == "href" else value) for name, value in attrs if name in self.KEPT]
        self._open.append((f"{tag}{kept}", []))
        if tag in VOID or tag == "use":
            self._end()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID and tag != "use":
            self._end()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag != "use":
            self._end()

    def _end(self) -> None:
        element = self._open.pop()
        siblings = self._open[-1][1]
        if not siblings or siblings[-1] != element:
            siblings.append(element)
