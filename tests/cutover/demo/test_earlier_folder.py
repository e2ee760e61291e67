"""A demo's data folder that another version of the panel began: it is refused, and nothing in it changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cutover.demo import __main__ as demo
from cutover.demo import demo_folder
from cutover.demo.demo_plan import DemoPlan
from integrations.sandbox.state import SandboxState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a start leaves: the marker, the plan, the sandbox's state, and an old database."""
    folder = tmp_path / "demo"
    monkeypatch.setenv("CUTOVER_DATA", str(folder))
    demo_folder.mark(folder)
    DemoPlan.load_or_create(folder, 2000)
    SandboxState.of(folder / "sandbox")
    (folder / "estate").mkdir()
    (folder / "estate" / "PG_VERSION").write_text("18")
    return folder


def begun_by_an_earlier_version(folder: Path) -> None:
    path = folder / "sandbox" / "state.json"
    kept = json.loads(path.read_text())
    del kept["version"]
    path.write_text(json.dumps(kept))


def test_it_is_refused_with_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun_by_an_earlier_version(folder)
    assert demo.main([]) == 1
    said = capsys.readouterr().out
    assert f"{folder}/sandbox holds a sandbox of another version of the panel." in said
    assert "./panel demo --fresh" in said
    assert not (folder / "postgres").exists(), "no server of the panel was set up beside it"
    assert (folder / "estate" / "PG_VERSION").exists()


def test_fresh_clears_what_would_be_refused(folder: Path) -> None:
    begun_by_an_earlier_version(folder)
    demo_folder.clear(folder)
    assert not (folder / "sandbox").exists()
    assert not (folder / "estate").exists()
    assert demo.build(demo.arguments([]), folder, 0.0).is_resumed is False
