"""What the pretended people hand in: something real for each item of the runbook that asks for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from integrations.sandbox.handed_in import NOTES, TEXTS, take_picture, write_note
from integrations.sandbox.people import People
from integrations.sandbox.state import SandboxState
from tests.customer_runbook import customer_runbook


def items_that_require(word: str) -> set[str]:
    phases = customer_runbook()["phases"]
    return {i["key"] for phase in phases for i in phase["items"] if word in i.get("requires", ())}


def test_every_note_that_the_runbook_requires_says_something_of_its_own() -> None:
    wanted = items_that_require("note")
    assert wanted <= {*TEXTS, *NOTES}
    assert len({TEXTS.get(key, key) for key in wanted}) == len(wanted)


def test_an_item_requires_a_note_exactly_when_its_text_says_what_belongs_there() -> None:
    phases = customer_runbook()["phases"]
    manual = [i for phase in phases for i in phase["items"] if i["kind"] == "manual"]
    asking = {i["key"] for i in manual if re.search(r"\bnote\b", i["how"].replace("\n", " "))}
    assert asking == items_that_require("note")


def test_the_note_about_images_has_the_digests_of_the_releases(tmp_path: Path) -> None:
    releases = tmp_path / "platform" / "releases"
    releases.mkdir(parents=True)
    for name, digest in (("new-api", "ab" * 32), ("old-app", "cd" * 32)):
        (releases / f"{digest}.json").write_text(json.dumps({"service": name}))
    note = People(tmp_path).note("build-images")
    assert f"new-api sha256:{'ab' * 32}" in note
    assert "old-app" not in note


def test_the_note_about_webhooks_has_the_address_that_stripe_now_calls(tmp_path: Path) -> None:
    port = SandboxState.of(tmp_path).ports["public"]
    assert f"http://127.0.0.1:{port}/donations/webhooks/stripe" in write_note(tmp_path, "switch-webhooks")


def test_the_picture_is_a_png() -> None:
    name, content = take_picture()
    assert name.endswith(".png")
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
