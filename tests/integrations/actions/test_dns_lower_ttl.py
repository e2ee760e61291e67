"""The time to live is lowered at every server, kept as it was for the way back, and a switch has to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients.dns import RecordSet, zone_of
from integrations.errors import Cancelled, Problem
from integrations.systems import Systems
from tests.integrations.clients.dns.servers import ZONE, Settings, updated
from tests.integrations.recorder import Recorder

ACTION = registry()["dns.lower_ttl"]
FIRST = RecordSet.of(f"www.{ZONE}", "A", 300, ["192.0.2.1"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with updated(tmp_path_factory.mktemp("dns") / "bind", "bind") as settings:
        yield settings


@pytest.fixture
def bind(served: Settings, new_context: Callable[..., Context]) -> Iterator[Callable[..., Any]]:
    def bound(traces: dict[str, Any] | None = None, servers: str = "", **raw: Any) -> Any:
        zone = {**served, **({"servers": servers} if servers else {})}
        context = Context(**{**vars(new_context({"zone": zone})), "traces": traces or {}})
        return ACTION.bind({"zone": "zone", "name": "www", "patience": 5, **raw}, context)

    yield bound
    systems = Systems({"zone": served}, {})
    zone = zone_of(systems["zone"], systems)
    now = zone.read("www", "A")
    if now != FIRST:
        zone.replace(now, FIRST)


def test_it_is_lowered_everywhere_and_a_switch_waits_for_the_old_one(bind: Any, served: Settings) -> None:
    values, report = bind(ttl=60), Recorder()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    began = datetime.now(UTC)
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    facts = report.facts["lowered"]
    assert (facts["before"]["ttl"], facts["after"]["ttl"]) == (300, 60)
    assert facts["before"]["values"] == facts["after"]["values"]
    assert list(facts["servers"]) == [served["server"]]
    wait = datetime.fromisoformat(facts["switch_not_before"]) - began
    assert timedelta(seconds=299) <= wait <= timedelta(seconds=330)
    assert ACTION.probe(values, before).seen == Seen.DONE


def test_a_second_try_still_waits_for_the_first_ttl(bind: Any) -> None:
    report = Recorder()
    assert ACTION.run(bind(ttl=60), report).ok
    again = Recorder()
    assert ACTION.run(bind({"lower": report.facts}, ttl=60), again).ok
    moment = datetime.fromisoformat(again.facts["lowered"]["switch_not_before"])
    assert moment > datetime.now(UTC) + timedelta(seconds=290)


def test_the_way_back_restores_exactly_what_was_there(bind: Any) -> None:
    report = Recorder()
    assert ACTION.run(bind(ttl=60), report).ok
    back = bind({"lower": report.facts}, back_to="lower")
    assert "300 A 192.0.2.1" in " ".join(ACTION.preview(back).lines)
    outcome = ACTION.run(back, Recorder())
    assert outcome.ok, outcome.summary
    assert ACTION.before(back)["before"]["ttl"] == 300
    with pytest.raises(Problem, match="has not changed the record"):
        ACTION.run(bind({}, back_to="lower"), Recorder())


def test_a_server_that_does_not_tell_it_is_a_verdict(bind: Any, served: Settings) -> None:
    outcome = ACTION.run(bind(servers=f"{served['server']}, 127.0.0.1:9", patience=0), Recorder())
    assert not outcome.ok
    assert "127.0.0.1:9" in outcome.summary


def test_a_name_without_a_record_has_nothing_to_lower(bind: Any) -> None:
    with pytest.raises(Problem, match=r"nowhere\.move\.test has no A"):
        ACTION.run(bind(name="nowhere"), Recorder())


def test_waiting_can_be_cancelled_and_the_preview_warns(bind: Any, served: Settings) -> None:
    preview = ACTION.preview(bind(ttl=60))
    assert preview.warnings == ["A switch has to wait 300 s from then on."]
    assert served["key_secret"] not in str(preview)
    with pytest.raises(Cancelled):
        ACTION.run(bind(ttl=30), Recorder(cancel_when=lambda report: bool(report.lines)))
