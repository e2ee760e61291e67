"""Finds out from which environment variables a Prisma project takes its database addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from integrations.errors import Problem
from integrations.prisma.address_expression import read_expression
from integrations.prisma.source_tokens import SourceToken, find_closing, read_tokens

MAIN_SETTINGS = ("url", "directUrl")  # the CLI works in the database of the second where it is given
SHADOW_SETTING = "shadowDatabaseUrl"
CONFIG_ENDINGS = ("js", "ts", "mjs", "cjs", "mts", "cts")


@dataclass(frozen=True)
class DatasourceAddress:
    """One setting of a datasource that is an address: the variables that it names, and where it is.

    Without variables it is ``literal``, or the panel cannot read its expression.
    """

    setting: str
    variables: tuple[str, ...]
    literal: bool
    place: str  # file and line
    in_config: bool

    def refuse_unknown_source(self) -> None:
        """Raises `Problem` when the address does not come from a variable that the panel can set."""
        example = (
            f'{self.setting}: env("DATABASE_URL")'
            if self.in_config
            else f'{self.setting} = env("DATABASE_URL")'
        )
        if self.literal:
            raise Problem(
                f"{self.place}: {self.setting} is a fixed address.",
                means="Prisma would work in that database, whichever the panel checked. Nothing was started.",
                next=f"Take the address from a variable there: {example}. The panel sets that variable.",
            )
        if not self.variables:
            raise Problem(
                f"{self.place}: the panel cannot tell from which variable {self.setting} takes its address.",
                means="Without it the panel cannot lead Prisma to the database that it checked. Nothing was "
                "started.",
                next=f"Write it as {example} (also with ?? and a second variable).",
            )


def find_config(project: Path) -> Path | None:
    """Returns the configuration file that the CLI loads in that folder; None when there is none."""
    names = [f"prisma.config.{ending}" for ending in CONFIG_ENDINGS]
    names += [f".config/prisma.{ending}" for ending in CONFIG_ENDINGS]
    return next((project / name for name in names if (project / name).is_file()), None)


def read_addresses(project: Path, schema_files: Iterable[Path]) -> list[DatasourceAddress]:
    """Returns the addresses in the datasource of the schema and in that of the configuration.

    A setting of the configuration replaces the schema's, but the schema's variables are still listed.
    """
    config = find_config(project)
    found = [each for file in schema_files for each in _read_schema(file, _shorten(file, project))]
    configured = list(_read_config(config, _shorten(config, project))) if config else []
    settings = {each.setting for each in configured}
    return [*configured, *(each for each in found if each.variables or each.setting not in settings)]


def _shorten(file: Path, project: Path) -> str:
    return str(file.relative_to(project)) if file.is_relative_to(project) else str(file)


def find_blocks(tokens: list[SourceToken], *words: str) -> Iterator[tuple[int, int]]:
    """Yields begin and end of each ``WORD NAME { … }`` of a Prisma schema, as indexes of tokens."""
    for index in range(len(tokens) - 2):
        head = tokens[index]
        first = index == 0 or tokens[index - 1].line < head.line
        if first and head.kind == "word" and head.text in words and tokens[index + 2].text == "{":
            yield index, find_closing(tokens, index + 2)


def _read_schema(file: Path, name: str) -> Iterator[DatasourceAddress]:
    tokens = read_tokens(file.read_text())
    for begin, end in find_blocks(tokens, "datasource"):
        for index in range(begin + 3, end - 1):
            setting, mark = tokens[index], tokens[index + 1]
            if setting.text in (*MAIN_SETTINGS, SHADOW_SETTING) and mark.text == "=":
                yield _read_address(tokens, index, name, in_config=False)


def _read_config(file: Path, name: str) -> Iterator[DatasourceAddress]:
    tokens = read_tokens(file.read_text())
    for index in range(len(tokens) - 1):
        if tokens[index].text != "datasource" or tokens[index].kind not in {"word", "string"}:
            continue
        if tokens[index + 1].text in {",", "}"} or _is_named(tokens, index):
            yield DatasourceAddress("url", (), False, f"{name}, line {tokens[index].line}", True)
        elif tokens[index + 1].text == ":" and tokens[index + 2].text == "{":
            yield from _read_object(tokens, index + 2, name)


def _is_named(tokens: list[SourceToken], index: int) -> bool:
    """Whether the datasource is given by something else than an object in braces."""
    return tokens[index + 1].text == ":" and index + 2 < len(tokens) and tokens[index + 2].text != "{"


def _read_object(tokens: list[SourceToken], opening: int, name: str) -> Iterator[DatasourceAddress]:
    for index in range(opening + 1, find_closing(tokens, opening) - 1):
        if tokens[index].text in (*MAIN_SETTINGS, SHADOW_SETTING) and tokens[index + 1].text == ":":
            yield _read_address(tokens, index, name, in_config=True)


def _read_address(tokens: list[SourceToken], index: int, name: str, *, in_config: bool) -> DatasourceAddress:
    value = read_expression(tokens, index + 2)
    place = f"{name}, line {tokens[index].line}"
    setting = tokens[index].text
    if value is None:
        return DatasourceAddress(setting, (), False, place, in_config)
    variables = () if value.literal else value.variables
    return DatasourceAddress(setting, variables, value.literal, place, in_config)


def read_provider(schema_files: Iterable[Path]) -> str:
    """The provider of the schema's datasource, such as “postgresql”; "" where it names none as a text."""
    for file in schema_files:
        tokens = read_tokens(file.read_text())
        for begin, end in find_blocks(tokens, "datasource"):
            for index in range(begin + 3, end - 1):
                words = [token.text for token in tokens[index : index + 2]]
                if words == ["provider", "="] and tokens[index + 2].kind == "string":
                    return tokens[index + 2].text
    return ""
