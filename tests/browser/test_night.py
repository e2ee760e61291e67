"""A whole production night at browsers: two leads, three approvers, and a stakeholder on a phone.

All of it is real: `pg_dump`, a restore on a scratch server, a worker that is killed, the count of what
going back would lose, and the restore.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from checklists.models import Attempt, Cutover
from integrations.actions import registry
from tests.browser import night as nights
from tests.browser.conftest import serve_panel
from tests.checklists.executor.actions import ACTIONS, journal
from tests.checklists.executor.conftest import BRISK, Panel, make_panel, running, wait_for_status
from tests.checklists.histories import PASSWORD
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PATIENCE = 120_000  # milliseconds for what the machine does
#: Lost soon enough to wait for, and not because browsers, backups and servers take the machine for seconds.
TIMES = f"{BRISK},heartbeat=1,lease=15,ask_to_stop=9,kill=12"
PHONE = {"width": 375, "height": 812}


@pytest.fixture
def live(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the live database; the panel's processes have it in their environment."""
    url = new_database()
    nights.fill(url)
    monkeypatch.setenv("LIVE_DATABASE_URL", url)
    monkeypatch.setenv("SCRATCH_DATABASE_URL", new_database())
    return url


@pytest.fixture
def panel_url(live: str, transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A panel of its own, which knows the addresses of this night's databases."""
    with serve_panel(tmp_path_factory.mktemp("web")) as address:
        yield address


@pytest.fixture
def processes(
    live: str,
    transactional_db: None,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Panel]:
    """A worker with its reaper and dispatcher; a lost lease is found while somebody waits."""
    for key, action in ACTIONS.items():
        monkeypatch.setitem(registry(), key, action)
    panel = make_panel(tmp_path_factory.mktemp("night"))
    for command in (["reaper"], ["dispatcher"], ["worker", "--queues", "steps,probes,control"]):
        panel.start(*command, times=TIMES)
    yield panel
    for attempt in Attempt.objects.leased():
        os.kill(attempt.owner["pid"], signal.SIGKILL)
    panel.stop()
    print(panel.output()[-4000:])


class Night:
    """The people of the night, each at a page of their own that stays open."""

    def __init__(self, cutover: Cutover, signed_in: Callable[..., Page]) -> None:
        self.cutover, self._signed_in = cutover, signed_in
        self._pages: dict[str, Page] = {}

    def page(self, name: str, where: str | None = None, **browser: int) -> Page:
        """That person's page, gone to an address below the cutover's unless there is none."""
        if name not in self._pages:
            self._pages[name] = self._signed_in(name, **browser)
        if where is not None:
            self._pages[name].goto(f"{self.cutover.get_absolute_url()}{where}")
        return self._pages[name]

    def start(self, name: str, key: str) -> Page:
        """Starts an item on its page, and says who does it."""
        page = self.page(name, f"items/{key}/")
        again = page.locator("#start-again > summary")
        if again.count():  # what is done is not started again by the way
            again.click()
        target = page.locator("#start-form input[name=typed_target]")
        if target.count():
            page.locator("#ask-preview").click()  # which says the name of the target
            expect(page.locator("#preview li").first).to_be_visible(timeout=PATIENCE)
            target.fill(page.locator("#preview .target-name").first.inner_text())
        prove(page, "#start-form")
        page.locator("#start").click()
        return page

    def carry_out(self, name: str, key: str) -> Page:
        """Starts an item and waits until its page says that it is done."""
        attempts = Attempt.objects.filter(item__key=key)
        earlier = attempts.count()
        page = self.start(name, key)
        wait_for(lambda: attempts.count() > earlier, message=f"{key} was not started")
        wait_for_status(attempts.latest("number"), "SUCCEEDED", timeout=PATIENCE / 1000)
        expect(page.locator("#live[data-state=DONE]")).to_be_attached(timeout=PATIENCE)
        return page

    def sign(self, name: str, key: str, decision: str, reason: str = "") -> Page:
        """Signs a gate, and sees that it is signed."""
        page = self.page(name, f"gates/{key}/")
        page.locator(f"#decision-{decision}").check()
        page.locator("#sign-form textarea[name=reason]").fill(reason)
        for one in page.locator("#sign-form input[name=accepted_irreversible]").all():
            one.check()
        prove(page, "#sign-form")
        page.locator("#sign").click()
        expect(page.locator("#notices")).to_contain_text("Signed.")
        return page


def prove(page: Page, form: str) -> None:
    """Gives the password, where the form asks for it."""
    password = page.locator(f"{form} input[name=password]")
    if password.count():
        password.fill(PASSWORD)


@pytest.fixture
def night(processes: Panel, tmp_path: Path, signed_in: Callable[..., Page]) -> Night:
    return Night(nights.open_night(tmp_path), signed_in)


def test_a_production_night_goes_wrong_and_is_taken_back(night: Night, live: str, tmp_path: Path) -> None:
    phone = night.page("yaw", "status/", **PHONE)
    confirm_runbook(night)
    prepare(night)
    void_a_signature(night)
    lose_the_worker(night, tmp_path)
    answer_a_no_go(night)
    go_back(night, live)
    expect(phone.locator("#live")).to_contain_text(re.compile("old service", re.IGNORECASE))
    close(night)


def confirm_runbook(night: Night) -> None:
    """Production needs a second person for what the runbook may do."""
    efua = night.page("efua", "")
    efua.goto("/waiting/")
    efua.get_by_role("link", name="Look at it").click()
    prove(efua, "form")
    efua.locator("#confirm").click()
    expect(efua.locator("#notices")).to_contain_text("Confirmed.")


def prepare(night: Night) -> None:
    """One lead ticks, the other starts; the first one's page shows it."""
    ama = night.page("ama", "items/announce/")
    ama.locator("#tick textarea[name=note]").fill("Said at eight, on both stations.")
    ama.locator("#tick button").click()
    expect(ama.locator("#live[data-state=DONE]")).to_be_attached()
    ama = night.page("ama", "runbook/")
    for key in ("backup", "proof", "look"):
        night.carry_out("kwame", key)
        expect(ama.locator(f"#item-{key}.line-done")).to_be_attached(timeout=PATIENCE)


def void_a_signature(night: Night) -> None:
    """What Efua signed is looked at again, and is another: her signature is void, and she sees it."""
    efua = night.sign("efua", "go", "GO")
    night.carry_out("kwame", "look")
    expect(efua.locator("#live")).to_contain_text(re.compile("void", re.IGNORECASE), timeout=PATIENCE)
    for name in ("efua", "kofi", "esi"):
        night.sign(name, "go", "GO")
    expect(night.page("ama").locator("#item-go.line-done")).to_be_attached(timeout=PATIENCE)


def lose_the_worker(night: Night, world: Path) -> None:
    """The move's processes are killed in its middle; nobody knows what it did until a lead has decided."""
    page = night.start("kwame", "move")
    attempt = running(wait_for(lambda: Attempt.objects.filter(item__key="move").first()))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    expect(page.locator("#unknown")).to_be_visible(timeout=PATIENCE)
    page.locator("#probe").click()
    expect(page.locator("#finding")).to_contain_text("The journal has", timeout=PATIENCE)
    expect(page.locator("#who-decides")).to_contain_text("Waiting for Ama")
    expect(page.locator("#reconcile")).to_have_count(0)
    decide(night.page("ama", "items/move/"))
    expect(page.locator("#live[data-state=DONE]")).to_be_attached(timeout=PATIENCE)
    assert len([line for line in journal(str(world)) if line == f"begin {attempt.pk}"]) == 1


def decide(page: Page) -> None:
    """Not who started it: in production a second person decides what happened."""
    page.locator("#found-DONE").check()
    page.locator("#reconcile textarea[name=note]").fill("The new shop answers, and its data is complete.")
    prove(page, "#reconcile")
    page.locator("#decide").click()
    expect(page.locator("#live[data-state=DONE]")).to_be_attached(timeout=PATIENCE)


def answer_a_no_go(night: Night) -> None:
    """Esi says no; somebody else answers her; her words stay beside the gate."""
    esi = night.sign("esi", "keep", "NO_GO", reason="The receipts are in the wrong currency.")
    kofi = night.page("kofi", "gates/keep/")
    form = kofi.locator("form[id^=end-no-go]")
    form.locator("textarea[name=text]").fill("Only on paper; the amounts are right.")
    prove(kofi, "form[id^=end-no-go]")
    form.get_by_role("button").click()
    expect(esi.locator("#dissents")).to_contain_text("answered by Kofi", timeout=PATIENCE)


def go_back(night: Night, live: str) -> None:
    """Kwame reads what it costs, orders it, and restores the backup."""
    nights.write_as_pilot_users(live)
    page = night.page("kwame", "rollback/")
    page.locator("#count-loss").click()
    price = page.locator("#price-loss-donations")
    for cell, number in enumerate(("2", "0", "0")):
        expect(price.locator("td").nth(cell)).to_have_text(number, timeout=PATIENCE)
    expect(page.locator("#amounts-of-loss")).to_contain_text("200.50 GHS")
    page.locator("textarea[name=reason]").fill("The receipts are wrong after all.")
    prove(page, "form")
    page.get_by_role("button", name="Order the rollback").click()
    expect(page.locator(".headline").first).to_contain_text(re.compile("rollback", re.IGNORECASE))
    night.carry_out("kwame", "loss")
    for name in ("efua", "kofi"):
        night.sign(name, "really", "GO")
    night.carry_out("kwame", "restore")
    with psycopg.connect(live) as database:
        row = database.execute("select count(*), sum(amount) from donations").fetchone()
    assert row is not None
    assert [int(value) for value in row] == [20, 210]


def close(night: Night) -> None:
    """It is closed as rolled back, and the record is whole."""
    page = night.page("ama", "close/")
    page.locator("select[name=status], input[value=ROLLED_BACK]").first.click()
    prove(page, "form")
    page.get_by_role("button", name="Close this cutover").click()
    page = night.page("ama", "record/")
    expect(page.locator("#verdict")).to_contain_text("The record is whole")
    for word in ("no-go", "reconciled", "rolled back"):
        expect(page.locator("#main")).to_contain_text(re.compile(word, re.IGNORECASE))
