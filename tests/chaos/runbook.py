"""The runbook of one night: every effect, resources that items fight over, a gate, and a way back."""

from __future__ import annotations

SECONDS = 2.0  # that a program of the journal takes, and …
LONG_SECONDS = 5.0  # … that of `LONG` takes: a third of it passes before the effect
LONG = "once-c"
#: item → its effect and its resource; each is a run of the journal program
PROGRAMS = {
    "look": ("pure", "looking"),
    "once-a": ("at_most_once", "the-switch"),
    "once-b": ("at_most_once", "the-switch"),
    "once-c": ("at_most_once", "the-till"),
    "again": ("idempotent", "the-till"),
    "back-a": ("idempotent", "the-switch"),
    "back-b": ("idempotent", "the-switch"),
    "back-c": ("idempotent", "the-till"),
    "back-again": ("idempotent", "the-till"),
}
HEAD = """
name: chaos-{number}
title: A night of faults
timezone: UTC
systems:
  shop: {{kind: postgres, url: "${{CHAOS_SHOP}}"}}
  scratch: {{kind: postgres, url: "${{CHAOS_SCRATCH}}"}}
  zone: {{kind: dns, driver: rfc2136, zone: chaos.test, server: "{names}",
         servers: "{names}", key_name: cutover, key_secret: "${{CHAOS_DNS_KEY}}"}}
{prisma}
roles: {{lead: Migration lead}}
seats: {{technical: Technical, data: Data}}
phases:
  - key: prepare
    title: Prepare
    items:
      - {{key: announce, title: Announce it, kind: manual, owner: lead, how: Tell everybody.}}
      - {look}
      - {{key: go, title: Go?, kind: gate, owner: lead, needs: [announce, look],
         seats: [technical, data], quorum: 2, evidence: [{{item: look, fresh_for: 9h}}],
         opens: The change may begin.}}
  - key: change
    title: Change
    items:
      - {{key: backup, title: Back up, kind: action, owner: lead, action: backup.take,
         params: {{database: shop}}}}
      - {{key: verify, title: Verify the backup, kind: action, owner: lead, needs: [backup],
         action: backup.verify, params: {{backup: backup, scratch: scratch}}}}
      - {once_a}
      - {once_b}
      - {once_c}
      - {again}
{deploy}
      - {{key: switch, title: Switch the name, kind: action, owner: lead, needs: [go], undo: back-switch,
         action: dns.switch, params: {{zone: zone, name: night-{number}, to: [192.0.2.2]}}}}
      - {{key: celebrate, title: Celebrate, kind: manual, owner: lead, needs: [once-a], how: Cake.}}
  - key: back
    title: Go back
    direction: rollback
    items:
      - {{key: back-switch, title: Switch the name back, kind: action, owner: lead, needs: [switch],
         irreversible: It is the way back., action: dns.switch,
         params: {{zone: zone, name: night-{number}, back_to: switch}}}}
      - {back_again}
      - {back_c}
      - {back_b}
      - {back_a}
"""
PRISMA = """  backend: {{kind: prisma, project: "${{PRISMA_PROJECT}}", command: "${{PRISMA_COMMAND}}",
            database: "${{CHAOS_SERVER}}/prisma_{number}", diff: adapter}}"""
DEPLOY = """      - {key: deploy, title: Deploy the migrations, kind: action, owner: lead, needs: [go],
         action: prisma.deploy, params: {prisma: backend}, irreversible: The database is thrown away.}"""
NEEDS = {"once-a": "go", "once-b": "go", "once-c": "go", "again": "go"}
UNDO = {"once-a": "back-a", "once-b": "back-b", "once-c": "back-c", "again": "back-again"}


def key_of(number: int, item: str) -> str:
    """How the journal names an item of a night."""
    return f"night-{number}.{item}"


def runbook_text(number: int, *, names: str, program: str, journal: str, mark: str, prisma: bool) -> str:
    """The runbook of night ``number``; ``names`` is the name server's address with its port."""

    def item(key: str) -> str:
        seconds = LONG_SECONDS if key == LONG else SECONDS
        effect, resource = PROGRAMS[key]
        full = key_of(number, key)
        run = f'["{program}", run, "{journal}", {resource}, {full}, "{seconds}", "${{CHAOS_SECRET}}", {mark}]'
        probe = f'["{program}", probe, "{journal}", {full}]'
        needs = f"needs: [{NEEDS[key]}], " if key in NEEDS else ""
        undo = f"undo: {UNDO[key]}, " if key in UNDO else ""
        undo = "irreversible: It is the way back., " if key in UNDO.values() else undo
        judged = "" if effect == "pure" else f", probe: {probe}, not_done_codes: [3]"
        return (
            f"{{key: {key}, title: Run {key}, kind: action, owner: lead, {needs}{undo}action: command.run, "
            f"params: {{argv: {run}, effect: {effect}, resource: {resource}{judged}}}}}"
        )

    programs = {key.replace("-", "_"): item(key) for key in PROGRAMS}
    return HEAD.format(
        number=number,
        names=names,
        prisma=PRISMA.format(number=number) if prisma else "",
        deploy=DEPLOY if prisma else "",
        **programs,
    )
