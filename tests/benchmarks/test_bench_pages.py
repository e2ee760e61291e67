"""The benchmark of pages asks for real pages, counts their queries, and sees queries that grow."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_pages import Cost, measure, print_table


@pytest.mark.django_db
def test_a_page_is_asked_for_and_its_queries_are_counted(settings) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    found, bare = measure(40, 1, "wall", statistics=False)
    assert found.keys() == {"wall"}
    assert found["wall"].queries > 15
    assert len(found["wall"].seconds) == 1
    assert len(found["wall"].drawn) == 3
    assert found["wall"].most > bare > 0


def test_queries_that_grow_with_the_runbook_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    small, large = Cost([0.01], [0.02], 0.0, 30), Cost([0.2], [0.3], 0.0, 31)
    assert print_table({"wall": small}, {"wall": small}, 0.001) == 0
    assert "over 100 ms" not in capsys.readouterr().out
    assert print_table({"wall": small}, {"wall": large}, 0.001) == 1
    printed = capsys.readouterr().out
    assert "GROWS: 30 with 50 items" in printed
    assert "over 100 ms" in printed
