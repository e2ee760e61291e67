"""The health page says who shares artefacts; each host tells it with a heartbeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from checklists.executor.artefact_places import SERVICE, ArtefactPlace
from checklists.models import ServiceBeat
from checklists.models.audit import database_now

pytestmark = pytest.mark.django_db


def words(client: Client) -> str:
    return str(client.get("/health/ready").json()["checks"]["artefacts"]["words"])


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([], "No worker for steps has said yet"),
        (["a:folder:1"], "Workers on a keep artefacts in one folder."),
        (["a:folder:1", "b:folder:1"], "Workers on a, b keep artefacts in one folder."),
        (["a:bucket:x/y", "b:bucket:x/y"], "Workers on a, b keep artefacts in the bucket x/y."),
        (["a:folder:1", "b:folder:2"], "Workers on a, b do not share artefacts"),
        (["a:folder:1", "b:bucket:x/y"], "Workers on a, b do not share artefacts"),
    ],
)
def test_it_says_whether_hosts_share_artefacts(client: Client, places: list[str], said: str) -> None:
    for place in places:
        ServiceBeat.objects.create(name=SERVICE, instance=place, at=database_now())
    assert words(client).startswith(said)


def test_hosts_that_have_mounted_one_folder_tell_the_same_place(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUTOVER_ARTEFACTS", raising=False)
    settings.CUTOVER_DATA = tmp_path
    first, second = ArtefactPlace(), ArtefactPlace()
    assert first.place == second.place
    settings.CUTOVER_DATA = tmp_path / "other"
    assert ArtefactPlace().place != first.place
    first.beat()
    assert ServiceBeat.objects.get(name=SERVICE).instance.endswith(first.place)
