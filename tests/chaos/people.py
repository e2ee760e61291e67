"""The people of the nights: they tick, sign, start, cancel, decide and order rollbacks, as the pages would.

They call the services that the pages call, and note each command that was acknowledged: it has to be in the
database after the last night. What they were told nothing about may be there or not.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
import traceback
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import Error, InterfaceError, OperationalError, connection

from checklists import services
from checklists.board import Board, ItemView
from checklists.models import Attempt, Cutover, Item
from checklists.states import (
    ChangeKind,
    CutoverKind,
    CutoverStatus,
    Decision,
    Direction,
    ItemKind,
    ItemState,
    MemberPart,
    Reconciliation,
)
from tests.chaos.journal import now
from tests.chaos.network_faults import NetworkFaults
from tests.chaos.runbook import runbook_text
from tests.chaos.surroundings import Surroundings

STARTABLE = (ItemState.READY, ItemState.FAILED)
NIGHTS_AT_ONCE = 2
LENGTH = 40.0  # seconds after which a night may end
PATIENCE = 90.0  # seconds after which it is abandoned as soon as nothing runs


@dataclass(frozen=True)
class Acknowledged:
    """A command that the panel has accepted, and the rows that prove it."""

    command: str
    attempt: str = ""
    item: int = 0
    nonce: str = ""
    cutover: int = 0
    key: str = ""
    after: int = 0
    by_page: bool = False


@dataclass
class Night:
    """One cutover; ``rollback_at`` is when its order of rollback had been acknowledged, since the boot."""

    number: int
    cutover: int
    opened_at: float
    rollback_at: float | None = None
    starts: Counter[str] = field(default_factory=Counter)


@dataclass
class People:
    """A thread that acts for all of them, until `settle` is over."""

    around: Surroundings
    seed: int
    mark: str  # "keep": what escapes keeps the attempt's mark (where only a subreaper contains it)
    nights: list[Night] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    damaged: set[str] = field(default_factory=set)  # archives that were damaged before they were verified
    crashes: list[str] = field(default_factory=list)
    #: Each start that somebody tried: cutover, item, and the number of attempts that the person saw.
    forms: set[tuple[int, str, int]] = field(default_factory=set)
    passwords: dict[str, str] = field(default_factory=dict)
    unproven: list[str] = field(default_factory=list)  # what was accepted although nothing proved a death
    network: NetworkFaults | None = None
    stopping: bool = False
    settling: bool = False

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed}:people")
        self.open: list[Night] = []
        self.numbers = itertools.count(1)
        self.thread = threading.Thread(target=self._run, daemon=True)

    # ── making ───────────────────────────────────────────────────────────────
    def arrive(self) -> None:
        """Makes the accounts; before anything goes wrong."""
        for name in ("ama", "efua", "kofi"):
            self.passwords[name] = uuid.uuid4().hex
            User.objects.create_user(name, password=self.passwords[name])
        names = ["CHAOS_SHOP", "CHAOS_SERVER", "CHAOS_SCRATCH", "CHAOS_DNS_KEY", "CHAOS_SECRET"]
        if self.around.with_prisma:
            names += ["PRISMA_PROJECT", "PRISMA_COMMAND"]
        services.release_variables(names=names, by=None, may_be_shown=False)

    def open_night(self, *, prisma: bool) -> Night:
        """A new cutover with its people."""
        number = next(self.numbers)  # never again, also when nobody knows whether it was opened
        if prisma:
            self.around.execute(f"CREATE DATABASE prisma_{number} TEMPLATE template0")
        text = runbook_text(
            number, names=self.around.name_server_place, program=str(self.around.program),
            journal=str(self.around.journal), mark=self.mark, prisma=prisma,
        )  # fmt: skip
        ama = User.objects.get(username="ama")
        runbook = services.load_runbook(text=text, by=ama)
        cutover = services.open_cutover(
            runbook=runbook,
            kind=CutoverKind.REHEARSAL,
            title=f"Night {number}",
            slug=f"night-{number}",
            by=ama,
        )
        for name, seats in (("efua", ["technical"]), ("kofi", ["data"])):
            who = User.objects.get(username=name)
            services.add_member(cutover=cutover, person=who, part=MemberPart.APPROVER, seats=seats, by=ama)
        night = Night(number, cutover.pk, time.monotonic())
        self.nights.append(night)
        return night

    # ── acting ───────────────────────────────────────────────────────────────
    def _run(self) -> None:
        while not self.stopping:
            try:
                self._act_once()
            except services.CommandRefused as why:
                self.refused[str(why).partition(":")[0][:60]] += 1
            except (OperationalError, InterfaceError):
                self.refused["the database was away"] += 1
                connection.close()
            except Error as error:
                self.refused[f"the database refused: {type(error).__name__}"] += 1
                connection.close()
            except Exception:
                self.crashes.append(traceback.format_exc())
            time.sleep(self.draw.uniform(0.1, 0.4))
        connection.close()

    def _act_once(self) -> None:
        if not self.settling and len(self.open) < NIGHTS_AT_ONCE:
            prisma = self.around.with_prisma and len(self.nights) % 3 == 0
            self.open.append(self.open_night(prisma=prisma))
        for night in list(self.open):
            board = Board.load(Cutover.objects.select_related("runbook").get(pk=night.cutover))
            if not board.cutover.is_open:
                self.open.remove(night)
                continue
            self._decide_what_is_unknown(board)
            if not self.settling:
                self._move_on(night, board)
                self._maybe_end(night, board)

    def _move_on(self, night: Night, board: Board) -> None:
        for view in board.items.values():
            if view.item.phase.direction != board.cutover.direction or self.draw.random() < 0.4:
                continue
            if view.item.kind == ItemKind.GATE:
                self._sign(view)
            elif view.item.kind == ItemKind.MANUAL and view.state == ItemState.READY:
                self._tick(view)
            elif view.item.kind == ItemKind.ACTION:
                self._start_or_cancel(night, view)

    def _tick(self, view: ItemView) -> None:
        services.tick_item(item=view.item, by=self._person("ama"))
        self.note("tick", item=view.item.pk)

    def _sign(self, view: ItemView) -> None:
        if view.gate is None or view.state != ItemState.READY:
            return
        name, seat = self.draw.choice([("efua", "technical"), ("kofi", "data")])
        if any(place.sign_off and place.seat == seat for place in view.gate.seats):
            return
        signed = services.sign_gate(
            gate=view.item, by=self._person(name), seat=seat, decision=Decision.GO, reason="",
            digest=view.gate.digest, nonce=uuid.uuid4(),
            accepted_gaps=[gap.item.key for gap in view.gate.gaps],
        )  # fmt: skip
        self.note("sign", nonce=str(signed.nonce))

    def _start_or_cancel(self, night: Night, view: ItemView) -> None:
        if view.attempt and view.attempt.is_live:
            if view.state == ItemState.RUNNING and self.draw.random() < 0.01:
                services.cancel_attempt(attempt=view.attempt, by=self._person("ama"))
            return
        if view.state in STARTABLE and not view.blockers and night.starts[view.item.key] < 8:
            if view.item.key == "verify" and self.draw.random() < 0.25:
                self._damage_backup(night)
            self.start(view.item, view.attempts)
            night.starts[view.item.key] += 1

    def start(self, item: Item, after: int) -> Attempt:
        """Starts an item, sometimes with a double click; ``after``: the attempts that the person saw."""
        self.forms.add((item.cutover_id, item.key, after))
        for _ in range(self.draw.choice([1, 1, 2])):
            attempt = services.start_attempt(item=item, by=self._person("ama"), after=after)
            self.note("start", attempt=str(attempt.pk))
        return attempt

    def _decide_what_is_unknown(self, board: Board) -> None:
        for view in board.unknown:
            if (attempt := view.attempt) is None:
                continue
            if attempt.finding.get("dead") and attempt.finding.get("seen") in Reconciliation.values:
                self.decide(attempt, Reconciliation(attempt.finding["seen"]))
            elif attempt.finding.get("at") and self._is_of_a_lost_host(attempt):  # it was probed
                self._declare_dead(board.cutover, attempt)

    def decide(self, attempt: Attempt, found: Reconciliation) -> None:
        """Believes the probe, as the panel advises."""
        lost = self._is_of_a_lost_host(attempt)
        services.reconcile_attempt(
            attempt=attempt, by=self._person("efua"), found=found, note="I believe the probe."
        )
        self.note("decide", attempt=str(attempt.pk))
        if lost:
            self.unproven.append(f"efua decided about {attempt} of a host that nobody had declared dead")

    def _is_of_a_lost_host(self, attempt: Attempt) -> bool:
        """Whether it ran on a host when that disappeared, which nobody has declared dead since."""
        lost = self.network.lost_attempts() if self.network else frozenset()
        return str(attempt.pk) in lost

    def _declare_dead(self, cutover: Cutover, attempt: Attempt) -> None:
        """Two people declare the host dead, after each has tried what nobody may do alone."""
        with contextlib.suppress(services.CommandRefused):
            self.decide(attempt, Reconciliation.NOT_DONE)
        host = str(attempt.owner["host"])
        asked = cutover.change_requests.waiting().filter(kind=ChangeKind.HOST_DEAD).first()
        if asked is None:
            asked = services.declare_host_dead(
                cutover=cutover, host=host, reason="It was unplugged.", by=self._person("ama")
            )
        with contextlib.suppress(services.CommandRefused):
            services.confirm_change(request=asked, by=self._person("ama"))
            self.unproven.append(f"ama alone declared {host} dead")
        services.confirm_change(request=asked, by=self._person("kofi"))
        self.note("declare", cutover=cutover.pk)
        assert self.network is not None
        self.network.declare(host)

    def _maybe_end(self, night: Night, board: Board) -> None:
        age = time.monotonic() - night.opened_at
        if age > LENGTH / 2 and board.cutover.direction == Direction.FORWARD and self.draw.random() < 0.01:
            self.order_rollback(night)
        busy = Attempt.objects.filter(cutover=night.cutover).live().exists()
        if age > LENGTH and not busy and (age > PATIENCE or not board.ready):
            ama, late = self._person("ama"), CutoverStatus.ABANDONED
            services.close_cutover(cutover=board.cutover, status=late, by=ama, reason="It is late.")
            self.note("close", cutover=night.cutover)
            self.open.remove(night)

    def order_rollback(self, night: Night) -> None:
        """Orders it, and notes when the panel has said that nothing forward starts any more."""
        services.order_rollback(
            cutover=Cutover.objects.get(pk=night.cutover), by=self._person("ama"), reason="It goes wrong."
        )
        night.rollback_at = now()
        self.note("rollback", cutover=night.cutover)

    def _damage_backup(self, night: Night) -> None:
        """Somebody's disk flips a byte of the latest backup before it is verified."""
        taken = Attempt.objects.filter(cutover=night.cutover, action="backup.take", status="SUCCEEDED").last()
        path = taken.before.get("path") if taken else None
        if path:
            damage(Path(path))
            self.damaged.add(path)

    def _person(self, name: str) -> User:
        return User.objects.get(username=name)

    def note(self, command: str, **rows: Any) -> None:
        """A command that somebody was told is carried out."""
        self.acknowledged.append(Acknowledged(command, **rows))


def damage(archive: Path) -> None:
    """Flips bytes in the middle of the largest file of a backup."""
    files = [file for file in archive.rglob("*") if file.is_file()]
    largest = max(files, key=lambda file: file.stat().st_size)
    data = bytearray(largest.read_bytes())
    middle = len(data) // 2
    for place in range(middle, min(middle + 64, len(data))):
        data[place] ^= 0xFF
    largest.write_bytes(data)
