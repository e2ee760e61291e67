"""Ports for the servers of tests: no two of them get the same."""

from __future__ import annotations

import pytest

from tests import ports


def test_no_port_is_given_twice() -> None:
    given = [ports.free_port() for _ in range(500)]
    assert len(set(given)) == 500


@pytest.mark.timeout(
    20
)  # Linux gives odd ports only, as long as there are some: one process waited without end
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_of_the_suite_take_different_ports(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    monkeypatch.setattr(ports, "PROCESSES", processes)
    for number in range(processes):
        monkeypatch.setattr(ports, "NUMBER", number)
        assert {ports.free_port() // 2 % processes for _ in range(20)} == {number}
