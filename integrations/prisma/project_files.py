"""The files of a Prisma project: its schema (one file or several), its migrations, its addresses."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from integrations.errors import Problem
from integrations.prisma.datasource import DatasourceAddress, find_blocks, find_config, read_addresses
from integrations.prisma.source_tokens import find_closing, read_tokens


class ProjectFiles:
    """A project's folder, and its schema: a file, or a folder of ``.prisma`` files."""

    def __init__(self, folder: Path, schema: Path) -> None:
        self.folder, self.schema = folder, schema

    def check(self, system: str) -> None:
        """Raises `Problem` when the folder or the schema is missing."""
        if not self.folder.is_dir():
            raise Problem(
                f"The Prisma project {self.folder} is not there.",
                means="The worker sees no such folder. Nothing was started.",
                next=f"Check out the project, or correct project: of the system “{system}”.",
            )
        if not self.schema_files or not all(file.is_file() for file in self.schema_files):
            raise Problem(
                f"The Prisma project has no {self.schema.relative_to(self.folder)}.",
                means="Prisma cannot know what the database should look like. Nothing was started.",
                next=f"Correct schema: of the system “{system}”.",
            )

    @property
    def schema_files(self) -> list[Path]:
        """The schema file, or all ``.prisma`` files of a schema folder."""
        return sorted(self.schema.rglob("*.prisma")) if self.schema.is_dir() else [self.schema]

    @property
    def migrations(self) -> Path:
        """The folder of the migrations: that of the configuration, or the one next to the datasource."""
        return self._configured_migrations or self._datasource_file.parent / "migrations"

    @cached_property
    def addresses(self) -> list[DatasourceAddress]:
        """The database addresses of schema and configuration."""
        return read_addresses(self.folder, self.schema_files)

    def name_variables(self, *settings: str) -> list[str]:
        """The variables that these settings of the datasource name."""
        return [name for each in self.addresses if each.setting in settings for name in each.variables]

    @property
    def config(self) -> Path | None:
        """The configuration file; None when there is none."""
        return find_config(self.folder)

    @property
    def config_name(self) -> str:
        """The name of the configuration file."""
        return self.config.name if self.config else "prisma.config"

    def hash_schema(self) -> str:
        """Returns the SHA-256 of the schema file, or of all ``.prisma`` files of a schema folder."""
        return hashlib.sha256(b"\0".join(file.read_bytes() for file in self.schema_files)).hexdigest()

    def read_head(self) -> str:
        """Returns generators and datasource of the schema, without its models."""
        blocks = []
        for text in (file.read_text() for file in self.schema_files):
            tokens = read_tokens(text)
            for begin, end in find_blocks(tokens, "generator", "datasource"):
                blocks.append(text[tokens[begin].begin : tokens[min(end, len(tokens) - 1)].end])
        return "\n".join(blocks)

    @property
    def _datasource_file(self) -> Path:
        """The schema file with the datasource; Prisma looks for the migrations next to it."""
        files = self.schema_files if self.schema.is_dir() else []
        has_it = (f for f in files if any(find_blocks(read_tokens(f.read_text()), "datasource")))
        return next(has_it, self.schema / "schema.prisma" if self.schema.is_dir() else self.schema)

    @cached_property
    def _configured_migrations(self) -> Path | None:
        """The path under ``migrations:`` of the configuration, where it is a plain text."""
        config = self.config
        tokens = read_tokens(config.read_text()) if config else []
        for index in range(len(tokens) - 2):
            if [tokens[index + n].text for n in range(3)] == ["migrations", ":", "{"]:
                inside = tokens[index + 3 : find_closing(tokens, index + 2)]
                for key, mark, value in zip(inside, inside[1:], inside[2:], strict=False):
                    if (key.text, mark.text, value.kind) == ("path", ":", "string"):
                        return self.folder / value.text
        return None
