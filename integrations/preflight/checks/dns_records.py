"""The names that items change have the records that these expect: no alias, wildcard or other family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from integrations.clients.dns.inspection import NameAnswer, find_wildcard, inspect_name, read_negative_ttl
from integrations.clients.dns.names import check_place
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.dns_plan import PlannedName, find_broken_items, find_names, read_servers
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult

OTHER_FAMILY = {"A": "AAAA", "AAAA": "A"}
FAMILY = {"A": "IPv4", "AAAA": "IPv6"}


@preflight_check("dns.records", "The names have the records that items expect", seconds=30, texts_shown=True)
def check_records(scope: CheckScope) -> Iterator[CheckResult]:
    """A, AAAA and CNAME of each name at one authoritative server, and wildcards above it."""
    for item, problem in find_broken_items(scope):
        yield Question(f"{item.key}: name", "zone and name of the item", (), (item.key,)).explain(problem)
    questions = []
    for name in find_names(scope):
        question = Question(
            f"{name.subject}: records",
            "A, AAAA, CNAME and wildcards at the name",
            (name.system.name,),
            name.items,
        )
        questions.append((question, partial(_judge_records, question, name)))
    yield from ask_all(scope, questions)


def _judge_records(question: Question, name: PlannedName) -> Iterator[CheckResult]:
    servers, problem = read_servers(name)
    if problem or not servers:
        yield question.unknown("The name servers of the zone are not known.", "See dns.servers.")
        return
    found = {kind: inspect_name(servers[0], name.full, kind) for kind in ("A", "AAAA", "CNAME")}
    yield (
        _outside(question, name, found)
        or _wrong_type(question, name, found)
        or _wildcard(question, name, servers[0], found)
        or _missing(question, name, servers[0], found)
        or _several(question, name, found)
    )
    yield from _other_family(question, name, found)


def _outside(question: Question, name: PlannedName, found: dict[str, NameAnswer]) -> CheckResult | None:
    """A name with dots that is not in the zone is taken as a name below it."""
    try:
        check_place(name.written, name.zone.name)
    except ValueError as error:
        if not any(each.exists for each in found.values()):
            seen = f"{error} The items would change {name.full}, which does not exist."
            return question.red(
                seen, "Name the system of its own zone in zone: of the items, or correct name:."
            )
    return None


def _wrong_type(question: Question, name: PlannedName, found: dict[str, NameAnswer]) -> CheckResult | None:
    alias = found["CNAME"].records
    if alias.values and any(kind != "CNAME" for kind in name.kinds):
        return question.red(
            f"{name.full} is an alias: {alias}. The items change {', '.join(name.kinds)}, and a name with a "
            "CNAME can have no other record (RFC 1034, 3.6.2).",
            f"Set type: CNAME in the items, or name the record {alias.values[0]} if its zone is yours.",
        )
    others = [str(each.records) for kind, each in found.items() if kind != "CNAME" and each.records.values]
    if "CNAME" in name.kinds and others and not alias.values:
        return question.red(
            f"The items change a CNAME, and {name.full} has {'; '.join(others)}.",
            "Set type: of the items to the type that is there.",
        )
    return None


def _wildcard(
    question: Question, name: PlannedName, server: str, found: dict[str, NameAnswer]
) -> CheckResult | None:
    for kind in name.kinds:
        if found[kind].exists and (wildcard := find_wildcard(server, name.full, kind)):
            return question.red(
                f"{name.full} has no {kind} of its own: the answer “{found[kind].records}” comes from "
                f"{wildcard}.",
                f"Create {name.full} with the same values first; then the items change this name alone, and "
                "an undo can go back to it.",
            )
    return None


def _missing(
    question: Question, name: PlannedName, server: str, found: dict[str, NameAnswer]
) -> CheckResult | None:
    missing = [kind for kind in name.kinds if not found[kind].exists]
    if not missing:
        return None
    kind = missing[0]
    if name.of_action("dns.lower_ttl", kind):
        return question.red(
            f"{name.full} has no {kind}, and the item lowers its TTL.", "Check name: and type: of the items."
        )
    remembered = read_negative_ttl(server, name.zone.name)
    seconds = "an unknown time" if remembered is None else f"{remembered} s"
    return question.amber(
        f"{name.full} has no {kind} yet. Resolvers that asked for it remember that for {seconds} (the last "
        "field of the SOA).",
        "Create the record that long before the window, or lower the last field of the SOA until then.",
    )


def _several(question: Question, name: PlannedName, found: dict[str, NameAnswer]) -> CheckResult:
    there = [found[kind].records for kind in name.kinds]
    texts = "; ".join(map(str, there))
    more = next((records for records in there if len(records.values) > 1), None)
    if more:
        return question.amber(
            f"{name.full} has {len(more.values)} values: {texts}. A switch replaces all of them, and "
            "its undo restores all.",
            "See that to: of the switch names as many addresses as the new stack needs.",
        )
    arrived = [
        change for change in name.changes if change.values and _is_there(change.values, found[change.kind])
    ]
    if arrived:
        return question.amber(
            f"{texts}: that is already what “{arrived[0].item.key}” would write.",
            "If nobody has switched yet, correct to: of the item; else nothing.",
        )
    return question.green(f"{texts}; no alias, no wildcard.")


def _is_there(values: list[str], answer: NameAnswer) -> bool:
    return sorted(value.rstrip(".").lower() for value in values) == sorted(
        map(str.lower, answer.records.values)
    )


def _other_family(
    question: Question, name: PlannedName, found: dict[str, NameAnswer]
) -> Iterator[CheckResult]:
    """An address of the other family that no item switches keeps leading people to the old stack."""
    for kind in (kind for kind in name.kinds if kind in OTHER_FAMILY and name.of_action("dns.switch", kind)):
        other = OTHER_FAMILY[kind]
        asked = Question(
            f"{name.subject}: {other}", f"{other} records beside the {kind} that is switched",
            question.systems, question.items,
        )  # fmt: skip
        records = found[other].records
        if not records.values:
            yield asked.green(f"{name.full} has no {other}.")
        elif name.of_action("dns.switch", other):
            yield asked.green(f"An item switches {records}, too.")
        else:
            yield asked.red(
                f"{records} stays: people with {FAMILY[other]} keep reaching the old stack after the switch.",
                f"Add an item that switches {other}, too, or remove that record one TTL before the window.",
            )


@preflight_check("dns.caa", "Certificates may be issued for the names", seconds=30, texts_shown=True)
def check_caa(scope: CheckScope) -> Iterator[CheckResult]:
    """The CAA records of each name that is switched and has https; the closest ones count (RFC 8659)."""
    secure = {urlsplit(url).hostname for url in _urls(scope) if url.startswith("https://")}
    questions = []
    for name in find_names(scope):
        if name.full not in secure or not any(change.values for change in name.changes):
            continue
        question = Question(
            f"{name.subject}: CAA", "CAA records at the name and above", (name.system.name,), name.items
        )
        questions.append((question, partial(_judge_caa, question, name)))
    yield from ask_all(scope, questions)


def _urls(scope: CheckScope) -> Iterator[str]:
    for system in scope.systems_of("http"):
        with suppress(Problem):
            yield system["url"]


def _judge_caa(question: Question, name: PlannedName) -> Iterator[CheckResult]:
    servers, _ = read_servers(name)
    owner = name.full
    while servers and owner.endswith(name.zone.name):
        found = inspect_name(servers[0], owner, "CAA").records.values
        if found:
            issuers = sorted({each for value in found if (each := _issuer(value)) is not None})
            if issuers == [""]:
                yield question.red(
                    f"{owner} forbids every authority to issue certificates.",
                    "Change the CAA records before the new stack needs a certificate.",
                )
            elif issuers:
                yield question.amber(
                    f"{owner} lets only {', '.join(filter(None, issuers))} issue certificates.",
                    "See that the certificates of the new stack come from there, also when they are renewed.",
                )
            return
        owner = owner.partition(".")[2]
    yield question.green(
        "No CAA record restricts who may issue certificates for it, up to the zone's own name."
    )


def _issuer(value: str) -> str | None:
    """The authority in a CAA record (“0 issue "ca.example"”), "" for nobody; None for other properties."""
    parts = value.split(None, 2)
    if len(parts) < 3 or parts[1].lower() not in ("issue", "issuewild"):
        return None
    return parts[2].strip('"').partition(";")[0].strip()
