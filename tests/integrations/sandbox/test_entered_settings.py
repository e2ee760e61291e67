"""The sandbox's API has the secrets that people entered, and no others."""

from __future__ import annotations

from pathlib import Path

from integrations.sandbox.entered_settings import EnteredSettings
from integrations.sandbox.new_oauth import OAuth
from integrations.sandbox.serving import Asked


def test_a_secret_counts_from_the_moment_it_is_entered(tmp_path: Path) -> None:
    file = tmp_path / "new.env"
    file.write_text("")
    environ = {"SETTINGS_FILE": str(file), "GOOGLE_CLIENT_ID": "the panel's", "GOOGLE_URL": "http://x"}
    settings = EnteredSettings(environ)
    authorize = Asked("GET", "/auth/providers/google/authorize", b"")
    assert set(settings) == {"SETTINGS_FILE", "GOOGLE_URL"}
    before = OAuth("", settings).answer(authorize)
    file.write_text('GOOGLE_CLIENT_ID="entered"\n')
    after = OAuth("", settings).answer(authorize)
    assert before
    assert after
    assert (before.status, after.status) == (500, 200)
    assert settings["GOOGLE_CLIENT_ID"] == "entered"


def test_without_a_file_the_environment_is_all() -> None:
    assert dict(EnteredSettings({"GOOGLE_CLIENT_ID": "x"})) == {"GOOGLE_CLIENT_ID": "x"}
