"""The TTL is lowered at every server, recorded for the undo, and a switch has to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients.dns import RecordSet, get_zone
from integrations.errors import Cancelled, Problem
from integrations.systems import Systems
from tests.integrations.clients.dns.cloudflare import cloudflare
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
    def bind_params(traces: dict[str, Any] | None = None, servers: str = "", **raw: Any) -> Any:
        zone = {**served, **({"servers": servers} if servers else {})}
        context = Context(**{**vars(new_context({"zone": zone})), "traces": traces or {}})
        return ACTION.bind({"zone": "zone", "name": "www", "patience": 5, **raw}, context)

    yield bind_params
    systems = Systems({"zone": served}, {})
    zone = get_zone(systems["zone"], systems)
    now = zone.read("www", "A")
    if now != FIRST:
        zone.replace(now, FIRST)


def test_the_ttl_is_lowered_at_every_server_and_a_switch_waits_for_the_old_one(
    bind: Any, served: Settings
) -> None:
    params, report = bind(ttl=60), Recorder()
    before = ACTION.before(params)
    assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE
    began = datetime.now(UTC)
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    facts = report.facts["lowered"]
    assert (facts["before"]["ttl"], facts["after"]["ttl"]) == (300, 60)
    assert facts["before"]["values"] == facts["after"]["values"]
    assert list(facts["servers"]) == [served["server"]]
    wait = datetime.fromisoformat(facts["switch_not_before"]) - began
    assert timedelta(seconds=299) <= wait <= timedelta(seconds=330)
    assert ACTION.probe(params, before).status == ProbeStatus.DONE


def test_a_second_attempt_still_waits_for_the_first_ttl(bind: Any) -> None:
    report = Recorder()
    assert ACTION.run(bind(ttl=60), report).ok
    again = Recorder()
    assert ACTION.run(bind({"lower": report.facts}, ttl=60), again).ok
    moment = datetime.fromisoformat(again.facts["lowered"]["switch_not_before"])
    assert moment > datetime.now(UTC) + timedelta(seconds=290)


def test_an_undo_restores_the_exact_record(bind: Any) -> None:
    report = Recorder()
    assert ACTION.run(bind(ttl=60), report).ok
    back = bind({"lower": report.facts}, back_to="lower")
    assert "300 A 192.0.2.1" in " ".join(ACTION.preview(back).lines)
    outcome = ACTION.run(back, Recorder())
    assert outcome.ok, outcome.summary
    assert ACTION.before(back)["before"]["ttl"] == 300
    with pytest.raises(Problem, match="has not changed the record"):
        ACTION.run(bind({}, back_to="lower"), Recorder())


def test_a_server_with_another_answer_is_a_verdict(bind: Any, served: Settings) -> None:
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


def test_an_automatic_ttl_is_explained_lowered_and_has_to_run_out(
    new_context: Callable[..., Context],
) -> None:
    """Cloudflare's own servers answer its records; here a name server with the same values does."""
    records = "auto 60 A 192.0.2.1; www 300 A 192.0.2.1"
    with cloudflare() as settings, python_server(records) as server:
        context = new_context({"zone": {**settings, "servers": server}})
        params = ACTION.bind({"zone": "zone", "name": "auto", "ttl": 60, "patience": 5}, context)
        preview, report = ACTION.preview(params), Recorder()
        assert any("“automatic” at Cloudflare: the servers answer 300 s" in line for line in preview.lines)
        assert preview.warnings == ["A switch has to wait 300 s from then on."]
        outcome = ACTION.run(params, report)
        assert outcome.ok, outcome.summary
    facts = report.facts["lowered"]
    assert (facts["before"]["ttl"], facts["after"]["ttl"]) == (300, 60)
    wait = datetime.fromisoformat(facts["switch_not_before"]) - datetime.now(UTC)
    assert wait > timedelta(seconds=280)


def test_values_with_another_ttl_are_not_called_a_slow_transfer(new_context: Callable[..., Context]) -> None:
    with cloudflare() as settings, python_server("auto 120 A 192.0.2.1; www 300 A 192.0.2.1") as server:
        context = new_context({"zone": {**settings, "servers": server}})
        params = ACTION.bind({"zone": "zone", "name": "auto", "ttl": 60, "patience": 0}, context)
        outcome = ACTION.run(params, Recorder())
    assert not outcome.ok
    assert "with a TTL of 120 s instead of 60 s" in outcome.summary
    assert "The provider has a smallest TTL" in outcome.summary


@contextmanager
def python_server(records: str) -> Iterator[str]:
    with TemporaryDirectory() as folder, updated(Path(folder), "python", records) as settings:
        yield settings["server"]
