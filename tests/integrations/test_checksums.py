"""Files below a folder are listed and hashed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from integrations.checksums import hash_file, list_files


def test_files_are_listed_in_order_and_links_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (folder / "b").write_bytes(b"b")
    (folder / "inner" / "a").write_bytes(b"a")
    (folder / "link").symlink_to(outside)
    names = [str(path.relative_to(folder)) for path in list_files(folder)]
    assert names == ["b", "inner/a", "link"]


def test_a_file_is_hashed_as_a_whole(tmp_path: Path) -> None:
    data = b"0123456789" * 1_000_000
    (tmp_path / "file").write_bytes(data)
    assert hash_file(tmp_path / "file") == hashlib.sha256(data).hexdigest()
