"""The second example runbook is played on two real MariaDB servers, through the executor."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import requests
from django.contrib.auth.models import User

from checklists import services
from checklists.board import Board, ItemView
from checklists.executor import run_attempt
from checklists.executor.launch import launch_guard
from checklists.executor.process.tree import descendant_pids
from checklists.models import Attempt, Cutover, ServiceBeat
from checklists.models.audit import database_now
from checklists.runbook import read
from checklists.services.attempts import bind_action
from checklists.states import CutoverStatus, Decision, ItemKind, Reconciliation
from cutover.data_folder import PROJECT
from cutover.demo.staging import new_people, stage_rehearsal
from integrations.sandbox.shop.people import ShopPeople
from integrations.sandbox.shop.world import Shop
from tests.checklists.histories import item_of
from tests.integrations.recorder import Recorder
from tests.servers import new_folder
from tests.waiting import wait_for

RUNBOOK = PROJECT / "checklists" / "runbooks" / "shop-move.yaml"
BAD = "select no_such_function();\n"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """Two servers and the application; the servers' folders are open to `nobody`."""
    folder = new_folder("shop")
    shop = Shop(folder / "shop", orders=300)
    programs: list[subprocess.Popen[bytes]] = []
    try:
        for server in (shop.old, shop.new):
            server.start()
        shop.prepare(print)
        for process in shop.processes():
            environment = {**os.environ, **process.env}
            programs.append(subprocess.Popen(process.argv, cwd=PROJECT, env=environment))
        wait_for(lambda: health(shop))
        yield shop
    finally:
        for program in programs:
            program.terminate()
            program.wait()
        for server in (shop.old, shop.new):
            server.stop()
        shutil.rmtree(folder)


def health(shop: Shop) -> dict[str, object]:
    """What the application says of itself; nothing while it does not answer."""
    try:
        found: dict[str, object] = requests.get(f"{shop.web_url}/health", timeout=60).json()
    except requests.ConnectionError:
        return {}
    return found


@dataclass
class Night:
    """A rehearsal of the runbook, played as a lead and two approvers would play it."""

    cutover: Cutover
    people: ShopPeople
    red: dict[str, str] = field(default_factory=dict)  # item → what it said when it was red
    postponed: dict[str, str] = field(default_factory=dict)  # check → manual item whose work is not done

    @property
    def lead(self) -> User:
        return User.objects.get(username="kwame")

    def views(self) -> list[ItemView]:
        self.cutover.refresh_from_db()
        phases = Board.load(self.cutover).phases
        return [v for phase in phases if phase.phase.direction == self.cutover.direction for v in phase.items]

    def play(self, *, until: str = "") -> list[str]:
        """Settles item after item, up to ``until`` or to the end; gives the keys in their order."""
        played: list[str] = []
        while ready := [view for view in self.views() if not view.settled and not view.blockers]:
            if ready[0].item.key == until:
                break
            self.settle(ready[0])
            played.append(ready[0].item.key)
        return played

    def settle(self, view: ItemView) -> None:
        key = view.item.key
        if view.item.kind == ItemKind.GATE:
            self.sign(view)
        elif view.item.kind == ItemKind.MANUAL:
            self.tick(key)
        elif key in self.postponed:
            self.red[key] = self.run(key, "FAILED").summary
            self.people.do(self.postponed.pop(key))
            self.run(key)
        else:
            self.run(key)

    def tick(self, key: str) -> None:
        """Ticks; the work is done only after the check that sees it was red."""
        if check := self.people.checked_by(key):
            self.postponed[check] = key
        services.tick_item(item=item_of(self.cutover, key), by=self.lead)

    def run(self, key: str, status: str = "SUCCEEDED") -> Attempt:
        attempt = services.start_attempt(item=item_of(self.cutover, key), by=self.lead)
        run_attempt(str(attempt.pk))
        attempt.refresh_from_db()
        assert attempt.status == status, (key, attempt.summary, attempt.problem, attempt.unknown_reason)
        return attempt

    def sign(self, view: ItemView) -> None:
        for name, seat in (("efua", "technical"), ("kofi", "business")):
            gate = next(each for each in self.views() if each.item.key == view.item.key).gate
            assert gate is not None
            services.sign_gate(
                gate=item_of(self.cutover, view.item.key),
                by=User.objects.get(username=name),
                seat=seat,
                decision=Decision.GO,
                reason="",
                digest=gate.digest,
                nonce=uuid.uuid4(),
                accepted_gaps=[gap.item.key for gap in gate.gaps],  # the load whose end a person decided
            )


@pytest.fixture
def night(shop: Shop, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Night:
    for name, value in shop.variables().items():
        monkeypatch.setenv(name, value)
    # No attempt begins where no reaper would notice its loss; here the test itself looks at each.
    ServiceBeat.objects.create(name="reaper", instance="test", at=database_now() + timedelta(hours=1))
    assert read(RUNBOOK.read_text(), environ=os.environ).errors == [], "every command of it is allowed"
    cutover = stage_rehearsal(new_people(), runbook=RUNBOOK, slug="shop", title="The shop, first rehearsal")
    return Night(cutover, ShopPeople(shop.folder))


def order(shop: Shop) -> int:
    """The status with which the shop answers to an order."""
    form = {"customer": "2", "product": "3", "quantity": "1"}
    return requests.post(f"{shop.web_url}/orders", data=form, timeout=60).status_code


def test_the_shop_moves_to_its_end_and_back_again(night: Night, shop: Shop) -> None:
    orders = health(shop)["orders"]
    night.play(until="dump")
    assert order(shop) == 503, "the old server is frozen"
    night.play(until="load")
    kill_while_it_loads(night, shop)
    load_and_lose_the_end(night, shop)
    night.play(until="go-switch")
    see_differences_red(night, shop)
    night.play()
    see_that_everything_was_done(night, shop)
    night.people.break_new_stack()
    assert "it answers 503" in night.run("shop-on-new", "FAILED").summary
    services.order_rollback(cutover=night.cutover, by=night.lead, reason="The shop does not answer.")
    back = night.play()
    assert back == ["carry-over", "switch-back", "thaw", "shop-on-old", "revoke", "drop-copy"]
    services.close_cutover(cutover=night.cutover, status=CutoverStatus.ROLLED_BACK, by=night.lead)
    assert health(shop) == {"database": f"127.0.0.1:{shop.old.port}", "writable": True, "orders": orders}
    assert shop.new.execute("show databases like 'shop'") == []
    assert order(shop) == 201


def see_that_everything_was_done(night: Night, shop: Shop) -> None:
    """At the end of the way forward."""
    assert not [view.item.key for view in night.views() if not view.settled]
    assert night.red.keys() == {"new-database", "order-arrived"}
    assert "0 row(s) here, and 1 there" in night.red["new-database"]
    assert health(shop)["database"] == f"127.0.0.1:{shop.new.port}"
    assert not (shop.folder / "shop.sql").exists()


def kill_while_it_loads(night: Night, shop: Shop) -> None:
    """Its process is killed before its first statement was carried out: the probe sees nothing of it."""
    with shop.new.connect() as lock, lock.cursor() as cursor:
        cursor.execute("flush tables with read lock")
        attempt = services.start_attempt(item=item_of(night.cutover, "load"), by=night.lead)
        guard = launch_guard(str(attempt.pk))
        assert guard is not None
        waits = "select count(*) from information_schema.processlist where state like 'Waiting for%'"
        wait_for(lambda: shop.new.execute(waits) != [(0,)])
        for pid in descendant_pids(guard):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(guard, 0)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.finding["seen"]) == ("ERRORED", "NOT_DONE")
    assert "ended with code 3: not done" in attempt.finding["saw"]


def load_and_lose_the_end(night: Night, shop: Shop) -> None:
    """Everything is loaded, then it fails: the probe compares, and a person decides."""
    dump = shop.folder / "shop.sql"
    text = dump.read_text()
    dump.write_text(f"{text}{BAD}")
    attempt = night.run("load", "UNKNOWN")
    dump.write_text(text)
    assert attempt.finding["seen"] == "DONE"
    assert "shop-state loaded ended with code 0" in attempt.finding["saw"]
    services.reconcile_attempt(
        attempt=attempt, by=night.lead, found=Reconciliation.DONE, note="All tables have the same rows."
    )


#: item → a change on the new server that it has to see, how it is taken back, and what the item says
DIFFERENCES = (
    (
        "same-rows",
        "update products set stock = stock + 1 where id = 5",
        "update products set stock = stock - 1 where id = 5",
        "differs in amount",
    ),
    (
        "same-rows",
        "update orders set note = '' where id = 7",
        "update orders set note = null where id = 7",
        "differs in checksum",
    ),
    (
        "same-structure",
        "alter table customers add index by_name (name)",
        "alter table customers drop index by_name",
        "differs in part",
    ),
    (
        "same-code",
        "create or replace definer = current_user trigger orders_take_stock before insert on orders"
        " for each row set new.note = 'x'",
        "",
        "differs in text",
    ),
)


def see_differences_red(night: Night, shop: Shop) -> None:
    """Each comparison sees what it is there for. The actions run here, outside of the executor."""
    trigger = shop.new.execute("show create trigger orders_take_stock", database="shop")[0][2]
    for key, change, undo, said in DIFFERENCES:
        shop.new.execute(change, database="shop")
        action, params = bind_action(item_of(night.cutover, key))
        outcome = action.run(params, Recorder())
        shop.new.execute(undo or trigger.replace("CREATE", "CREATE OR REPLACE", 1), database="shop")
        assert not outcome.ok, key
        assert said in outcome.summary, outcome.summary
        assert action.run(params, Recorder()).ok, f"{key} is green again"
    see_that_a_part_is_not_everything(shop)


def see_that_a_part_is_not_everything(shop: Shop) -> None:
    """The probe of the load says neither yes (0) nor no (3) while the two databases differ."""
    state = [shop.folder / "bin" / "shop-state", "loaded"]
    assert subprocess.run(state).returncode == 0
    shop.new.execute(
        "insert into customers values (9999, 'One more', 'x@people.invalid', now())", database="shop"
    )
    assert subprocess.run(state).returncode == 5
    shop.new.execute("delete from customers where id = 9999", database="shop")
