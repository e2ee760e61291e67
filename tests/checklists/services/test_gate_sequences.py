"""Random sequences at a gate, judged by a model of its rules that shares no code with the panel."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from checklists import services
from checklists.models import Cutover, GatePass, SignOff
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, Decision, ItemState, MemberPart
from tests.checklists.histories import ended, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db
SEATS = ("technical", "data", "finance")
NEEDED = 2
ANSWER = "It was looked into, and it is as it should be."


@dataclass
class Signed:
    """One signature, as the model remembers it."""

    who: str
    seat: str
    go: bool
    content: object
    row: SignOff


@dataclass
class Model:
    """What a careful secretary would write down beside the panel."""

    seats: dict[str, set[str]]
    look: tuple[str, ...] | None = None  # ("done", facts), ("skip", by) or ("failed",)
    announce_skipped_by: str = ""
    starters: set[str] = field(default_factory=set)
    givers: dict[tuple[str, str], str] = field(default_factory=dict)
    signed: list[Signed] = field(default_factory=list)
    open_no_gos: list[Signed] = field(default_factory=list)
    passed_on: set[object] = field(default_factory=set)

    @property
    def content(self) -> object:
        return self.look, self.announce_skipped_by

    @property
    def is_settled(self) -> bool:
        return self.look is not None and self.look[0] in ("done", "skip")

    @property
    def gaps(self) -> set[str]:
        skipped = {"look"} if self.look and self.look[0] == "skip" else set[str]()
        return skipped | ({"announce"} if self.announce_skipped_by else set())

    @property
    def actors(self) -> set[str]:
        skipper = {self.look[1]} if self.look and self.look[0] == "skip" else set[str]()
        return self.starters | skipper | ({self.announce_skipped_by} - {""})

    def tainted(self, who: str, seat: str) -> bool:
        return self.givers.get((who, seat)) in self.actors

    @property
    def counted(self) -> list[Signed]:
        latest = {one.who: one for one in self.signed}
        good = [
            one
            for one in latest.values()
            if one.go and self.is_settled and one.content == self.content and one.who not in self.actors
        ]
        return [
            one for one in good if one.seat in self.seats[one.who] and not self.tainted(one.who, one.seat)
        ]

    @property
    def is_open(self) -> bool:
        return not self.open_no_gos and len(self.counted) >= NEEDED and self.content in self.passed_on

    def may_sign(self, who: str, seat: str, go: bool, accepted: set[str]) -> bool:
        if self.is_open or not self.is_settled or who in self.actors or self.tainted(who, seat):
            return False
        if any(one.who == who for one in self.open_no_gos):
            return False
        filled = {one.seat: one.who for one in (*reversed(self.counted), *reversed(self.open_no_gos))}
        mine = [one for one, by in filled.items() if by == who]
        if seat not in (mine or [one for one in self.seats[who] if one not in filled]):
            return False
        return not go or self.gaps <= accepted

    def may_answer(self, who: str, no_go: Signed, leads: set[str]) -> bool:
        if who in leads or who == no_go.who or who in self.actors:
            return False
        return any(one != no_go.seat and not self.tainted(who, one) for one in self.seats[who])

    def note_pass(self) -> None:
        if self.is_settled and not self.open_no_gos and len(self.counted) >= NEEDED:
            self.passed_on.add(self.content)


class Night:
    """Plays steps on the panel and on the model, and compares after each."""

    LEADS = {"ama", "kwame"}
    PEOPLE = ("efua", "kofi", "esi", "kwame")

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.cutover: Cutover = make_cutover()
        for name, part, seats in (
            ("esi", MemberPart.APPROVER, ["finance"]),
            ("kwame", MemberPart.LEAD, ["data", "technical"]),
        ):
            services.add_member(
                cutover=self.cutover, person=person(name), part=part, seats=seats, by=person("ama")
            )
        services.tick_item(item=item_of(self.cutover, "announce"), by=person("ama"))
        seats = {"efua": {"technical", "data"}, "kofi": {"finance", "data"}}
        self.model = Model({**seats, "esi": {"finance"}, "kwame": {"data", "technical"}})
        self.done: list[str] = []

    def play(self, steps: int) -> None:
        kinds = [self.run, self.run, self.skip, self.announce, self.reseat, *[self.sign] * 6, *[self.end] * 2]
        self.run()
        for _ in range(steps):
            self.dice.choice(kinds)()
            self.compare()

    def run(self) -> None:
        if self.model.look and self.model.look[0] == "skip":
            return
        by, seen, ok = (
            self.dice.choice(["ama", "ama", "ama", "kwame"]),
            self.dice.choice("112"),
            self.dice.random() < 0.97,
        )
        self.done.append(f"{by} ran look: {seen if ok else 'failed'}")
        status = AttemptStatus.SUCCEEDED if ok else AttemptStatus.FAILED
        ended(self.cutover, "look", status, by=by, facts={"seen": seen})
        self.model.look = ("done", seen) if ok else ("failed",)
        self.model.starters.add(by)

    def skip(self) -> None:
        by, item = self.dice.choice(["ama", "kwame"]), item_of(self.cutover, "look")
        self.done.append(f"{by} skipped look, or took that back")
        try:
            if item.skipped_at:
                services.unskip_item(item=item, by=person(by), reason="it can be done")
                latest = item.attempts.order_by("-number").first()
                facts = latest.evidence.facts["seen"] if latest and latest.succeeded else ""
                self.model.look = ("done", facts) if facts else ("failed",) if latest else None
            else:
                services.skip_item(item=item, by=person(by), reason="no time")
                self.model.look = ("skip", by)
        except CommandRefused:
            return

    def announce(self) -> None:
        by, item = self.dice.choice(["ama", "kwame"]), item_of(self.cutover, "announce")
        self.done.append(f"{by} unticked, skipped or ticked announce")
        give = {"item": item, "by": person(by)}
        if item.done_at:
            services.untick_item(**give, reason="once more")
        elif item.skipped_at:
            services.unskip_item(**give, reason="once more")
            services.tick_item(item=item_of(self.cutover, "announce"), by=person(by))
        else:
            services.skip_item(**give, reason="no time")
        now = item_of(self.cutover, "announce")
        self.model.announce_skipped_by = now.skipped_by.username if now.skipped_by else ""

    def reseat(self) -> None:
        who, by = self.dice.choice(self.PEOPLE[:3]), "root"  # alone, only an admin changes seats by now
        seats = set(self.dice.sample(SEATS, self.dice.choice([1, 2])))
        if seats == self.model.seats[who]:
            return
        self.done.append(f"{by} gave {who} {sorted(seats)}")
        giver = person("root", is_superuser=True) if by == "root" else person(by)
        services.add_member(
            cutover=self.cutover,
            person=person(who),
            part=MemberPart.APPROVER,
            seats=sorted(seats),
            by=giver,
            reason="they know it",
        )
        for seat in seats - self.model.seats[who]:
            self.model.givers[who, seat] = by
        self.model.seats[who] = seats

    def sign(self) -> None:
        who = self.dice.choice(self.PEOPLE)
        seat = self.dice.choice(sorted(self.model.seats[who]) if self.dice.random() < 0.9 else SEATS)
        go, accepted = self.dice.random() < 0.65, self.model.gaps if self.dice.random() < 0.9 else set()
        self.done.append(f"{who} signs {seat}: {'go' if go else 'no-go'}, accepts {sorted(accepted)}")
        expected = self.model.may_sign(who, seat, go, accepted)
        decision = Decision.GO if go else Decision.NO_GO
        try:
            row = sign(self.cutover, who, seat, decision, "why", accepted_gaps=sorted(accepted))
        except CommandRefused:
            assert not expected, self.done
            return
        assert expected, self.done
        signed = Signed(who, seat, go, self.model.content, row)
        self.model.signed.append(signed)
        self.model.open_no_gos += [] if go else [signed]
        self.model.note_pass()

    def end(self) -> None:
        if not self.model.open_no_gos:
            return
        no_go, who = self.dice.choice(self.model.open_no_gos), self.dice.choice([*self.PEOPLE, "ama"])
        withdraws = who == no_go.who
        self.done.append(f"{who} {'withdraws' if withdraws else 'answers'} the no-go of {no_go.who}")
        try:
            if withdraws:
                services.withdraw_no_go(no_go=no_go.row, by=person(who), reason="It is settled.")
            else:
                services.answer_no_go(no_go=no_go.row, by=person(who), text=ANSWER)
        except CommandRefused:
            assert not withdraws, self.done
            assert not self.may_answer(who, no_go), self.done
            return
        assert withdraws or self.may_answer(who, no_go), self.done
        self.model.open_no_gos.remove(no_go)
        self.model.note_pass()

    def may_answer(self, who: str, no_go: Signed) -> bool:
        return who in self.model.seats and self.model.may_answer(who, no_go, self.LEADS)

    def compare(self) -> None:
        view, model = view_of(self.cutover, "go"), self.model
        gate = view.gate
        assert gate.given == len(model.counted), self.done
        assert (view.state == ItemState.DONE) == model.is_open, self.done
        assert {gap.item.key for gap in gate.gaps} == model.gaps, self.done
        assert set(gate.acts) == {User.objects.get(username=name).pk for name in model.actors}, self.done
        assert [d.no_go for d in gate.dissents if d.stands] == [one.row for one in model.open_no_gos], (
            self.done
        )
        if model.open_no_gos or len(model.counted) < NEEDED:
            with pytest.raises(DatabaseError, match="gate refused"), transaction.atomic():
                GatePass.objects.create(gate=view.item, digest=gate.digest, at=self.cutover.created_at)


@pytest.mark.parametrize("seed", range(2))
def test_no_sequence_opens_a_gate_against_its_rules(seed: int) -> None:
    Night(seed).play(35)
