"""What a sandbox remembers: its ports are its own, and a folder of another version is refused as it is."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import Problem
from integrations.sandbox import state
from integrations.sandbox.state import SandboxState


def test_a_block_in_which_somebody_listens_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(
            state, "FIRST_PORT", taken - state.BLOCK + 1
        )  # the taken port is the block's last
        monkeypatch.setattr(state, "LAST_PORT", taken + 1)
        with pytest.raises(OSError, match="every block of ports"):
            state.free_ports()


def test_two_sandboxes_that_begin_at_the_same_moment_hardly_meet() -> None:
    firsts = {min(state.free_ports().values()) for _ in range(20)}
    assert len(firsts) > 10


def as_1d104b9_wrote_it(kept: dict[str, Any]) -> None:
    """It knew no versions, and the ingress had no metrics."""
    del kept["version"], kept["ports"]["ingress-metrics"]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "of 1d104b9": as_1d104b9_wrote_it,
    "without a version": lambda kept: kept.pop("version"),
    "of an earlier version": lambda kept: kept.update(version=state.VERSION - 1),
    "of a later version": lambda kept: kept.update(version=state.VERSION + 1, more={}),
}


def test_a_sandbox_finds_its_state_again(tmp_path: Path) -> None:
    assert SandboxState.of(tmp_path) == SandboxState.of(tmp_path)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_state_of_another_version_is_refused_and_kept(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    SandboxState.of(tmp_path)
    path = tmp_path / "state.json"
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))
    with pytest.raises(Problem, match="another version") as refused:
        SandboxState.of(tmp_path)
    assert "Nothing was started or changed." in refused.value.means
    assert "--fresh" in refused.value.next
    assert json.loads(path.read_text()) == kept
