"""Renders every page in both themes and three widths: `./panel screenshots`.

It is collected only when it is named. The pages show a night of the customer's runbook, played without its
systems: items are ended by hand, so no number on them was measured.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from checklists import services
from checklists.board import Board
from checklists.models import Cutover
from checklists.models.audit import database_now
from checklists.states import CutoverKind, ItemKind, MemberPart
from cutover.data_folder import PROJECT
from tests.browser.conftest import STILL
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.customer_runbook import RUNBOOK

pytestmark = [pytest.mark.browser]
FOLDER = Path(os.environ.get("SCREENSHOTS_TO") or PROJECT / "docs" / "screenshots")
SIZES = {"desk": (1280, 800), "wall": (1920, 1080), "phone": (375, 740)}
QUALITY = 40  # of WebP: text stays sharp, and all pages together stay small
STOPS_AT = "gate-migration"


def play_night(kind: CutoverKind) -> Cutover:
    """A cutover of the customer's runbook, up to the gate before the migration."""
    now = database_now()
    cutover = make_cutover(
        kind=kind,
        text=RUNBOOK.read_text(),
        window_start=now - timedelta(hours=1, minutes=14),
        window_end=now + timedelta(hours=2, minutes=46),
    )
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).update(title="Covenant Connect")
    cutover.refresh_from_db()
    ama = person("ama")
    for view in Board.load(cutover).items.values():
        item = item_of(cutover, view.item.key)
        if item.key == STOPS_AT:
            break
        if item.kind == ItemKind.ACTION:
            ended(
                cutover,
                item.key,
                ago=timedelta(minutes=20),
                effect="PURE",
                summary=f"{item.title}: as wanted.",
            )
        elif item.kind == ItemKind.MANUAL:
            services.skip_item(item=item, by=ama, reason="Done before this rehearsal.")
    return cutover


def addresses_of(cutover: Cutover) -> dict[str, tuple[str, str]]:
    """Name of the picture → the person who looks, and the address."""

    def page(name: str, *more: str) -> str:
        return reverse(name, args=[cutover.slug, *more])

    return {
        "cutovers": ("ama", "/"),
        "waiting": ("efua", "/waiting/"),
        "account": ("efua", "/account/"),
        "second-factor": ("efua", "/accounts/2fa/"),
        "password": ("efua", "/accounts/password/change/"),
        "open": ("root", "/open/"),
        "overview": ("ama", page("cutover")),
        "on-the-wall": ("ama", f"{page('cutover')}?wall"),
        "runbook": ("ama", page("runbook")),
        "item": ("ama", page("item", "baseline")),
        "gate": ("efua", page("gate", STOPS_AT)),
        "status": ("yaw", page("status")),
        "status-links": ("ama", page("status-links")),
        "problems": ("ama", page("problems")),
        "record": ("ama", page("record")),
        "people": ("ama", page("people")),
        "rollback": ("ama", page("cutover-rollback")),
        "backups": ("ama", page("backups")),
        "parity": ("ama", page("parity")),
        "amend": ("ama", page("amend")),
        "window": ("ama", page("window")),
        "host-dead": ("ama", page("host-dead")),
        "close": ("ama", page("cutover-close")),
    }


def shoot(page: Page, name: str) -> Iterator[Path]:
    """The page that is open, in both themes and every size."""
    session, address = page.context.new_cdp_session(page), page.url
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address)  # where a page opens depends on its size
        page.add_style_tag(content=STILL)
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
            page.evaluate("document.fonts.ready")
            picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
            file = FOLDER / f"{name}-{size}-{theme}.webp"
            file.write_bytes(base64.b64decode(picture["data"]))
            yield file


def test_every_page_is_rendered(signed_in: Callable[..., Page]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    cutover = play_night(CutoverKind.PRODUCTION)
    services.add_member(
        cutover=cutover,
        person=person("efua"),
        part=MemberPart.APPROVER,
        seats=["technical"],
        by=person("root", is_superuser=True),
    )
    only = os.environ.get("SCREENSHOTS_OF", "").split()
    pages: dict[str, Page] = {}
    for name, (who, address) in addresses_of(cutover).items():
        if only and name not in only:
            continue
        if who not in pages:
            pages[who] = signed_in(who, axe=True, may_complain=True)
        answer = pages[who].goto(address)
        assert answer is not None
        assert answer.status == 200, address
        assert len(list(shoot(pages[who], name))) == 6
    if not only or "sign-in" in only:
        page = signed_in("ama", axe=True, may_complain=True)
        page.context.clear_cookies()
        page.goto("/accounts/login/")
        list(shoot(page, "sign-in"))
