"""Artefacts in a bucket: whole or not at all, checked on the way in and out, every refusal in words."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from integrations.artefacts.bucket import PART
from integrations.artefacts.object_store import ObjectArtefacts
from integrations.errors import Problem
from tests.integrations.artefacts.s3_server import CUTOVER, SharedBucket


def write_folder(store: ObjectArtefacts, name: str = "backups/db-1") -> Path:
    folder = store.root / name
    (folder / "dump").mkdir(parents=True)
    (folder / "dump" / "1.dat.gz").write_bytes(secrets.token_bytes(3000))
    (folder / "manifest.json").write_text("{}")
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_a_folder_of_one_host_is_the_same_on_another(shared: SharedBucket) -> None:
    here, there = shared.host("a"), shared.host("b")
    folder = write_folder(here)
    here.publish(folder)
    fetched = there.fetch(str(folder), host="a")
    assert fetched == there.root / "backups" / "db-1"
    assert content_of(fetched) == content_of(folder)
    assert fetched.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in fetched.rglob("*") if file.is_file()} == {0o600}
    assert there.read(str(folder), "manifest.json") == b"{}"
    assert there.fetch(str(folder)) == fetched  # the second time it is there already


def test_a_file_that_is_written_again_replaces_the_earlier_one_everywhere(shared: SharedBucket) -> None:
    here, there = shared.host("a"), shared.host("b")
    file = here.root / "alignment.sql"
    for content in ("select 1;", "select 2;"):
        file.write_text(content)
        here.publish(file)
        assert there.fetch(str(file)).read_text() == content
    assert len(shared.objects()) == 2  # the newer content and its index
    there.remove(there.root / "alignment.sql")
    assert shared.objects() == []
    assert there.read(str(file)) is None


@pytest.mark.parametrize("change", ["other bytes", "longer", "gone"])
def test_a_changed_object_is_refused_and_nothing_of_it_is_left(shared: SharedBucket, change: str) -> None:
    here, there = shared.host("a"), shared.host("b")
    folder = write_folder(here)
    here.publish(folder)
    where = {"Bucket": shared.settings.bucket, "Key": f"panel/a/{CUTOVER}/backups/db-1/dump/1.dat.gz"}
    if change == "gone":
        shared.client.delete_object(**where)
    else:
        shared.client.put_object(**where, Body=secrets.token_bytes(3000 if change == "other bytes" else 9000))
    with pytest.raises(Problem) as refused:
        there.fetch(str(folder), host="a")
    assert "1.dat.gz of db-1 in the storage is not what was written" in refused.value.what
    assert "Nothing of it was used" in refused.value.means
    assert "Restore the object" in refused.value.next
    assert list(there.root.rglob("*db-1*")) == []


def test_a_file_that_is_not_the_recorded_one_is_refused(shared: SharedBucket) -> None:
    here, there = shared.host("a"), shared.host("b")
    file = here.root / "pass.json"
    file.write_text("[]")
    here.publish(file)
    with pytest.raises(Problem, match="SHA-256 is another"):
        there.fetch(str(file), sha256="0" * 64)


def test_a_publication_that_broke_off_is_no_artefact(shared: SharedBucket) -> None:
    """What a process leaves that is killed before the index: objects that nobody finds."""
    here, there = shared.host("a"), shared.host("b")
    folder, whole = write_folder(here), write_folder(here, "backups/db-2")
    for each in (folder, whole):
        here.publish(each)
    shared.client.delete_object(
        Bucket=shared.settings.bucket, Key=f"panel/a/{CUTOVER}/backups/db-1.index.json"
    )
    folder.rename(folder.with_name("gone"))
    assert not there.has(there.root / "backups" / "db-1")
    with pytest.raises(Problem, match=r"db-1 is not in the bucket .* and not on this host") as absent:
        there.fetch(str(folder), host="a")
    assert "written on a as" in absent.value.means
    # the next backup of the same database removes what is left, and nothing else
    assert len(here.discard_unfinished("backups/db-")) == 2
    assert content_of(there.fetch(str(whole))) == content_of(whole)


def test_an_upload_in_parts_that_fails_leaves_nothing(shared: SharedBucket) -> None:
    """The disk fails in the second part: what the server has of the first is given up."""
    here = shared.host("a")
    file = here.root / "large.bin"
    with file.open("wb") as output:
        output.truncate(PART + 1000)

    class Failing:
        """Reads one part, then fails as a disk does."""

        def __init__(self) -> None:
            self.left = PART

        def read(self, size: int = -1) -> bytes:
            if self.left <= 0:
                raise OSError("Input/output error")
            size = min(size, self.left) if size >= 0 else self.left
            self.left -= size
            return b"x" * size

    with pytest.raises(OSError, match="Input/output"):
        here.bucket._storage.bucket.Object("panel/a/large.bin").upload_fileobj(
            Failing(), Config=here.bucket._storage.transfer_config
        )
    assert (shared.objects(), shared.uploads()) == ([], [])


def test_what_a_killed_upload_left_is_ended(shared: SharedBucket) -> None:
    here = shared.host("a")
    where = {"Bucket": shared.settings.bucket, "Key": f"panel/a/{CUTOVER}/backups/db-9/dump"}
    begun = shared.client.create_multipart_upload(**where)
    shared.client.upload_part(**where, UploadId=begun["UploadId"], PartNumber=1, Body=b"x" * 6_000_000)
    assert not here.has(here.root / "backups" / "db-9")
    assert shared.objects() == []
    here.discard_unfinished("backups/other-")
    assert len(shared.uploads()) == 1
    here.discard_unfinished("backups/db-")
    assert shared.uploads() == []


@pytest.mark.parametrize("name", ["../../../outside", "/tmp/outside", ""])
def test_an_index_cannot_lead_out_of_the_folder(shared: SharedBucket, name: str) -> None:
    here, there = shared.host("a"), shared.host("b")
    folder = write_folder(here)
    here.publish(folder)
    key = f"panel/a/{CUTOVER}/backups/db-1.index.json"
    index = json.loads(shared.client.get_object(Bucket=shared.settings.bucket, Key=key)["Body"].read())
    index["files"][0]["name"] = name
    shared.client.put_object(Bucket=shared.settings.bucket, Key=key, Body=json.dumps(index))
    with pytest.raises(Problem, match="index of db-1 in the storage cannot be read"):
        there.fetch(str(folder))
    assert list(there.root.rglob("*")) == []


def test_a_missing_bucket_and_a_server_that_is_away_are_named_with_the_variable(shared: SharedBucket) -> None:
    for other, words in (
        ({"bucket": "not-there-at-all"}, "refused .*: NoSuchBucket.*correct CUTOVER_ARTEFACTS"),
        ({"endpoint": "http://127.0.0.1:9"}, "does not answer.*Check CUTOVER_ARTEFACTS_ENDPOINT"),
    ):
        store = shared.host("c", **other)
        with pytest.raises(Problem, match=words):
            store.has(store.root / "x")
        with pytest.raises(Problem, match=words):
            store.fetch(str(store.root / "x"))
        (store.root / "y").write_text("x")
        with pytest.raises(Problem, match="no other host can have it"):
            store.publish(store.root / "y")
        (store.root / "y").unlink()


def test_without_credentials_the_two_variables_are_named(
    shared: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = shared.host("c", access_key="", secret_key="")
    with pytest.raises(Problem, match="no credentials") as refused:
        store.has(store.root / "x")
    assert "Set CUTOVER_ARTEFACTS_ACCESS_KEY and CUTOVER_ARTEFACTS_SECRET_KEY" in refused.value.next


def test_what_is_here_is_used_while_the_storage_is_away(shared: SharedBucket) -> None:
    """A restore in the night must not depend on a storage that answers."""
    folder = write_folder(shared.host("a"))
    assert shared.host("a", endpoint="http://127.0.0.1:9").fetch(str(folder)) == folder


MEASURE = """
import json, resource, sys
from pathlib import Path
import django; django.setup()
from integrations.artefacts.object_store import ObjectArtefacts
from integrations.artefacts.settings import BucketSettings
settings, root = BucketSettings(**json.loads(sys.argv[1])), Path(sys.argv[2])
store = ObjectArtefacts(root, "rehearsal-1", settings)
store.has(root / "large")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.fetch(str(root / "large"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_a_large_file_comes_out_in_bounded_memory(shared: SharedBucket) -> None:
    """By default the library keeps a whole file in memory. Uploads it cuts into parts by itself."""
    size = 3 * PART
    here, there = shared.host("a"), shared.host("b")
    (here.root / "large").write_bytes(secrets.token_bytes(1024) * (size // 1024))
    here.publish(here.root / "large")
    environment = {
        "DJANGO_SETTINGS_MODULE": "cutover.settings",
        "CUTOVER_DATA": str(shared.folder / "data"),
        "PATH": os.defpath,
    }
    argv = [sys.executable, "-c", MEASURE, json.dumps(vars(shared.settings)), str(there.root)]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 2 * PART
    assert (there.root / "large").stat().st_size == size
