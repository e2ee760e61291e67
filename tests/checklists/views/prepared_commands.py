"""One valid request for each command that a page can send: a cutover in which it is allowed, and the form.

`test_after_commit` compares the names with the URLconf, so a new command needs its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import Permission
from django.utils import timezone

from checklists import services
from checklists.forms.amending import sha256_of
from checklists.models import Cutover
from checklists.states import AttemptStatus, ChangeKind, CutoverKind, Decision
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, previewed, sign, view_of

PASSWORD = {"password": "a long enough passphrase"}
NONCE = "0f8fad5b-d9cb-469f-a165-70867728950e"
WHY = {"reason": "A reason that is long enough to be taken.", **PASSWORD}
#: The person, the address, and what is sent.
Prepared = tuple[str, str, Mapping[str, str]]


def _item(cutover: Cutover, key: str, verb: str, by: str = "ama", **fields: str) -> Prepared:
    return by, f"{item_of(cutover, key).get_absolute_url()}{verb}/", fields


def _of(cutover: Cutover, rest: str, by: str = "ama", **fields: str) -> Prepared:
    return by, f"{cutover.get_absolute_url()}{rest}", fields


def _production() -> Cutover:
    start = timezone.now() + timedelta(hours=5)
    return make_cutover(
        "announced", kind=CutoverKind.PRODUCTION, window_start=start, window_end=start + timedelta(hours=4)
    )


def _window() -> Mapping[str, str]:
    start = timezone.now() + timedelta(days=1)
    return {
        "start": f"{start:%Y-%m-%dT%H:%M}",
        "end": f"{start + timedelta(hours=3):%Y-%m-%dT%H:%M}",
        **WHY,
    }


def _lost(**finding: str) -> tuple[Cutover, str]:
    cutover = make_cutover("signed")
    attempt = ended(
        cutover, "change-it", AttemptStatus.UNKNOWN, effect="AT_MOST_ONCE", owner={"host": "h"},
        finding={"facts": {}, "saw": "it", **finding} if finding else {},
    )  # fmt: skip
    return cutover, f"attempts/{attempt.pk}/"


def _request() -> str:
    """A window of production that somebody asked to move; its address."""
    cutover = _production()
    services.start_early(item=item_of(cutover, "change-it"), reason="Early.", by=person("ama"))
    return cutover.change_requests.get(kind=ChangeKind.EARLY_START).get_absolute_url()


def _no_go(verb: str, by: str) -> Prepared:
    cutover = make_cutover("looked")
    no_go = sign(cutover, "kofi", "finance", Decision.NO_GO, "The totals are off.")
    return _item(cutover, "go", f"no-gos/{no_go.pk}/{verb}", by, text=WHY["reason"], **PASSWORD)


def _sign() -> Prepared:
    cutover = make_cutover("looked")
    gate = view_of(cutover, "go").gate
    form = {"seat": "technical", "decision": "GO", "digest": gate.digest, "nonce": NONCE}
    return _item(cutover, "go", "sign", "efua", **form, **PASSWORD)


def _amend() -> Prepared:
    text = RUNBOOK.replace("Cake.", "Cake and tea.").strip()
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))
    form = {"text": text, "compared": sha256_of(text), "amend": "1", "reason": WHY["reason"]}
    return _of(make_cutover(), "runbook/amend/", **form)


def _open() -> Prepared:
    runbook = make_cutover().runbook
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))
    form = {"runbook": str(runbook.pk), "title": "Another", "slug": "another", "kind": "REHEARSAL"}
    return "ama", "/open/", form


def _skipped() -> Prepared:
    cutover = make_cutover("announced")
    services.skip_item(item=item_of(cutover, "look"), by=person("ama"), reason="The moon is down.")
    return _item(cutover, "look", "unskip", **WHY)


def _claimed() -> Prepared:
    cutover = make_cutover("announced")
    services.claim_item(item=item_of(cutover, "look"), by=person("ama"))
    return _item(cutover, "look", "release")


def _cancel() -> Prepared:
    cutover = make_cutover("announced")
    attempt = services.start_attempt(item=item_of(cutover, "look"), by=person("ama"))
    return _of(cutover, f"attempts/{attempt.pk}/cancel/")


def _ask_for_confirmation() -> Prepared:
    cutover = make_cutover()
    text = RUNBOOK.replace("Cake.", "Cake and more of it.")
    runbook = services.load_runbook(text=text, by=person("ama"))
    cutover = services.open_cutover(
        runbook=runbook, kind=CutoverKind.PRODUCTION, title="P", slug="unconfirmed", by=person("ama")
    )
    asked = cutover.change_requests.get()
    services.reject_change(request=asked, by=person("ama"), reason="Not yet.")
    return _of(cutover, "runbook/confirmation/")


def _probe() -> Prepared:
    cutover, attempt = _lost()
    return _of(cutover, f"{attempt}probe/")


def _reconcile() -> Prepared:
    cutover, attempt = _lost(seen="NOT_DONE", dead="It is gone.")
    return _of(cutover, f"{attempt}reconcile/", found="NOT_DONE", note="I looked.", **PASSWORD)


def _start() -> Prepared:
    cutover = make_cutover("announced")
    previewed(item_of(cutover, "look"))
    return _item(cutover, "look", "start")


def _revoke() -> Prepared:
    cutover, day = make_cutover(), timedelta(days=1)
    link, _ = services.create_status_link(
        cutover=cutover, label="The office", lasts=day, nonce=UUID(NONCE), by=person("ama")
    )
    return _of(cutover, f"status/links/{link.pk}/revoke/")


#: Name of the view → what prepares a request that it carries out.
COMMANDS: Mapping[str, Callable[[], Prepared]] = {
    "amend": _amend,
    "attempt-cancel": _cancel,
    "attempt-probe": _probe,
    "attempt-reconcile": _reconcile,
    "change-ask-runbook": _ask_for_confirmation,
    "change-confirm": lambda: ("efua", f"{_request()}confirm/", PASSWORD),
    "change-reject": lambda: ("efua", f"{_request()}reject/", WHY),
    "cutover-close": lambda: _of(make_cutover("looked"), "close/", status="ABANDONED", **WHY),
    "cutover-rollback": lambda: _of(make_cutover("looked"), "rollback/", **WHY),
    "gate-sign": _sign,
    "host-dead": lambda: _of(_lost()[0], "hosts/dead/", host="h", **WHY),
    "item-claim": lambda: _item(make_cutover("announced"), "look", "claim"),
    "item-hand-over": lambda: _item(make_cutover("announced"), "look", "hand-over", to="ama"),
    "item-note": lambda: _item(make_cutover("announced"), "look", "note", text="Remember it."),
    "item-release": _claimed,
    "item-skip": lambda: _item(make_cutover("announced"), "look", "skip", **WHY),
    "item-start": _start,
    "item-start-early": lambda: _item(_production(), "change-it", "before-window", **WHY),
    "item-tick": lambda: _item(make_cutover(), "announce", "tick"),
    "item-unskip": _skipped,
    "item-untick": lambda: _item(make_cutover("announced"), "announce", "untick", **WHY),
    "no-go-answer": lambda: _no_go("answer", "efua"),
    "no-go-withdraw": lambda: _no_go("withdraw", "kofi"),
    "open-cutover": _open,
    "people": lambda: _of(make_cutover(), "people/", person="yaw", part="LEAD", **WHY),
    "preflight-run": lambda: _of(make_cutover("announced"), "preflight/"),
    "status-link-revoke": _revoke,
    "status-links": lambda: _of(make_cutover(), "status/links/", label="The office", hours="24", nonce=NONCE),
    "window": lambda: _of(make_cutover("announced"), "window/", **_window()),
}
#: Views that take a POST and leave no entry, and why that hides nothing.
NO_ENTRY = {
    "item-preview": "it only reads, and asking again gives another preview",
}
