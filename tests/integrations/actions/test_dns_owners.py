"""A name that is answered by something else than its own record is told with the cause, on a real BIND."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, RunbookItem, registry
from integrations.clients.dns import RecordSet, get_zone
from integrations.errors import Problem
from integrations.systems import Systems
from tests.integrations.clients.dns.servers import RECORDS, ZONE, Settings, updated
from tests.integrations.recorder import Recorder

SWITCH, LOWER = registry()["dns.switch"], registry()["dns.lower_ttl"]
TRAPS = (
    f"{RECORDS}; both 60 A 192.0.2.6; both 60 AAAA 2001:db8::6; *.wild 300 A 192.0.2.50;"
    "own.wild 60 A 192.0.2.50; moved 60 DNAME elsewhere.example."
)
NEW = ["198.51.100.1"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with updated(tmp_path_factory.mktemp("dns") / "bind", "bind", TRAPS) as settings:
        yield settings


@pytest.fixture
def bind(served: Settings, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bind_params(action: Any, items: dict[str, RunbookItem] | None = None, **raw: Any) -> Any:
        context = Context(**{**vars(new_context({"zone": served})), "items": items or {}})
        return action.bind({"zone": "zone", "patience": 5, **raw}, context)

    return bind_params


@pytest.mark.parametrize(
    ("name", "cause", "remedy"),
    [
        ("alias", rf"alias\.{ZONE} is a CNAME to www\.{ZONE}", "Set type: CNAME"),
        (f"any.wild.{ZONE}", rf"\*\.wild\.{ZONE} answers for it", f"Name “*.wild.{ZONE}” in name:"),
        (f"www.moved.{ZONE}", rf"moved\.{ZONE} is a DNAME to elsewhere\.example", "elsewhere.example"),
    ],
)
def test_what_answers_in_place_of_the_record_is_named(bind: Any, name: str, cause: str, remedy: str) -> None:
    for action, more in ((LOWER, {"ttl": 30}), (SWITCH, {"to": NEW})):
        params = bind(action, name=name, **more)
        with pytest.raises(Problem, match=cause):
            action.preview(params)
        with pytest.raises(Problem, match=cause) as refused:
            action.run(params, Recorder())
        assert remedy in refused.value.next
        assert "omebody else" not in str(refused.value)


def test_a_wildcard_is_changed_by_its_own_name_and_an_equal_record_beside_it_is_no_wildcard(
    bind: Any,
) -> None:
    outcome = LOWER.run(bind(LOWER, name=f"*.wild.{ZONE}", ttl=60), Recorder())
    assert outcome.ok, outcome.summary
    assert SWITCH.run(bind(SWITCH, name=f"own.wild.{ZONE}", to=["192.0.2.51"]), Recorder()).ok


def test_the_other_address_family_is_said_unless_an_item_switches_it(bind: Any) -> None:
    report = Recorder()
    outcome = SWITCH.run(bind(SWITCH, name="both", to=NEW), report)
    assert outcome.ok
    (warning,) = report.facts["warnings"]
    assert f"both.{ZONE} 60 AAAA 2001:db8::6 stays as it is: whoever has IPv6 keeps going there" in warning
    assert warning in outcome.summary
    other = {"six": RunbookItem("dns.switch", {"zone": "zone", "name": f"both.{ZONE}", "type": "AAAA"})}
    assert SWITCH.preview(bind(SWITCH, other, name="both", to=["198.51.100.7"])).warnings == []


def test_a_new_name_is_remembered_as_missing(bind: Any) -> None:
    report = Recorder()
    assert SWITCH.run(bind(SWITCH, name="new", to=NEW), report).ok
    (warning,) = report.facts["warnings"]
    assert f"new.{ZONE} had no A before: resolvers that asked for it remember that for 60 s" in warning


def test_a_cname_beside_an_address_is_refused_with_the_types(bind: Any) -> None:
    with pytest.raises(Problem, match=rf"www\.{ZONE} has A records, so it cannot be a CNAME"):
        SWITCH.run(bind(SWITCH, name="www", type="CNAME", to=["lb.example.org"]), Recorder())


def test_an_update_that_is_refused_while_nobody_changed_anything_accuses_nobody(served: Settings) -> None:
    systems = Systems({"zone": served}, {})
    zone = get_zone(systems["zone"], systems)
    seen = zone.read(f"any2.wild.{ZONE}", "A")
    with pytest.raises(Problem, match="NXRRSET: the record set is not there") as refused:
        zone.write(seen, RecordSet.of(seen.name, "A", 60, NEW))
    assert "look for a wildcard" in refused.value.next


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"name": "www.other.test"}, "is not in the zone move.test"),
        ({"name": "a b"}, "no DNS name"),
        ({"name": "@", "type": "CNAME", "to": ["lb.example.org"]}, "the zone's own name"),
        ({"type": "CNAME", "to": ["a.example.org", "b.example.org"]}, "A CNAME has one value"),
        ({"type": "CNAME", "to": ["192.0.2.1"]}, "is not a name"),
        ({"type": "CNAME", "to": ["*.example.org"]}, "is not a name"),
        ({"ttl": 0}, "greater than or equal to 1"),
        ({"to": [True]}, "is not an address"),
        ({"to": [{"a": 1}]}, "is not an address"),
    ],
)
def test_what_cannot_be_is_refused_when_the_runbook_is_checked(
    bind: Any, raw: dict[str, Any], message: str
) -> None:
    with pytest.raises(forms.ValidationError, match=message):
        bind(SWITCH, **{"name": "www", "to": NEW, **raw})
