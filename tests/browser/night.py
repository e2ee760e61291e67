"""A production night for a browser test: a small runbook of real actions, and the panel's real processes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg

from checklists import services
from checklists.models import Cutover
from checklists.models.audit import database_now
from checklists.states import CutoverKind, MemberPart
from tests.checklists.histories import person
from tests.released import release

#: The systems are databases of a real server; what happens only once is written into a journal in a folder.
RUNBOOK = """
name: night
title: The shop moves
timezone: Africa/Accra
decision_time: 10m
systems:
  live: {{kind: postgres, url: "${{LIVE_DATABASE_URL}}"}}
  scratch: {{kind: postgres, url: "${{SCRATCH_DATABASE_URL}}"}}
roles: {{lead: Migration lead}}
seats: {{technical: Technical, data: Data, finance: Finance}}
phases:
  - key: prepare
    title: Prepare
    items:
      - {{key: announce, title: Tell everybody, kind: manual, owner: lead, how: By radio., planned: 5m,
         requires: [note]}}
      - {{key: backup, title: Back up the live database, kind: action, owner: lead, needs: [announce],
         action: backup.take, params: {{database: live}}, planned: 2m}}
      - {{key: proof, title: Restore the backup and compare, kind: action, owner: lead, needs: [backup],
         action: backup.verify, params: {{backup: backup, scratch: scratch, keep: true}}, planned: 2m}}
      - {{key: look, title: Count the journal, kind: action, owner: lead, needs: [announce],
         action: test.pure, params: {{world: "{world}"}}, planned: 1m}}
      - {{key: go, title: Move the shop?, kind: gate, owner: lead, needs: [proof, look],
         seats: [technical, data, finance], quorum: 3, evidence: [{{item: proof}}, {{item: look}}],
         opens: The shop may be moved.}}
  - key: move
    title: Move
    items:
      - {{key: move, title: Move the shop, kind: action, owner: lead, needs: [go], action: test.once,
         params: {{world: "{world}", do: sleep, seconds: 600, lines: 2}}, undo: restore, planned: 10m,
         service_restored: true, ends_window: true}}
      - {{key: keep, title: Keep it?, kind: gate, owner: lead, needs: [move],
         seats: [technical, data, finance], quorum: 2, evidence: [{{item: proof}}], opens: It stays.}}
      - {{key: celebrate, title: Celebrate, kind: manual, owner: lead, needs: [keep], how: Cake.,
         planned: 20m}}
  - key: back
    title: Go back
    direction: rollback
    items:
      - {{key: loss, title: Count what going back would lose, kind: action, owner: lead,
         needs: [backup, proof], action: rollback.assess, planned: 2m,
         params: {{database: live, backup: backup, verified: proof, scratch: scratch, created: created_at,
                  money: [{{table: donations, sum: amount, by: [currency]}}]}}}}
      - {{key: really, title: Restore the backup?, kind: gate, owner: lead, needs: [loss],
         seats: [technical, data, finance], quorum: 2, evidence: [{{item: loss}}], opens: The restore.}}
      - {{key: restore, title: Restore the backup, kind: action, owner: lead, needs: [proof, really],
         action: rollback.restore, planned: 2m, params: {{database: live, backup: backup, verified: proof}},
         type_target: true, service_restored: true,
         irreversible: What was written since is only in the database set aside.}}
"""
TABLES = """
create table donations (id serial primary key, amount numeric(10,2), currency text default 'GHS',
    created_at timestamp default current_timestamp);
create table members (id serial primary key, name text);
insert into donations (amount) select i from generate_series(1, 20) i;
insert into members (name) values ('Ama'), ('Kofi');
"""


def fill(url: str) -> None:
    """The shop as it is before the night."""
    with psycopg.connect(url, autocommit=True) as live:
        live.execute(TABLES)


def write_as_pilot_users(url: str) -> None:
    """Two donations and a member of the new stack's first users."""
    with psycopg.connect(url, autocommit=True) as live:
        live.execute("insert into donations (amount) values (120.50), (80)")
        live.execute("insert into members (name) values ('Esi')")


def open_night(world: Path) -> Cutover:
    """Ama and Kwame lead, Efua, Kofi and Esi approve, Yaw watches; a second person confirmed the runbook."""
    ama, text = person("ama"), RUNBOOK.format(world=world)
    release(text)
    start = database_now()
    night = services.open_cutover(
        runbook=services.load_runbook(text=text, by=ama),
        kind=CutoverKind.PRODUCTION,
        title="The shop moves",
        slug="night",
        by=ama,
        window_start=start,
        window_end=start + timedelta(hours=4),
    )
    for name, part, seats in (
        ("kwame", MemberPart.LEAD, []),
        ("efua", MemberPart.APPROVER, ["technical"]),
        ("kofi", MemberPart.APPROVER, ["data"]),
        ("esi", MemberPart.APPROVER, ["finance"]),
        ("yaw", MemberPart.STAKEHOLDER, []),
    ):
        services.add_member(cutover=night, person=person(name), part=part, seats=seats, by=ama)
    return night
