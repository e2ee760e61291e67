"""A private copy of a Prisma project finds the same packages, and what is written there stays there."""

from __future__ import annotations

from pathlib import Path

from integrations.prisma.project_copy import copy_project


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def list_files(folder: Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_text() for each in folder.rglob("*") if each.is_file()}


def test_what_is_written_in_the_copy_stays_there(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write(project / "prisma" / "schema.prisma", "model A {}")
    write(project / "node_modules" / "@prisma" / "client" / "index.js", "client")
    write(project / "node_modules" / "@prisma" / "engines" / "index.js", "engines")
    write(project / "node_modules" / ".prisma" / "client" / "index.js", "generated")
    write(project / "node_modules" / "pg" / "index.js", "pg")
    write(project / ".git" / "HEAD")
    before = list_files(project)
    copy = copy_project(project, tmp_path / "copy")
    write(copy / "prisma" / "migrations" / "1_align" / "migration.sql")
    write(copy / "node_modules" / "@prisma" / "client" / "index.js", "written by generate")
    write(copy / "node_modules" / ".prisma" / "client" / "index.js", "written by generate")
    assert list_files(project) == before
    assert (copy / "node_modules" / "pg" / "index.js").read_text() == "pg"
    assert (copy / "node_modules" / "@prisma" / "engines" / "index.js").read_text() == "engines"
    assert not (copy / ".git").exists()


def test_a_new_copy_replaces_the_old_one_and_follows_none_of_its_links(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write(project / "package.json")
    package = write(project / "node_modules" / "pg" / "index.js")
    copy = copy_project(project, tmp_path / "copy")
    write(copy / "left.txt")
    assert copy_project(project, tmp_path / "copy") == copy
    assert not (copy / "left.txt").exists()
    assert package.exists()


def test_settings_stay_in_one_place(tmp_path: Path) -> None:
    project = tmp_path / "project"
    settings = write(project / ".env", "DATABASE_URL=secret")
    copy = copy_project(project, tmp_path / "copy")
    assert (copy / ".env").is_symlink()
    assert (copy / ".env").resolve() == settings


def test_packages_of_the_folders_above_and_beside_the_client_are_found(tmp_path: Path) -> None:
    """As npm lays out a workspace, and as pnpm keeps the dependencies of a package beside it."""
    root = tmp_path / "workspace"
    project = root / "apps" / "backend"
    write(project / "package.json")
    write(root / "node_modules" / "dotenv" / "config.js", "dotenv")
    store = root / "node_modules" / ".pnpm" / "client" / "node_modules"
    write(store / "@prisma" / "client" / "index.js", "client")
    write(store / "@prisma" / "debug" / "index.js", "debug")
    (root / "node_modules" / "@prisma").mkdir()
    (root / "node_modules" / "@prisma" / "client").symlink_to(store / "@prisma" / "client")
    copy = copy_project(project, tmp_path / "copy")
    above = [folder / "node_modules" / "dotenv" / "config.js" for folder in copy.parents]
    assert any(each.exists() for each in above)
    client = copy / "node_modules" / "@prisma" / "client" / "index.js"
    assert not client.is_symlink()
    assert client.resolve() == client, "it is a copy: generate writes beside it"
    assert (copy / "node_modules" / "@prisma" / "debug" / "index.js").read_text() == "debug"
