"""What a sandbox remembers: its ports are its own, also those that nobody listens at yet."""

from __future__ import annotations

import socket

import pytest

from integrations.sandbox import state


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
