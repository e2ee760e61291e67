"""A file is private and whole, or it is not there."""

from __future__ import annotations

from pathlib import Path

from integrations import atomic_files


def test_a_file_is_private_and_leaves_nothing_unfinished_beside_it(tmp_path: Path) -> None:
    folder = atomic_files.make_private_folder(tmp_path / "a" / "b")
    atomic_files.write_file(folder / "file", b"one")
    atomic_files.write_file(folder / "file", b"two")
    assert (folder / "file").read_bytes() == b"two"
    assert (folder / "file").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_an_unfinished_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file.partial").write_bytes(b"half of something long")
    atomic_files.write_file(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert not (tmp_path / "file.partial").exists()
