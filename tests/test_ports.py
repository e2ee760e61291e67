"""Ports for the servers of tests: no two of them get the same."""

from __future__ import annotations

import pytest

from tests import ports


def test_no_port_is_given_twice() -> None:
    given = [ports.free_port() for _ in range(500)]
    assert len(set(given)) == 500


def test_processes_of_the_suite_take_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PROCESSES", 3)
    for number in range(3):
        monkeypatch.setattr(ports, "NUMBER", number)
        assert {ports.free_port() % 3 for _ in range(20)} == {number}
