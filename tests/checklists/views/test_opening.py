"""Opening a cutover from a runbook file, and adding people."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from checklists.models import Cutover, Member, Runbook
from tests.checklists.histories import PASSWORD, RUNBOOK, make_cutover, person

pytestmark = pytest.mark.django_db
PROOF = {"password": PASSWORD}


@pytest.fixture
def ama(client):
    """A signed-in person who may open cutovers."""
    ama = person("ama")
    ama.user_permissions.add(Permission.objects.get(codename="add_cutover"))
    client.force_login(ama)
    return client


def form(text=RUNBOOK, **more):
    source = text if isinstance(text, bytes) else text.encode()
    given = {"title": "Second try", "slug": "second-try", "kind": "REHEARSAL"}
    return given | {"file": SimpleUploadedFile("runbook.yaml", source)} | more


def test_a_runbook_file_becomes_a_cutover_whose_opener_leads(ama):
    response = ama.post(reverse("open-cutover"), form())
    assert response["Location"] == reverse("people", args=["second-try"])
    cutover = Cutover.objects.get(slug="second-try")
    assert cutover.items.count() == 6
    assert cutover.members.get().part == "LEAD"


def test_a_version_that_is_here_serves_as_well(ama):
    runbook = make_cutover().runbook
    ama.post(reverse("open-cutover"), form() | {"file": "", "runbook": runbook.pk})
    assert Cutover.objects.get(slug="second-try").runbook == runbook


def test_the_window_is_read_in_the_runbooks_zone(ama):
    text = RUNBOOK.replace("Africa/Accra", "Asia/Tokyo")
    ama.post(
        reverse("open-cutover"), form(text, window_start="2026-12-01T01:00", window_end="2026-12-01T05:00")
    )
    assert Cutover.objects.get(slug="second-try").window_start.isoformat() == "2026-11-30T16:00:00+00:00"


def test_every_mistake_of_the_file_is_shown_with_its_line_and_nothing_typed_is_lost(ama):
    text = RUNBOOK.replace("needs: [announce]", "needs: [anounce]").replace("5m", "soon")
    response = ama.post(reverse("open-cutover"), form(text))
    assert response.status_code == 422
    page = response.content.decode()
    assert page.count("Line ") >= 2
    assert "Second try" in page
    assert not Runbook.objects.exists()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"file": ""}, "one of the two"),
        ({"slug": "not a slug"}, "valid"),
        ({"window_start": "2026-12-01T05:00"}, "a start and an end"),
        ({"window_start": "2026-12-01T05:00", "window_end": "2026-12-01T01:00"}, "before it starts"),
        ({"kind": "PRODUCTION", "rehearsal_quorum": "1"}, "Only a rehearsal"),
        ({"file": SimpleUploadedFile("x.yaml", b"\xff\xfe\x00")}, "Line"),
        ({"file": SimpleUploadedFile("x.yaml", b"a: &a [*a, *a]")}, "Line"),
        ({"file": SimpleUploadedFile("x.yaml", b"#" * 300_000)}, "256 KB"),
    ],
    ids=["no file", "slug", "half a window", "backwards", "quorum", "no text", "alias", "large"],
)
def test_bad_input_is_said_in_words(ama, more, word):
    response = ama.post(reverse("open-cutover"), form() | more)
    assert response.status_code == 422
    assert word in response.content.decode()
    assert not Cutover.objects.exists()


def test_a_person_without_the_permission_cannot_open_a_cutover(client):
    client.force_login(person("efua"))
    assert client.get(reverse("open-cutover")).status_code == 403
    assert client.post(reverse("open-cutover"), form()).status_code == 403


def test_a_lead_adds_a_person_and_changes_their_part(ama):
    cutover = make_cutover()
    person("esi")
    url = reverse("people", args=[cutover.slug])
    ama.post(url, {"person": "esi", "part": "APPROVER", "seats": ["data"], "roles": ["lead"]} | PROOF)
    esi = Member.objects.get(cutover=cutover, person__username="esi")
    assert (esi.part, esi.seats, esi.roles) == ("APPROVER", ["data"], ["lead"])
    assert 'value="data"' in ama.get(f"{url}?person=esi").content.decode()
    ama.post(url, {"person": "esi", "part": "STAKEHOLDER"} | PROOF)
    esi.refresh_from_db()
    assert (esi.part, esi.seats) == ("STAKEHOLDER", [])


def test_a_stakeholder_with_a_seat_is_refused(ama):
    cutover = make_cutover()
    response = ama.post(
        reverse("people", args=[cutover.slug]), {"person": "yaw", "part": "STAKEHOLDER", "seats": ["data"]}
    )
    assert response.status_code == 422
    assert "fills no seat" in response.content.decode()


@pytest.mark.parametrize(("name", "status"), [("efua", 302), ("yaw", 403), ("stranger", 404)])
def test_only_a_lead_changes_people(client, name, status):
    cutover = make_cutover()
    client.force_login(person(name))
    url = reverse("people", args=[cutover.slug])
    assert client.post(url, {"person": "efua", "part": "LEAD"} | PROOF).status_code == status
    assert Member.objects.get(cutover=cutover, person=person("efua")).part == "APPROVER"
