"""One command makes the times of a rehearsal the next plan, and shows the difference."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from checklists.models import Attempt, Cutover
from checklists.runbook import read
from checklists.runbook.planned_times import write_duration, write_planned_times
from tests.by_hand import by_hand
from tests.checklists.forecast.test_completion import TIMED
from tests.checklists.histories import ended, make_cutover


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.2, "1s"),
        (48, "48s"),
        (89.1, "1m30s"),
        (599, "9m59s"),
        (601, "11m"),
        (5400, "1h30m"),
        (90_000, "1d1h"),
    ],
)
def test_times_are_rounded_up_as_a_runbook_has_them(seconds: float, written: str) -> None:
    assert write_duration(timedelta(seconds=seconds)) == written


def test_only_the_times_of_the_named_items_change_in_a_text() -> None:
    text = "phases:\n- items:\n  - key: a\n    planned: 5m  # as always\n  - {key: b, planned: 10m}\n"
    found = write_planned_times(text, {"a": timedelta(seconds=48), "b": timedelta(hours=1)})
    assert found.text == text.replace("5m  #", "48s  #").replace("planned: 10m", "planned: 1h")
    assert found.by_hand == ()
    assert write_planned_times(text, {"c": timedelta(1)}).by_hand == ("c",)


@pytest.mark.django_db
class TestCommand:
    @pytest.fixture
    def rehearsal(self) -> Cutover:
        cutover = make_cutover("signed", text=TIMED)
        attempt = ended(cutover, "change-it", effect="AT_MOST_ONCE")
        with by_hand():
            end = attempt.effect_started_at + timedelta(seconds=150)
            Attempt.objects.filter(pk=attempt.pk).update(ended_at=end)
        return cutover

    def run(self, file: Path, *options: str) -> str:
        out = StringIO()
        call_command("runbook", "plan", str(file), *options, stdout=out)
        return out.getvalue()

    def test_it_shows_the_difference_and_writes_only_when_asked(
        self, rehearsal: Cutover, tmp_path: Path
    ) -> None:
        file = tmp_path / "next.yaml"
        file.write_text(TIMED)
        said = self.run(file, "--rehearsal", rehearsal.slug)
        assert "2.1 Change it: planned 10m, took 2m30s (7 min 30 s less)\n" in said
        assert file.read_text() == TIMED
        said = self.run(file, "--rehearsal", rehearsal.slug, "--write")
        document = read(file.read_bytes()).document
        assert document is not None
        assert document.item("change-it").planned == timedelta(seconds=150)
        assert document.item("celebrate").planned == timedelta(minutes=20)
        assert "change-it" not in self.run(file, "--rehearsal", rehearsal.slug)

    def test_a_rehearsal_that_does_not_exist_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="no cutover called nowhere"):
            self.run(tmp_path / "next.yaml", "--rehearsal", "nowhere")
