"""One run: sets the panel up, lets people and faults act, waits until everything has ended, and reports."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from django.core.management import call_command
from django.db import Error, connection

from checklists.executor.process import tree
from checklists.executor.process.containment import Containment, choose_containment
from checklists.models import Attempt, ServiceBeat
from checklists.states import LIVE
from integrations.sandbox import node
from tests.chaos import judge_commands  # noqa: F401  # it adds properties
from tests.chaos.browser import Browser, NoAnswer
from tests.chaos.drills import BESIDES, DRILLS, DrillFailed, Scene
from tests.chaos.evidence import Evidence, Verdict, judge
from tests.chaos.faults import Faults
from tests.chaos.guards import GUARDS
from tests.chaos.judge import summarize
from tests.chaos.people import People
from tests.chaos.processes import SERVICES, Processes
from tests.chaos.surroundings import Surroundings
from tests.chaos.visitors import Visitors

SETTLE = 90.0  # seconds after the last fault within which everything has to come to its end
PAUSES = (0.6, 2.6)  # seconds between two faults, at least and at most
ALWAYS = ("worker-1", "dispatcher", "reaper")  # the services of a drill, beside those that it asks for
Say = Callable[[str], None]


def play(around: Surroundings, options: argparse.Namespace, say: Say) -> int:
    """The whole run; gives the exit code."""
    panel, people, faults = prepare(around, options, say)
    visitors = Visitors(people, around.web_port, options.seed)
    failed: list[str] = []
    try:
        drills = [*options.without, *options.drill]
        people.settling = bool(drills)
        people.thread.start()
        if drills:
            failed = drill(Scene(around, people, panel, faults, visitors), drills, say)
        else:
            visitors.thread.start()
            make_faults(panel, people, faults, options, say)
        settle(panel, people, faults, say)
        panel.stop()
        evidence = Evidence.collect(around, people, faults, panel)
        verdicts = judge(evidence)
    finally:
        people.stopping = True
        faults.heal(everything=True)
        panel.end_all()
    report(verdicts, evidence, options, say)
    for why in failed:
        say(f"A drill shows nothing: {why}")
    connection.close()
    return 1 if failed or any(verdict.violations for verdict in verdicts) else 0


# ── setting up ───────────────────────────────────────────────────────────────
def prepare(around: Surroundings, options: argparse.Namespace, say: Say) -> tuple[Processes, People, Faults]:
    """Tables, accounts and processes of the panel; returns when all of them run."""
    began = time.monotonic()
    tree.become_subreaper()  # what loses its parent below us comes to us, so that nothing can hide
    if options.tables:
        around.load_tables(options.tables)
    call_command("migrate", verbosity=0, interactive=False)
    contained = choose_containment()
    if around.with_prisma:
        node.install(around.folder / "prisma", lambda line: None)
    people = People(around, options.seed, "keep" if contained == Containment.SUBREAPER else "drop")
    people.arrive()
    is_drill = bool(options.without or options.drill)
    wanted = {name for drill in (*options.without, *options.drill) for name in BESIDES.get(drill, ())}
    names = [name for name in SERVICES if not is_drill or name in (*ALWAYS, *wanted)]
    panel = Processes(around, ",".join(options.without) or "none", names)
    for name in options.without:
        if GUARDS[name].sql:
            around.execute(GUARDS[name].sql, "cutover")
    faults = Faults(around, panel, options.seed)
    people.network = faults.network
    wait_until_it_runs(panel)
    say(f"The panel runs after {time.monotonic() - began:.0f} s; attempts are kept together by: {contained}.")
    say(how_hosts_are_cut_off(around))
    apart = "is a host of its own (pid and UTS namespace)" if panel.has_hosts else "shares this host"
    say(f"The second worker {apart}; a small disk {'can' if around.has_small_disk else 'cannot'} be filled.")
    return panel, people, faults


def how_hosts_are_cut_off(around: Surroundings) -> str:
    """By what, and why not by networks of their own."""
    if around.network is not None:
        which = "in a user namespace" if around.network.is_of_users else "as root"
        return f"Hosts are cut off by network namespaces ({which}), over TCP."
    return f"Hosts are cut off by proxies, not by network namespaces: {around.why_no_network}"


def wait_until_it_runs(panel: Processes) -> None:
    """Until each service has been heard of."""
    until = time.monotonic() + 300
    wanted = {"worker", "prober", "local prober", "reaper", "dispatcher"}
    while not (wanted <= set(ServiceBeat.objects.values_list("name", flat=True)) and answers(panel)):
        panel.keep_running()
        if time.monotonic() > until:
            raise TimeoutError(f"The panel does not start: {panel.around.logs}")
        time.sleep(0.1)


def answers(panel: Processes) -> bool:
    """Whether the web process does, where there is one."""
    if "web" not in panel.services:
        return True
    try:
        return Browser(panel.around.web_port, "", "").get("/health/live").status == 200
    except NoAnswer:
        return False


# ── running ──────────────────────────────────────────────────────────────────
def make_faults(
    panel: Processes, people: People, faults: Faults, options: argparse.Namespace, say: Say
) -> None:
    """Random faults until the time is up."""
    draw = random.Random(f"{options.seed}:pauses")
    began = told = time.monotonic()
    next_fault = began + 3
    while time.monotonic() < began + options.minutes * 60:
        panel.keep_running()
        faults.heal()
        if time.monotonic() >= next_fault:
            faults.strike()
            next_fault = time.monotonic() + draw.uniform(*PAUSES)
        if time.monotonic() - told > 15:
            told = time.monotonic()
            total, acts = sum(faults.counts.values()), len(people.acknowledged)
            nights = len(people.nights)
            say(f"{told - began:5.0f} s: {total} faults, {nights} nights, {acts} commands acknowledged")
        time.sleep(0.05)


def drill(scene: Scene, names: list[str], say: Say) -> list[str]:
    """The directed faults of these guards, one after the other; why they show nothing, if they do not."""
    failed = []
    for name in names:
        say(f"Drill of {name}: {(DRILLS[name].__doc__ or '').strip()}")
        try:
            DRILLS[name](scene)
        except DrillFailed as why:
            failed.append(f"{name}: {why}")
    return failed


def settle(panel: Processes, people: People, faults: Faults, say: Say) -> None:
    """No more faults and no new starts: waits until every attempt has ended, or the time is up."""
    faults.heal(everything=True)
    people.settling = True
    began = time.monotonic()
    while time.monotonic() < began + SETTLE:
        panel.keep_running()
        faults.heal(everything=True)
        try:
            if not Attempt.objects.filter(status__in=LIVE).exists():
                break
        except Error:
            connection.close()
        time.sleep(0.1)
    people.stopping = True
    people.thread.join(30)  # who uses pages gives up by itself
    took = time.monotonic() - began
    say(f"Everything came to its end, or the time was up, {took:.0f} s after the last fault.")


# ── reporting ────────────────────────────────────────────────────────────────
def report(verdicts: list[Verdict], evidence: Evidence, options: argparse.Namespace, say: Say) -> None:
    """The table, the violations, and how to repeat the run."""
    say(f"\nFaults. {how_hosts_are_cut_off(evidence.around)}")
    for name, count in sorted(evidence.faults.counts.items()):
        say(f"  {name.replace('_', ' '):36} {count:6}")
    say("What happened")
    for name, value in summarize(evidence).items():
        say(f"  {name:24} {value}")
    say("Refused to people")
    for reason, count in evidence.people.refused.most_common(6):
        say(f"  {reason:60} {count:6}")
    say("Properties")
    for verdict in verdicts:
        count = len(verdict.violations)
        say(f"  {f'{count} VIOLATED' if count else 'ok':>12}  {verdict.name}")
    for verdict in verdicts:
        for violation in verdict.violations[:10]:
            say(f"VIOLATED: {verdict.name}: {violation}")
    violated = {verdict.name for verdict in verdicts if verdict.violations}
    for name in options.without:
        found = "has found it" if GUARDS[name].violates in violated else "HAS NOT FOUND IT"
        say(f"Control without {name}: “{GUARDS[name].violates}” must be violated, and the run {found}.")
    how = "".join(f" --without {name}" for name in options.without)
    how += "".join(f" --drill {name}" for name in options.drill)
    how += " --no-network" * options.no_network + " --no-prisma" * options.no_prisma
    again = f"./panel chaos --minutes {options.minutes:g} --seed {options.seed}{how}"
    say(f"\nSeed {options.seed}. Again: {again}")
    say("The seed repeats what is drawn, not the machine's own timing.")
