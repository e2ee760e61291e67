"""An item for each action, and for each driver of the systems that it works on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms

from integrations import drivers
from integrations.actions import AnyAction, registry
from integrations.actions.fields import EvidenceField, ItemsField, SystemField, SystemsField
from integrations.secrecy import Secrecy
from integrations.system_kinds import system_kinds
from tests.checklists.canaries.systems import system_name
from tests.checklists.canaries.words import Canaries

IMAGE = f"registry.example.org/api@sha256:{'a' * 64}"
JSON_PATH = {"path": "/path?key=§"}
READ = {"old": "/old?key=§", "new": "/new?key=§"}

#: What an action needs to be bound, besides systems and items. § is the place of a canary; {folder} is filled
#: in. A parameter that may hold a secret has to be here, with a canary.
PARAMS: dict[str, dict[str, Any]] = {
    "bullmq.added": {"path": "/add?key=§", "send": {"word": "§"}, "queue": "q", "job": "j", "seconds": 0.3},
    "bullmq.watch": {
        **{"queue": "q", "seconds": 0.1, "patience": 0.1, "canary": "c", "canary_data": {"word": "§"}},
        **{"canary_seconds": 0.1, "retry_canary": "r", "retry_data": {"word": "§"}, "retry_seconds": 0.1},
    },
    "command.run": {
        **{"argv": ["{folder}/bin/program", "§"], "probe": ["{folder}/bin/program", "--probe", "§"]},
        **{"effect": "at_most_once", "not_done_codes": [3], "pattern_facts": {"said": "arguments: (.*)"}},
    },
    "decommission.archive": {"quiet_minutes": 0.01, "watch_seconds": 0.1, "services": ["api"]},
    "deploy.apply": {"images": {"api": IMAGE}},
    "dns.lower_ttl": {"name": "www", "patience": 0.1},
    "dns.switch": {"name": "www", "to": ["192.0.2.1"], "window": 0.1, "patience": 0.1},
    "dualrun.watch": {"reads": [READ], "seconds": 0.1, "every": 0.1, "queue": "q", "services": ["api"]},
    "freeze.on": {"watch": 0.1},
    "http.check": {"path": "/path?key=§", "send_headers": {"x-key": "§"}, "contains": ["nothing"]},
    "http.smoke": {"health": [JSON_PATH], "reads": [JSON_PATH], "refused": ["/path?key=§"]},
    "image.check": {"images": {"api": IMAGE}},
    "image.published": {"images": {"api": IMAGE}},
    "ingress.switch": {"path": "/path?key=§", "seconds": 0.1},
    "lb.shift": {"to": 50, "path": "/path?key=§", "seconds": 0.1},
    "login.canary": {
        "accounts": {"table": "people", "id": "id", "email": "name", "password": "word"},
        "register": {
            "path": "/r",
            "send": {"email": "{email}", "password": "{password}", "word": "§"},
            "at": "role",
            "never": ["admin"],
        },
    },
    "monitoring.check": {
        "old": ["old"],
        "new": ["new"],
        "exporter_path": "/metrics?key=§",
        "metrics": ["up"],
    },
    "oauth.signin": {
        "authorize": "/{provider}?back={redirect}&key=§",
        "minutes": 0.01,
        "accounts": "select 1, 'x', 1, now() where %(provider)s <> ''",
    },
    "oauth.smoke": {"authorize": "/{provider}?back={redirect}&key=§"},
    "ownership.list": {"path": "/hooks/{provider}?key=§", "old_hosts": ["old.example.org"]},
    "pages.check": {"pages": [JSON_PATH], "refused": ["/path?key=§"]},
    "payments.journey": {"minutes": 0.01},
    "prisma.baseline": {"migration": "20250101000000_init"},
    "prisma.present": {"migrations": ["20250101000000_init"]},
    "redis.check": {"queue": "q"},
    "rows.present": {"tables": ["people"]},
    "secrets.ledger": {"names": ["DATABASE_URL", "KEY"], "rules": {"KEY": "long_secret"}},
    "secrets.revoked": {"mail": {"server": "§", "port": "MAIL_PORT", "user": "§", "password": "§"}},
    "service.start": {"services": ["api"], "stays_seconds": 0.1},
    "service.stop": {"services": ["api"]},
    "sql.check": {"query": "select '§' as said", "value": "another"},
    "stack.provision": {
        "images": {"api": IMAGE},
        "path": "/path?key=§",
        "service": "api",
        "wait_seconds": 0.1,
    },
    "webhooks.check": {"path": "/hooks/{provider}?key=§", "gifts": "select count(*), 0, '' from people"},
    "writers.check": {"expected": "old", "queue": "q", "webhook": "/hook?key=§"},
}
#: Optional systems and items that exclude another one.
LEFT_OUT = {
    "command.run": {"host"},
    "deploy.apply": {"checked", "back_to"},
    "dns.lower_ttl": {"back_to"},
    "dns.switch": {"back_to"},
    "ingress.switch": {"back_to"},
    "lb.shift": {"back_to"},
    "parity.compare": {"before", "database", "backup", "scratch", "recheck"},
    "rollback.restore": {"back_to"},
    "sql.check": {"mysql", "sqlite", "same_as", "copy"},
}
#: More ways in which an action is used; each is an item of its own.
FURTHER: dict[str, list[dict[str, Any]]] = {
    "command.run": [{"host": "host"}],
    "sql.check": [
        {"query": "select § from nowhere"},
        {"database": None, "mysql": "mysql"},
        {"database": None, "sqlite": "sqlite"},
    ],
}


def list_actions() -> list[str]:
    """Every registered action, without the samples of other tests."""
    return [key for key, action in registry().items() if not type(action).__module__.startswith("tests.")]


def make_items(
    key: str, canaries: Canaries, world: str, folder: str, *, all_ways: bool
) -> list[dict[str, Any]]:
    """The items of an action in one world, after those whose evidence they use.

    ``all_ways``: one for each driver and each of `FURTHER`; otherwise the first only.
    """
    made: dict[str, dict[str, Any]] = {}
    action = registry()[key]
    for field in action.Params.base_fields.values():
        if isinstance(field, EvidenceField) and field.action != key:
            made |= {
                each["key"]: each
                for each in make_items(field.action, canaries, world, folder, all_ways=False)
            }
    for number, chosen in enumerate(list(_ways(action)) if all_ways else list(_ways(action))[:1]):
        params = _params(action, canaries, world, folder, chosen)
        name = _key_of(key, world, number)
        made[name] = {
            **{"key": name, "title": f"{key} ({world} {number})", "kind": "action", "owner": "lead"},
            **{"action": key, "params": params, "deadline": "8s", "needs": _needs(action, params)},
            **({"irreversible": "It is only a test."} if action.is_risky_with(params) else {}),
        }
    return list(made.values())


def _needs(action: AnyAction, params: Mapping[str, Any]) -> list[str]:
    """The items whose evidence it uses."""
    fields = action.Params.base_fields
    return [params[name] for name in params if isinstance(fields.get(name), EvidenceField)]


def _key_of(action: str, world: str, number: int) -> str:
    return f"{action.replace('.', '-').replace('_', '-')}-{world}{f'-{number}' if number else ''}"


def _ways(action: AnyAction) -> Iterator[Mapping[str, Any]]:
    """The driver of each kind of system, and parameters that replace others."""
    kinds = {kind for each in action.Params.base_fields.values() for kind in getattr(each, "kinds", ())}
    kinds = {kind for kind in kinds if system_kinds()[kind].driver_setting}
    names = {kind: sorted(drivers.drivers_of(kind)) for kind in kinds}
    for number in range(max(map(len, names.values()), default=1)):
        yield {kind: known[number % len(known)] for kind, known in names.items()}
    yield from FURTHER.get(action.key, [])


def _params(
    action: AnyAction, canaries: Canaries, world: str, folder: str, chosen: Mapping[str, Any]
) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, each in action.Params.base_fields.items():
        if name in LEFT_OUT.get(action.key, ()) or isinstance(each, ItemsField):
            continue
        if isinstance(each, SystemField):
            params[name] = system_name(chosen.get(each.kinds[0], each.kinds[0]), world)
        elif isinstance(each, SystemsField):
            params[name] = [system_name(sorted(drivers.drivers_of(each.kind))[0], world)]
        elif isinstance(each, EvidenceField):
            params[name] = _key_of(each.action, world, 0)
    params |= PARAMS.get(action.key, {})
    for name, value in chosen.items():
        if name in action.Params.base_fields:
            field = action.Params.base_fields[name]
            params[name] = system_name(value, world) if value and isinstance(field, SystemField) else value
    _refuse_forgotten(action, params)
    place = f"{action.key} ({world})"
    return {
        name: _fill(value, canaries, f"{name} of {place}", folder) for name, value in params.items() if value
    }


def _refuse_forgotten(action: AnyAction, params: Mapping[str, Any]) -> None:
    """A secret parameter without a canary would not be tested."""
    for name, field in action.Params.base_fields.items():
        if isinstance(field, forms.Field) and action.secrecy_of(name) > Secrecy.PUBLIC:
            assert "§" in json.dumps(params.get(name), ensure_ascii=False), (
                f"{action.key}: give {name} a value with § in PARAMS ({__file__})."
            )


def _fill(value: Any, canaries: Canaries, place: str, folder: str) -> Any:
    if isinstance(value, dict):
        return {name: _fill(each, canaries, f"{name}: {place}", folder) for name, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, canaries, place, folder) for each in value]
    if not isinstance(value, str):
        return value
    while "§" in value:
        value = value.replace("§", canaries.variable(canaries.new(place)), 1)
    return value.replace("{folder}", folder)
